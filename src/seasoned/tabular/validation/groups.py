"""Folds of very many groups, each whole on one side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from seasoned.tabular.validation.folds import Fold

__all__ = ["MANY", "ByTurns"]

MANY: Final = 5_000
"""Groups from which on they are dealt by turns: scikit-learn takes a third of a millisecond for each."""


class ByTurns:
    """Folds of very many groups: dealt in turns, in the order of their commonest class and their size.

    So each fold has about as much of every class and size.

    Args:
        splits: Number of folds.
    """

    def __init__(self, splits: int) -> None:
        self._splits = splits

    def split(self, X: Any, y: NDArray[np.int64], groups: NDArray[np.int64]) -> Iterator[Fold]:  # noqa: ARG002
        """Rows to train on and rows to validate, in ascending order."""
        classes, most = int(y.max()) + 1, int(groups.max()) + 1
        pairs, counts = np.unique(groups * classes + y, return_counts=True)
        rising = np.argsort(counts, kind="stable")
        commonest = np.zeros(most, dtype=np.int64)
        commonest[pairs[rising] // classes] = pairs[rising] % classes  # the last one of a group stays, its commonest
        turn = np.empty(most, dtype=np.int64)
        there = np.arange(most) % (2 * self._splits)  # and back again, or the last would always get the largest
        back = np.minimum(there, 2 * self._splits - 1 - there)
        turn[np.lexsort((np.bincount(groups, minlength=most), commonest))] = back
        for fold in range(self._splits):
            held = turn[groups] == fold
            yield np.flatnonzero(~held), np.flatnonzero(held)
