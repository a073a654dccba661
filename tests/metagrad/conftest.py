"""Compiling is most of what these tests cost: XLA compiles without optimising, on one thread."""

from __future__ import annotations

import os

import pytest

FLAGS = "--xla_backend_optimization_level=0 --xla_cpu_multi_thread_eigen=false"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAGS}"  # read when JAX is first used


@pytest.fixture
def double():
    """Double precision in JAX."""
    import jax

    with jax.enable_x64(True):
        yield
