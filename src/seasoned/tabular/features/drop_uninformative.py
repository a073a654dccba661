"""Leave out columns that tell no more than noise, even together with others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Rows

__all__ = ["Uninformative"]

_COPIES: Final = 5
_TREES: Final = 30  # of a forest, at least
_ROWS: Final = 2_000  # looked at
_AIMS: Final = 10  # the most common classes
_LEAST: Final = 50  # rows; with fewer, nothing is left out


@dataclass(frozen=True, slots=True)
class Uninformative:
    """The permutation filter: a column is left out unless it is more important than each of five permuted copies.

    Five forests of randomised trees are grown, each on all columns and a permuted copy of every one. A column stays if
    its mean importance (decrease of the squared error) is above those of all its copies, so that noise stays with a
    probability of about 1/6, and a column that tells something only with another one, as in XOR, stays as well.

    Source: Kursa and Rudnicki 2010, Feature selection with the Boruta package, whose copies compete as a whole.
    """

    name: str = "uninformative"

    def keep(self, matrix: NDArray[np.float64], rows: Rows) -> NDArray[np.bool_]:
        """Which columns stay, shape (m,)."""
        count = matrix.shape[1]
        looked = rows.sample(_ROWS)
        if len(looked) < _LEAST or count < 2:
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
    """Importances of all columns and then of their permuted copies: means over trees, shape (2 m,)."""
    from sklearn.tree import ExtraTreeRegressor

    copies = np.column_stack([column[rng.permutation(len(column))] for column in matrix.T])
    seen = np.hstack([matrix, copies]).astype(np.float32)
    seeds = rng.integers(2**31 - 1, size=_TREES + matrix.shape[1] // 20)
    trees = [ExtraTreeRegressor(max_features="sqrt", min_samples_leaf=5, random_state=int(seed)) for seed in seeds]
    found: NDArray[np.float64] = np.mean([tree.fit(seen, aims, weight).feature_importances_ for tree in trees], axis=0)
    return found
