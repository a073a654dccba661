"""Helpers that know nothing of the project: lazy imports, locks, progress bars, threads of BLAS, atomic files."""
