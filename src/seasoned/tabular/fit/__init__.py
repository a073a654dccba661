"""One fit or refit of a table, from its parameters to the fitted model."""
