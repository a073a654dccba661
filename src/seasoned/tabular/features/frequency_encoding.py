"""Frequency encoding of levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.tabular.features.base import few_valued, plain_numbers
from seasoned.tabular.features.group_statistics import places_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Given, Rows

__all__ = ["Frequency", "FrequencyColumns"]


@dataclass(frozen=True, slots=True, eq=False)
class FrequencyColumns:
    """Columns log(1 + number of training rows with the level); 0 for an unknown level.

    Attributes:
        tables: Index of a column of codes, its values in ascending order, and the number of rows of each value.
    """

    tables: tuple[tuple[int, NDArray[np.float64], NDArray[np.float64]], ...]

    @property
    def count(self) -> int:
        """Number of output columns."""
        return len(self.tables)

    def transform(self, given: Given) -> NDArray[np.float64]:
        """Return the columns, shape (n, count); NaN where the level is missing."""
        codes = given.codes
        found = np.full((len(codes), len(self.tables)), np.nan)
        for place, (column, values, counts) in enumerate(self.tables):
            known = ~np.isnan(codes[:, column])
            found[known, place] = np.log1p(np.append(counts, 0.0)[places_of(codes[known, column], values)])
        return found

    def to_json(self) -> dict[str, Any]:
        """State for `Frequency.from_json`."""
        return {"tables": [[column, values.tolist(), counts.tolist()] for column, values, counts in self.tables]}


@dataclass(frozen=True, slots=True)
class Frequency:
    """Frequency encoding of the columns with the most levels; the step does not use the target."""

    name: str = "frequency"

    def fit(self, rows: Rows, most: int) -> tuple[FrequencyColumns, NDArray[np.float64]]:
        """Count the levels of at most `most` columns; a column with two levels or equal counts is skipped."""
        tables = []
        for column in few_valued(rows):
            values, counts = np.unique(rows.codes[:, column], return_counts=True, equal_nan=True)
            there = ~np.isnan(values)
            if there.sum() > 2 and len(np.unique(counts[there])) > 1:
                tables.append((column, values[there], counts[there].astype(np.float64)))
        tables.sort(key=lambda table: -len(table[1]))
        columns = FrequencyColumns(tuple(tables[:most]))
        return columns, columns.transform(rows.given)

    def from_json(self, state: dict[str, Any], width: int) -> FrequencyColumns:
        """Restore columns from `FrequencyColumns.to_json`.

        Raises:
            ValueError: If the state is invalid.
        """
        tables = []
        for column, values, counts in state["tables"]:
            known, rows = plain_numbers(values), plain_numbers(counts, low=0.0)
            inside = type(column) is int and 0 <= column < width and len(known) == len(rows) > 0
            if not inside or not (np.diff(known) > 0).all():
                raise ValueError("a feature of frequencies names columns or levels that are not there")
            tables.append((column, known, rows))
        return FrequencyColumns(tuple(tables))
