"""Imports of JAX and optax, with one clear error if they are missing and with a cache of compiled programs.

All modules of this package import JAX and optax here. The cache is a user folder, shared by all processes of the user.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Final

from seasoned.errors import MissingExtra

try:
    import jax
    import jax.numpy as jnp
    import optax
    from jax import lax
    from jax.flatten_util import ravel_pytree
except ImportError as error:
    raise MissingExtra.of(error.name or "jax", "learning by gradient") from error

__all__ = ["jax", "jnp", "keep_compiled", "lax", "optax", "ravel_pytree"]

MAX_PROGRAMS: Final = 1000
"""Maximum number of programs in the folder, about 100 kB each; the oldest files above this number are removed."""
_SETTING: Final = "jax_compilation_cache_dir"


def keep_compiled(config: Any) -> None:
    """Set JAX's compilation cache folder, unless the user has set one or the folder is not writable.

    The folder is `jax` in `SEASONED_CACHE` or in the user's cache folder. JAX_COMPILATION_CACHE_DIR sets another
    folder, and JAX_ENABLE_COMPILATION_CACHE=false disables the cache.

    Args:
        config: `jax.config`.
    """
    if getattr(config, _SETTING, None) is not None or not getattr(config, "jax_enable_compilation_cache", True):
        return
    import platformdirs

    cache = os.environ.get("SEASONED_CACHE") or platformdirs.user_cache_dir("seasoned", appauthor=False)
    folder = Path(cache).absolute() / "jax"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = sorted(folder.glob("*-cache"), key=lambda path: path.stat().st_mtime)
    except OSError:  # read-only, or emptied by another process: JAX then works without a cache
        return
    for path in kept[:-MAX_PROGRAMS]:
        with contextlib.suppress(OSError):
            path.unlink()
    if os.access(folder, os.W_OK):
        config.update(_SETTING, str(folder))


keep_compiled(jax.config)
