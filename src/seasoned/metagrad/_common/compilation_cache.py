"""A folder for compiled programs in the user's cache, so that another process need not compile them again."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, Final

__all__ = ["keep_compiled"]

_MOST: Final = 1000
"""Programs in the folder; the least recently written ones beyond that are removed. One is some 100 kB."""
_SETTING: Final = "jax_compilation_cache_dir"


def keep_compiled(config: Any) -> None:
    """Give JAX a folder for compiled programs, if the user has given it none and the folder can be written to.

    The folder is `jax` in `SEASONED_CACHE` or in the user's cache. JAX_COMPILATION_CACHE_DIR names another one, and
    JAX_ENABLE_COMPILATION_CACHE=false keeps none.

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
    except OSError:  # read-only, or emptied by another process: programs are compiled, as without a cache
        return
    for path in kept[:-_MOST]:
        with contextlib.suppress(OSError):
            path.unlink()
    if os.access(folder, os.W_OK):
        config.update(_SETTING, str(folder))
