"""Number columns, which models take nearly as they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["NumberColumn"]

_LARGEST: Final = 1e37  # forests compute in float32; beyond its range they refuse the whole table
_FAR: Final = 2.0**12  # times their range: numbers so far from 0 have few of float32's 24 bits left for differences


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A number stays a number; missing is NaN.

    Where all are far from 0 beside their range, such as milliseconds since 1970 of one hour, they are counted from the
    smallest: most trees see them in single precision, which would leave them a few dozen different values.

    Attributes:
        name: Of the column.
        origin: From where numbers are counted.
    """

    name: str
    origin: float = 0.0

    @classmethod
    def fit(cls, name: str, column: pd.Series[Any]) -> NumberColumn:
        """Learn the origin."""
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if not np.isfinite(values).any():
            return cls(name)
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        far = math.isfinite(high - low) and max(abs(low), abs(high)) > _FAR * (high - low) > 0.0
        return cls(name, low if far else 0.0)

    @classmethod
    def fit_all(cls, names: Sequence[str], block: NDArray[np.float64]) -> list[NumberColumn]:
        """`fit` for many columns at once, shape (n, columns); infinities are missing already."""
        gaps = np.isnan(block)
        low = np.where(gaps, np.inf, block).min(axis=0, initial=np.inf)
        high = np.where(gaps, -np.inf, block).max(axis=0, initial=-np.inf)
        with np.errstate(over="ignore", invalid="ignore"):
            size = high - low
            far = np.isfinite(size) & (np.maximum(np.abs(low), np.abs(high)) > _FAR * size) & (size > 0.0)
        return [cls(name, origin) for name, origin in zip(names, np.where(far, low, 0.0).tolist(), strict=True)]

    @staticmethod
    def clipped_all(block: NDArray[np.float64], origins: NDArray[np.float64]) -> NDArray[np.float64]:
        """`clipped` for many columns at once, shape (n, columns)."""
        found: NDArray[np.float64] = np.clip(block - origins, -_LARGEST, _LARGEST)
        return found

    @property
    def column_levels(self) -> tuple[int, ...]:
        """Levels of each column of codes; 0 for what is a quantity."""
        return (0,)

    def codes(self, column: pd.Series[Any]) -> NDArray[np.float64]:
        """Shape (n, 1)."""
        return self.clipped(column.to_numpy(dtype=np.float64, na_value=np.nan))

    def clipped(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shape (n,) to (n, 1), within what single precision holds."""
        counted = values - self.origin if self.origin else values
        found: NDArray[np.float64] = np.clip(counted, -_LARGEST, _LARGEST)[:, None]
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain data that rebuilds the column."""
        return {"kind": "number", "name": self.name} | ({"origin": self.origin} if self.origin else {})
