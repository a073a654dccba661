"""Rows in single precision for compiled trees, with the branches of double precision.

scikit-learn's compiled trees read float32 rows. For trees with float64 thresholds, a number is replaced by its rank:
the number of thresholds of its column that are smaller. With thresholds t_0 < t_1 < ..., x <= t_i if and only if
rank(x) <= i, and ranks are exact in single precision.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.models.trees.tree_arrays import Trees

__all__ = ["Rows"]

_MAX_BISECTED_ROWS: Final = (
    8  # largest number of rows whose ranks are searched one by one, without numpy's cost per call
)


@dataclass(frozen=True, slots=True)
class Rows:
    """Conversion of rows to the precision of compiled trees.

    Attributes:
        width: Number of columns.
        threshold: Threshold of each inner node on the converted rows.
        columns: Columns with ranks.
        grids: Sorted thresholds of each of these columns.
        lists: The same as lists, for few rows.
    """

    width: int
    threshold: NDArray[Any]
    columns: NDArray[np.int32]
    grids: Sequence[NDArray[np.float64]]
    lists: Sequence[list[float]]

    @classmethod
    def of(cls, trees: Trees) -> Rows:
        """Prepare the conversion for an ensemble."""
        threshold = trees.threshold
        if threshold.dtype == np.float32:
            return cls(trees.width, threshold, np.zeros(0, dtype=np.int32), (), ())
        numeric = np.flatnonzero(~trees.sets.split) if trees.sets else np.arange(len(threshold))
        order = numeric[np.lexsort((threshold[numeric], trees.feature[numeric]))]
        feature, sorted_threshold = trees.feature[order], threshold[order]
        first = np.diff(feature, prepend=-1) != 0
        new = first.copy()
        new[1:] |= sorted_threshold[1:] != sorted_threshold[:-1]
        starts = np.flatnonzero(first[new])
        place = np.cumsum(new) - 1  # in the grid
        ranks = np.zeros(len(threshold), dtype=np.float32)
        ranks[order] = place - starts[np.cumsum(first) - 1]
        grids = np.split(sorted_threshold[new], starts[1:])
        return cls(trees.width, ranks, feature[first], grids, [grid.tolist() for grid in grids])

    def single(self, X: NDArray[np.float64]) -> NDArray[np.float32]:
        """Convert rows, shape (n, width); missing values stay missing.

        Raises:
            InvalidInput: If X has another number of columns.
        """
        if X.ndim != 2 or X.shape[1] != self.width:
            raise InvalidInput(f"the matrix has the shape {X.shape}; the model was fitted on {self.width} columns.")
        with np.errstate(over="ignore"):
            rows = np.array(X, dtype=np.float32, order="C")
        if not len(self.columns):
            return rows
        if len(X) <= _MAX_BISECTED_ROWS:
            ranks = [list(map(bisect_left, self.lists, row)) for row in X[:, self.columns].tolist()]
            rows[:, self.columns] = ranks
        else:
            for column, grid in zip(self.columns.tolist(), self.grids, strict=True):
                rows[:, column] = np.searchsorted(grid, X[:, column])
        rows[np.isnan(X)] = np.nan
        return rows
