"""Drop columns that duplicate another column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.tabular.features.relevance import relevance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Rows

__all__ = ["Redundant"]

_SAME: Final = 0.98  # absolute rank correlation above which two columns are duplicates
_ROWS: Final = 2_000  # rows on which columns are compared
_COLUMNS: Final = 1_000  # largest number of compared columns; the most relevant ones are compared


@dataclass(frozen=True, slots=True)
class Redundant:
    """Spearman filter: drops the less relevant of two columns whose rank correlation exceeds 0.98 in absolute value.

    Columns are visited in descending order of `relevance`; of equal columns the earlier comes first. A column is
    retained unless a retained column orders the rows in nearly the same or the reverse way. Missing values have the
    mean rank. A constant column is dropped, too, unless some of its values are missing: missingness can be informative.

    Source: Spearman 1904, The proof and measurement of association between two things.
    """

    name: str = "redundant"

    def keep(self, matrix: NDArray[np.float64], rows: Rows) -> NDArray[np.bool_]:
        """Return a mask of the retained columns, shape (m,)."""
        looked = rows.sample(_ROWS)
        seen = matrix[looked]
        order = np.argsort(-relevance(seen, rows.aims[looked]), kind="stable")
        compared, kept = order[:_COLUMNS], np.ones(matrix.shape[1], dtype=np.bool_)
        ranks = _ranks(seen[:, compared])
        gaps = np.isnan(seen[:, compared])
        for column in compared[~ranks.any(axis=0) & (gaps.all(axis=0) | ~gaps.any(axis=0))]:
            kept[column] = not _is_constant(matrix[:, column])  # test all rows, not only the sample
        alike = np.abs(ranks.T @ ranks) > _SAME
        for place, column in enumerate(compared):
            if kept[column]:
                later = compared[place + 1 :][alike[place, place + 1 :]]
                kept[later] = False
        return kept


def _is_constant(values: NDArray[np.float64]) -> bool:
    """True for a column with a single value in all rows, or without any value."""
    known = values[~np.isnan(values)]
    return len(known) in {0, len(values)} and (not len(known) or bool(known.min() == known.max()))


def _ranks(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks with mean 0 and length 1, average ranks for ties, shape (n, m); all 0 for a constant column."""
    from scipy.stats import rankdata

    known = ~np.isnan(columns)
    # missing values rank last and leave other ranks unchanged
    ranks = rankdata(np.where(known, columns, np.inf), axis=0)
    mean = np.where(known, ranks, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, ranks - mean, 0.0)
    length = np.linalg.norm(centred, axis=0)
    scaled: NDArray[np.float64] = centred / np.where(length > 0, length, 1.0)
    return scaled
