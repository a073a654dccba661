"""Helpers of learning by gradient: imports of JAX, trees of arrays, files, the compilation cache."""
