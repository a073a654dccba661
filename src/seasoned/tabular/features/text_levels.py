"""Level codes of text columns whose values repeat too rarely to be categories of the column plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.features.base import few_valued

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Given, Rows

__all__ = ["LevelColumns", "Levels"]

_OWN_CODE_LEVELS: Final = 100  # smallest number of levels (exclusive) of a column with its own codes


@dataclass(frozen=True, slots=True)
class LevelColumns:
    """Level codes, 0 for the most common level; NaN for a rare level.

    Attributes:
        columns: Indices of the columns of codes that contain the level codes.
    """

    columns: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of output columns."""
        return len(self.columns)

    def transform(self, given: Given) -> NDArray[np.float64]:
        """Return the level codes, shape (n, count)."""
        return given.codes[:, list(self.columns)]

    def to_json(self) -> dict[str, Any]:
        """State for `Levels.from_json`."""
        return {"columns": list(self.columns)}


@dataclass(frozen=True, slots=True)
class Levels:
    """Level codes of text columns with more than 100 levels; the step does not use the target.

    Boosters with native categorical splits receive these columns as categorical. Other tree models use them as ranks by
    frequency.
    """

    name: str = "levels"

    def fit(self, rows: Rows, most: int) -> tuple[LevelColumns, NDArray[np.float64]]:
        """Select at most `most` columns, those with the most levels."""
        counts = {column: level_count(rows.codes[:, column]) for column in few_valued(rows)}
        levels = [column for column in rows.categorical & counts.keys() if column >= rows.own]
        found = [column for column in levels if counts[column] > _OWN_CODE_LEVELS]
        columns = LevelColumns(tuple(sorted(found, key=lambda column: (-counts[column], column))[:most]))
        return columns, columns.transform(rows.given)

    def from_json(self, state: dict[str, Any], width: int) -> LevelColumns:
        """Restore columns from `LevelColumns.to_json`.

        Raises:
            ValueError: If the state is invalid.
        """
        columns = state["columns"]
        if not isinstance(columns, list) or not all(type(c) is int and 0 <= c < width for c in columns):
            raise ValueError("a feature of levels names columns that are not there")
        return LevelColumns(tuple(columns))


def level_count(codes: NDArray[np.float64]) -> int:
    """Number of levels, without missing values."""
    return len(np.unique(codes[~np.isnan(codes)]))
