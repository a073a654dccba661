"""Transfer to a new search: warm starts, and a search over a pool of configurations."""
