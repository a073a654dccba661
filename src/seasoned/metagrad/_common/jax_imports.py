"""Imports of JAX and optax with one clear error if they are missing; all modules of this package import them here."""

from __future__ import annotations

from seasoned.errors import MissingExtra
from seasoned.metagrad._common.compilation_cache import keep_compiled

try:
    import jax
    import jax.numpy as jnp
    import optax
    from jax import lax
    from jax.flatten_util import ravel_pytree
except ImportError as error:
    raise MissingExtra.of(error.name or "jax", "learning by gradient") from error

keep_compiled(jax.config)

__all__ = ["jax", "jnp", "lax", "optax", "ravel_pytree"]
