"""Level codes of text columns whose values repeat too seldom for the plan to treat them as categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.features.base import few_valued

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Given, Rows

__all__ = ["LevelColumns", "Levels"]

_MORE: Final = 100  # levels, above which a column is worth a code of its own


@dataclass(frozen=True, slots=True)
class LevelColumns:
    """Level codes, 0 for the most common level; NaN for a rare one.

    Attributes:
        columns: The columns of codes that hold them.
    """

    columns: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of columns that it gives."""
        return len(self.columns)

    def transform(self, given: Given) -> NDArray[np.float64]:
        """Shape (n, count)."""
        return given.codes[:, list(self.columns)]

    def to_json(self) -> dict[str, Any]:
        """Plain data that `Levels.from_json` reads."""
        return {"columns": list(self.columns)}


@dataclass(frozen=True, slots=True)
class Levels:
    """The codes of text columns with more than 100 levels; the target is not used.

    Boosters that split categories natively are told which columns these are; to other trees they are ranks by
    frequency.
    """

    name: str = "levels"

    def fit(self, rows: Rows, most: int) -> tuple[LevelColumns, NDArray[np.float64]]:
        """Take at most so many, those with the most levels."""
        counts = {column: _count(rows.codes[:, column]) for column in few_valued(rows)}
        levels = [column for column in rows.categorical & counts.keys() if column >= rows.own]
        found = [column for column in levels if counts[column] > _MORE]
        columns = LevelColumns(tuple(sorted(found, key=lambda column: (-counts[column], column))[:most]))
        return columns, columns.transform(rows.given)

    def from_json(self, state: dict[str, Any], width: int) -> LevelColumns:
        """What `LevelColumns.to_json` described.

        Raises:
            ValueError: If it is something else.
        """
        columns = state["columns"]
        if not isinstance(columns, list) or not all(type(c) is int and 0 <= c < width for c in columns):
            raise ValueError("a feature of levels names columns that are not there")
        return LevelColumns(tuple(columns))


def _count(codes: NDArray[np.float64]) -> int:
    """How many levels there are; what is missing is none."""
    return len(np.unique(codes[~np.isnan(codes)]))
