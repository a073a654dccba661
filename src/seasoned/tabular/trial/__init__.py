"""One configuration, cross-validated, and its files in the run folder."""
