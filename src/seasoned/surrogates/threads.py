"""One thread for numerical libraries where more would only wait for each other, and what was there before afterwards.

The matrices here are small: with two threads a fit of 200 points took 5 to 100 times as long as with one.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["one_thread", "openmp_threads"]


@lru_cache(maxsize=1)
def _loaded(modules: int) -> Any:  # noqa: ARG001 - the key: what was imported since may have brought another library
    """The libraries in this process. Looking for them costs milliseconds, as long as a whole prediction of one row."""
    import scipy.linalg  # noqa: F401 - so that its library is among those found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


class _Shared:
    """BLAS's limit, which is the process's: the first of several threads sets it, the last one out restores it.

    If each restored what it had found, one that came while another was inside would leave BLAS at one thread for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limit: Any = None

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._limit = _loaded(len(sys.modules)).limit(limits=1, user_api="blas")

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._restore()

    def begin_anew(self) -> None:
        """In a forked child, which has none of its parent's threads."""
        self._lock, self._inside = threading.Lock(), 0
        self._restore()

    def _restore(self) -> None:
        if self._limit is not None:
            self._limit.restore_original_limits()
            self._limit = None


_BLAS: Final = _Shared()
if hasattr(os, "register_at_fork"):  # where there are forks
    os.register_at_fork(after_in_child=_BLAS.begin_anew)


@contextmanager
def openmp_threads(count: int) -> Iterator[None]:
    """OpenMP with so many threads inside, or fewer where fewer were asked for; its number is the calling thread's."""
    loaded = _loaded(len(sys.modules))
    present = [pool["num_threads"] for pool in loaded.info() if pool["user_api"] == "openmp"] if count > 1 else []
    with loaded.limit(limits=min([count, *present]), user_api="openmp"):
        yield


@contextmanager
def one_thread(kind: Literal["blas", "openmp"] = "blas") -> Iterator[None]:
    """BLAS, or OpenMP in this thread, with one thread inside."""
    if kind == "openmp":
        with openmp_threads(1):
            yield
        return
    try:
        _BLAS.enter()
        yield
    finally:
        _BLAS.leave()
