"""Transfer to a new search: warm starts, deep kernels, a learned acquisition."""
