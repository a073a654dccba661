"""One BLAS thread while a model works, and what was there before afterwards.

The matrices here are small: with two threads a fit of 200 points took 5 to 100 times as long as with one.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["one_thread"]


@lru_cache(maxsize=1)
def _controller() -> Any:
    """A handle on the process's BLAS libraries; to find them takes milliseconds, so that is done once."""
    import scipy.linalg  # noqa: F401 - so that its library is among those found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit BLAS to one thread inside the block."""
    with _controller().limit(limits=1, user_api="blas"):
        yield
