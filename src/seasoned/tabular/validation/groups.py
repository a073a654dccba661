"""Group folds for very many groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from seasoned.tabular.validation.folds import Fold

__all__ = ["MANY", "ByTurns"]

MANY: Final = 5_000
"""Largest number of groups for scikit-learn's splitters, whose time for each group is too long for more."""


class ByTurns:
    """Group folds: the groups, sorted by their most common class and their size, are dealt to the folds in turn.

    Each fold then has about the same number of groups of every class and size.

    Args:
        splits: Number of folds.
    """

    def __init__(self, splits: int) -> None:
        self._splits = splits

    def split(self, X: Any, y: NDArray[np.int64], groups: NDArray[np.int64]) -> Iterator[Fold]:  # noqa: ARG002
        """Yield (train, validation) row indices, in ascending order."""
        classes, most = int(y.max()) + 1, int(groups.max()) + 1
        pairs, counts = np.unique(groups * classes + y, return_counts=True)
        rising = np.argsort(counts, kind="stable")
        commonest = np.zeros(most, dtype=np.int64)
        commonest[pairs[rising] // classes] = pairs[rising] % classes  # the last write is the most common class
        turn = np.empty(most, dtype=np.int64)
        there = np.arange(most) % (2 * self._splits)  # alternating order balances the sizes of the folds
        back = np.minimum(there, 2 * self._splits - 1 - there)
        turn[np.lexsort((np.bincount(groups, minlength=most), commonest))] = back
        for fold in range(self._splits):
            held = turn[groups] == fold
            yield np.flatnonzero(~held), np.flatnonzero(held)
