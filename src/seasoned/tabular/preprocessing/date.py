"""Date columns: calendar parts and elapsed days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["DateColumn"]

_PARTS = ("year", "month", "day", "day_of_week", "day_of_year", "hour", "minute")
_PERIODS = {"month": 12.0, "day_of_week": 7.0, "day_of_year": 365.25, "hour": 24.0, "minute": 60.0}
_EPOCH = np.datetime64("2000-01-01T00:00:00", "us")


@dataclass(frozen=True, slots=True)
class DateColumn:
    """Calendar parts of a date, and days since the earliest day of the fit.

    The parts are year, month, day, day of week (0 = Monday), day of year, hour and minute. Most trees compute in single
    precision, in which days since 2000 would have steps of more than a minute.

    Attributes:
        name: Name of the column.
        origin: First day of the elapsed days, in days since 2000.
    """

    name: str
    origin: float = 0.0

    @classmethod
    def fit(cls, name: str, column: pd.Series[Any]) -> DateColumn:
        """Learn the origin."""
        days = _days(column)
        return cls(name, float(np.floor(np.nanmin(days))) if np.isfinite(days).any() else 0.0)

    @property
    def width(self) -> int:
        """Number of columns of codes."""
        return len(_PARTS) + 1

    @property
    def cyclic(self) -> tuple[tuple[int, float], ...]:
        """Index and period of each periodic column of codes."""
        return tuple((_PARTS.index(part), period) for part, period in _PERIODS.items())

    @property
    def column_levels(self) -> tuple[int, ...]:
        """Number of levels of each column of codes; 0 for a number."""
        return (0,) * self.width

    def codes(self, column: pd.Series[Any]) -> NDArray[np.float64]:
        """Return the codes, shape (n, 8); NaN for missing dates."""
        parts = [getattr(column.dt, part).to_numpy(dtype=np.float64, na_value=np.nan) for part in _PARTS]
        return np.column_stack([*parts, _days(column) - self.origin])

    def to_json(self) -> dict[str, Any]:
        """State of the column."""
        return {"kind": "date", "name": self.name} | ({"origin": self.origin} if self.origin else {})


def _days(column: pd.Series[Any]) -> NDArray[np.float64]:
    """Days since 2000; NaN for missing dates."""
    elapsed = column.to_numpy(dtype="datetime64[us]") - _EPOCH
    return np.where(np.isnat(elapsed), np.nan, elapsed.astype(np.int64) / 86_400e6)
