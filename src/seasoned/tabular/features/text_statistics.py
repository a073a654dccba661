"""Statistics of texts: lengths, and shares of character classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.tabular.features.relevance import relevance
from seasoned.tabular.features.text_cache import STATISTICS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Given, Rows

__all__ = ["StatisticColumns", "TextStatistics"]

_ROWS = 5_000  # rows on which statistics are selected


@dataclass(frozen=True, slots=True)
class StatisticColumns:
    """Columns of text statistics, one per statistic.

    Attributes:
        statistics: Index of the text column, and index of the statistic in `STATISTICS`.
    """

    statistics: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        """Number of output columns."""
        return len(self.statistics)

    def transform(self, given: Given) -> NDArray[np.float64]:
        """Return the columns, shape (n, count); NaN where the text is missing."""
        blocks = [given.texts[text].statistics[:, [place]] for text, place in self.statistics]
        return np.hstack([np.zeros((len(given.codes), 0)), *blocks])

    def to_json(self) -> dict[str, Any]:
        """State for `TextStatistics.from_json`."""
        return {"statistics": [list(pair) for pair in self.statistics]}


@dataclass(frozen=True, slots=True)
class TextStatistics:
    """Text statistics that vary between rows; the most relevant ones where their number exceeds the limit."""

    name: str = "text_statistics"

    def fit(self, rows: Rows, most: int) -> tuple[StatisticColumns, NDArray[np.float64]]:
        """Select at most `most` statistics."""
        pairs = [
            (text, place)
            for text, found in enumerate(rows.given.texts)
            for place in range(len(STATISTICS))
            if len(np.unique(found.statistics[~np.isnan(found.statistics[:, place]), place])) > 1
        ]
        columns = StatisticColumns(tuple(pairs))
        made = columns.transform(rows.given)
        if len(pairs) <= most:
            return columns, made
        looked = rows.sample(_ROWS)
        kept = np.sort(np.argsort(-relevance(made[looked], rows.aims[looked]), kind="stable")[:most])
        return StatisticColumns(tuple(pairs[place] for place in kept)), made[:, kept]

    def from_json(self, state: dict[str, Any], width: int) -> StatisticColumns:
        """Restore columns from `StatisticColumns.to_json`, for `width` text columns.

        Raises:
            ValueError: If the state is invalid.
        """
        pairs = [(text, place) for text, place in state["statistics"]]
        for text, place in pairs:
            whole = type(text) is int and type(place) is int
            if not whole or not 0 <= text < width or not 0 <= place < len(STATISTICS):
                raise ValueError("a feature of texts names columns or statistics that are not there")
        return StatisticColumns(tuple(pairs))
