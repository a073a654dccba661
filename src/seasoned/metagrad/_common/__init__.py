"""Helpers of gradient-based learning: imports of JAX, trees of arrays, files, the compilation cache."""
