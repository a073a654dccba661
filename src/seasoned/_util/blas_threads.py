"""Thread limits of numerical libraries: BLAS and OpenMP get few threads inside a block, the old limit after it.

The matrices of this package are small, so additional threads would mostly wait for each other.

The number of OpenMP threads belongs to the calling thread. The same holds for MKL, and for OpenBLAS built on OpenMP.
The number of threads of any other BLAS, such as the OpenBLAS in numpy's wheels, belongs to the process.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["one_thread", "openmp_threads"]


class _Libraries(NamedTuple):
    """Thread pools of this process, grouped by the owner of the thread count: the calling thread or the process."""

    openmp: Any
    blas_of_thread: Any
    blas_of_process: Any


@lru_cache(maxsize=1)
def _loaded(modules: int) -> _Libraries:  # noqa: ARG001 - the cache's key: a later import may have loaded another library
    """Return the thread pools of this process. The result is cached because the search takes milliseconds."""
    import scipy.linalg  # noqa: F401 - so that its library is among those found
    from threadpoolctl import ThreadpoolController

    found = ThreadpoolController()
    blas = found.select(user_api="blas")
    own = {library.filepath for library in blas.lib_controllers if _is_of_thread(library)}
    shared = {library.filepath for library in blas.lib_controllers} - own
    return _Libraries(
        found.select(user_api="openmp"),
        blas.select(filepath=list(own)),
        blas.select(filepath=list(shared)),
    )


def _is_of_thread(library: Any) -> bool:
    """Return True for a BLAS whose thread count belongs to the calling thread: MKL, and OpenBLAS built on OpenMP."""
    if library.internal_api == "openblas":  # threadpoolctl before 3.8 sets the count of the process on OpenMP as well
        return library.threading_layer == "openmp" and hasattr(library, "clear_controlling_thread")
    return "MKL_Set_Num_Threads_Local" in library.check_symbols


@contextmanager
def _in_control() -> Iterator[None]:
    """Allow the calling thread to set the thread count of OpenBLAS.

    Since version 3.8 threadpoolctl accepts the first thread that sets the count, and ignores all others while that
    thread lives.
    """
    import threadpoolctl

    openblas = getattr(threadpoolctl, "OpenBLASController", None)
    give_up = getattr(openblas, "clear_controlling_thread", None)
    if give_up is None:
        yield
        return
    give_up(force=True)
    try:
        yield
    finally:
        give_up()  # allows other threads to set the count


class _Shared:
    """Limit of a BLAS with one thread count per process: the first thread sets the limit, the last thread restores it.

    Separate restores would be wrong: a thread that enters while another is inside would store the limit 1 as the
    original.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limit: Any = None

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                with _in_control():
                    self._limit = _loaded(len(sys.modules)).blas_of_process.limit(limits=1)

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._restore()

    def begin_anew(self) -> None:
        """Reset the state in a forked child, which has none of its parent's threads."""
        self._lock, self._inside = threading.Lock(), 0
        self._restore()

    def _restore(self) -> None:
        if self._limit is not None:
            with _in_control():
                self._limit.restore_original_limits()
            self._limit = None


_BLAS: Final = _Shared()
if hasattr(os, "register_at_fork"):  # systems with fork()
    os.register_at_fork(after_in_child=_BLAS.begin_anew)


@contextmanager
def openmp_threads(count: int) -> Iterator[None]:
    """Run a block with at most `count` OpenMP threads; the limit holds for the calling thread only.

    An existing lower limit stays.
    """
    openmp = _loaded(len(sys.modules)).openmp
    present = [pool["num_threads"] for pool in openmp.info()] if count > 1 else []
    with openmp.limit(limits=min([count, *present])):
        yield


@contextmanager
def one_thread(kind: Literal["blas", "openmp"] = "blas") -> Iterator[None]:
    """Run a block with one BLAS thread, or with one OpenMP thread of the calling thread."""
    if kind == "openmp":
        with openmp_threads(1):
            yield
        return
    with _loaded(len(sys.modules)).blas_of_thread.limit(limits=1):
        try:
            _BLAS.enter()
            yield
        finally:
            _BLAS.leave()
