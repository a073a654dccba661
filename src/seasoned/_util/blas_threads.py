"""One thread for numerical libraries where more would only wait for each other; afterwards the old limit is restored.

The matrices here are small: with two threads a fit of 200 points took 5 to 100 times as long as with one.

OpenMP's number of threads belongs to the calling thread, as do MKL's and, where it computes with OpenMP, OpenBLAS's.
That of any other BLAS, such as the OpenBLAS of numpy's wheels, belongs to the process.
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
    """The thread pools of this process, by whose their number of threads is."""

    openmp: Any
    blas_of_thread: Any
    blas_of_process: Any


@lru_cache(maxsize=1)
def _loaded(modules: int) -> _Libraries:  # noqa: ARG001 - the cache's key: a later import may have loaded another library
    """The thread pools of this process. Finding them costs milliseconds, as long as a whole prediction of one row."""
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
    """Whether what threadpoolctl sets of a BLAS is the calling thread's number: MKL's, and OpenBLAS's on OpenMP."""
    if library.internal_api == "openblas":  # before version 3.8 it is the process's on OpenMP as well
        return library.threading_layer == "openmp" and hasattr(library, "clear_controlling_thread")
    return "MKL_Set_Num_Threads_Local" in library.check_symbols


@contextmanager
def _in_control() -> Iterator[None]:
    """Let the calling thread set OpenBLAS's threads.

    Since version 3.8 threadpoolctl lets one thread set them, and ignores all others as long as that one is alive.
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
        give_up()  # so that others can, too


class _Shared:
    """The limit of a BLAS whose threads are the process's: the first of several threads sets it, the last restores it.

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
if hasattr(os, "register_at_fork"):  # where there are forks
    os.register_at_fork(after_in_child=_BLAS.begin_anew)


@contextmanager
def openmp_threads(count: int) -> Iterator[None]:
    """OpenMP with `count` threads inside, or fewer if fewer are set; the number holds for the calling thread alone."""
    openmp = _loaded(len(sys.modules)).openmp
    present = [pool["num_threads"] for pool in openmp.info()] if count > 1 else []
    with openmp.limit(limits=min([count, *present])):
        yield


@contextmanager
def one_thread(kind: Literal["blas", "openmp"] = "blas") -> Iterator[None]:
    """BLAS, or OpenMP in this thread, with one thread inside."""
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
