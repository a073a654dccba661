"""Threads of a prediction: the members of an ensemble predict a batch of medium size side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from seasoned._util.blas_threads import openmp_threads
from seasoned.execution._system.resources import cpu_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["map_members"]

_P = TypeVar("_P")
_T = TypeVar("_T")

_MIN_ROWS: Final = 1_000  # number of rows below which threads would wait longer than they work
_MAX_ROWS: Final = 10_000  # number of rows from which on the models use threads themselves


def map_members(predict: Callable[[_P], _T], members: Sequence[_P], rows: int, *, side_by_side: bool) -> list[_T]:
    """Predict with each member; the results have the order of the members and do not depend on the threads.

    Args:
        predict: Returns the prediction of a member.
        members: The members.
        rows: Number of rows.
        side_by_side: False if the members share a state that only one thread may use.

    Example:
        >>> map_members(str.upper, ["a", "b"], 2_000, side_by_side=True)
        ['A', 'B']
    """
    threads = min(cpu_count(), len(members)) if side_by_side and _MIN_ROWS <= rows < _MAX_ROWS else 1

    def alone(member: _P) -> _T:
        with openmp_threads(1):  # the limit holds for the calling thread only
            return predict(member)

    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(alone, members))
    with openmp_threads(1 if rows < _MIN_ROWS else cpu_count()):
        return [predict(member) for member in members]
