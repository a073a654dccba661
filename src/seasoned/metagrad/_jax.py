"""JAX and optax, or one clear error: every module of this package imports them from here."""

from __future__ import annotations

from seasoned.errors import MissingExtra

try:
    import jax
    import jax.numpy as jnp
    import optax
    from jax import lax
    from jax.flatten_util import ravel_pytree
except ImportError as error:
    raise MissingExtra(
        f"{error.name} is not installed, and learning by gradient needs it: run `pip install 'seasoned[grad]'`."
    ) from error

__all__ = ["jax", "jnp", "lax", "optax", "ravel_pytree"]
