"""Drop columns that are no more informative than noise, alone or with other columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Rows

__all__ = ["Uninformative"]

_COPIES: Final = 5
_TREES: Final = 30  # smallest number of trees of a forest
_ROWS: Final = 2_000  # rows on which forests are grown
_AIMS: Final = 10  # largest number of target classes, the most common ones
_MIN_ROWS: Final = 50  # smallest number of rows; with fewer rows no column is dropped


@dataclass(frozen=True, slots=True)
class Uninformative:
    """Permutation filter: a column is retained if it is more important than each of its five permuted copies.

    Five forests of randomised trees are grown, each on all columns and one permuted copy of every column. The
    importance of a column is the decrease of the squared error. A column is retained if its mean importance exceeds the
    importances of all its copies. A noise column is retained with a probability of about 1/6. A column that is
    informative only with another column, as in XOR, is retained as well.

    Source: Kursa and Rudnicki 2010, Feature selection with the Boruta package, whose copies compete as a whole.
    """

    name: str = "uninformative"

    def keep(self, matrix: NDArray[np.float64], rows: Rows) -> NDArray[np.bool_]:
        """Return a mask of the retained columns, shape (m,)."""
        count = matrix.shape[1]
        looked = rows.sample(_ROWS)
        if len(looked) < _MIN_ROWS or count < 2:
            return np.ones(count, dtype=np.bool_)
        seen, weight = matrix[looked], None if rows.weight is None else rows.weight[looked]
        aims = rows.common_aims(_AIMS)[looked]
        rng = np.random.default_rng(rows.seed)
        found = np.array([_importances(seen, aims, weight, rng) for _ in range(_COPIES)])  # (copies, 2 columns)
        own, copies = found[:, :count].mean(axis=0), found[:, count:].max(axis=0)
        kept: NDArray[np.bool_] = own > copies
        return kept


def _importances(
    matrix: NDArray[np.float64], aims: NDArray[np.float64], weight: NDArray[np.float64] | None, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Importances of all columns, then of their permuted copies: means over the trees, shape (2 m,)."""
    from sklearn.tree import ExtraTreeRegressor

    copies = np.column_stack([column[rng.permutation(len(column))] for column in matrix.T])
    seen = np.hstack([matrix, copies]).astype(np.float32)
    seeds = rng.integers(2**31 - 1, size=_TREES + matrix.shape[1] // 20)
    trees = [ExtraTreeRegressor(max_features="sqrt", min_samples_leaf=5, random_state=int(seed)) for seed in seeds]
    found: NDArray[np.float64] = np.mean([tree.fit(seen, aims, weight).feature_importances_ for tree in trees], axis=0)
    return found
