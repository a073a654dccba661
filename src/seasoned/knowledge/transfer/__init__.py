"""Transfer to a new search: warm starts, deep kernels and a learned acquisition function."""
