"""Cyclic encoding of date parts: December is next to January."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Given, Rows

__all__ = ["CycleColumns", "Cycles"]


@dataclass(frozen=True, slots=True)
class CycleColumns:
    """Columns sin(2 pi x / period) and cos(2 pi x / period).

    Attributes:
        periods: Index of a column of codes, and its period.
    """

    periods: tuple[tuple[int, float], ...]

    @property
    def count(self) -> int:
        """Number of output columns."""
        return 2 * len(self.periods)

    def transform(self, given: Given) -> NDArray[np.float64]:
        """Return the columns, shape (n, count); NaN where the date is missing."""
        codes = given.codes
        blocks = [np.zeros((len(codes), 0))]
        for column, period in self.periods:
            angle = 2.0 * np.pi * np.fmod(codes[:, column], period) / period
            blocks.append(np.column_stack([np.sin(angle), np.cos(angle)]))
        return np.hstack(blocks)

    def to_json(self) -> dict[str, Any]:
        """State for `Cycles.from_json`."""
        return {"periods": [list(pair) for pair in self.periods]}


@dataclass(frozen=True, slots=True)
class Cycles:
    """Cyclic encoding of every periodic date part (month, day of the week and of the year, hour, minute).

    The step does not use the target. A date part that is constant in the training rows is dropped.
    """

    name: str = "cycles"

    def fit(self, rows: Rows, most: int) -> tuple[CycleColumns, NDArray[np.float64]]:
        """Encode date parts in the order of the table, with at most `most` columns."""
        varying = []
        for column, period in rows.cyclic:
            present = rows.codes[~np.isnan(rows.codes[:, column]), column]
            if len(present) and present.min() < present.max():
                varying.append((column, period))
        columns = CycleColumns(tuple(varying[: max(most // 2, 1)]))
        return columns, columns.transform(rows.given)

    def from_json(self, state: dict[str, Any], width: int) -> CycleColumns:
        """Restore columns from `CycleColumns.to_json`.

        Raises:
            ValueError: If the state is invalid.
        """
        periods = [(column, period) for column, period in state["periods"]]
        for column, period in periods:
            if type(column) is not int or not 0 <= column < width or type(period) not in {int, float}:
                raise ValueError("a feature of cycles names columns that are not there")
            if not 0 < period < np.inf:
                raise ValueError("a feature of cycles has an impossible period")
        return CycleColumns(tuple(periods))
