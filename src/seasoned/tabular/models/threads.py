"""One thread for numerical libraries where more would only wait for each other."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import contextlib

__all__ = ["one_thread"]


def one_thread(kind: Literal["blas", "openmp"]) -> contextlib.AbstractContextManager[Any]:
    """BLAS or OpenMP with one thread inside, as before afterwards (law 8)."""
    limited: contextlib.AbstractContextManager[Any] = _loaded(len(sys.modules)).limit(limits=1, user_api=kind)
    return limited


@functools.lru_cache(maxsize=1)
def _loaded(modules: int) -> Any:  # noqa: ARG001 - the key: what was imported since may have brought another library
    """The libraries in this process. Looking for them costs milliseconds, as long as a whole prediction of one row."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
