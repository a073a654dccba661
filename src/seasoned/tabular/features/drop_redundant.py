"""Leave out columns that say the same as another one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.tabular.features.relevance import relevance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Rows

__all__ = ["Redundant"]

_SAME: Final = 0.98  # the rank correlation's absolute value
_ROWS: Final = 2_000  # looked at
_COLUMNS: Final = 1_000  # compared; of more, the most relevant ones


@dataclass(frozen=True, slots=True)
class Redundant:
    """The Spearman filter: of two columns whose ranks correlate by more than 0.98, the less relevant one is left out.

    Columns are taken in the order of `relevance`, the earlier of equals first, and each stays unless one that stays
    already orders the rows in nearly the same way, or in reverse. Missing values have the middle rank. Constant columns
    are left out, too, unless values are missing in some rows: that may be what they tell.

    Source: Spearman 1904, The proof and measurement of association between two things.
    """

    name: str = "redundant"

    def keep(self, matrix: NDArray[np.float64], rows: Rows) -> NDArray[np.bool_]:
        """Which columns stay, shape (m,)."""
        looked = rows.sample(_ROWS)
        seen = matrix[looked]
        order = np.argsort(-relevance(seen, rows.aims[looked]), kind="stable")
        compared, kept = order[:_COLUMNS], np.ones(matrix.shape[1], dtype=np.bool_)
        ranks = _ranks(seen[:, compared])
        gaps = np.isnan(seen[:, compared])
        for column in compared[~ranks.any(axis=0) & (gaps.all(axis=0) | ~gaps.any(axis=0))]:
            kept[column] = not _is_constant(matrix[:, column])  # in all rows, not only in those that were looked at
        alike = np.abs(ranks.T @ ranks) > _SAME
        for place, column in enumerate(compared):
            if kept[column]:
                later = compared[place + 1 :][alike[place, place + 1 :]]
                kept[later] = False
        return kept


def _is_constant(values: NDArray[np.float64]) -> bool:
    """Whether a column is the same everywhere, or missing everywhere."""
    known = values[~np.isnan(values)]
    return len(known) in {0, len(values)} and (not len(known) or bool(known.min() == known.max()))


def _ranks(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks with mean 0 and length 1, ties sharing theirs, shape (n, m); all 0 where a column is constant."""
    from scipy.stats import rankdata

    known = ~np.isnan(columns)
    ranks = rankdata(np.where(known, columns, np.inf), axis=0)  # missing ones come last, and so move no other
    mean = np.where(known, ranks, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, ranks - mean, 0.0)
    length = np.linalg.norm(centred, axis=0)
    scaled: NDArray[np.float64] = centred / np.where(length > 0, length, 1.0)
    return scaled
