"""Helpers without knowledge of the project: lazy imports, locks, progress bars, BLAS threads, atomic files."""
