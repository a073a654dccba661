"""Number columns, nearly unchanged."""

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

_MAX_NUMBER: Final = 1e37  # largest absolute value; scikit-learn forests convert to float32 and reject larger values
_FAR_IN_RANGES: Final = (
    2.0**12
)  # distance from 0, in ranges, above which few of float32's 24 bits remain for differences


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """Numbers with NaN for missing values.

    If all numbers are far from 0 relative to their range, such as milliseconds since 1970 within one hour, the smallest
    number is subtracted. Most trees compute in single precision, in which such numbers would have a few dozen distinct
    values.

    Attributes:
        name: Name of the column.
        origin: Subtracted number.
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
        far = math.isfinite(high - low) and max(abs(low), abs(high)) > _FAR_IN_RANGES * (high - low) > 0.0
        return cls(name, low if far else 0.0)

    @classmethod
    def fit_all(cls, names: Sequence[str], block: NDArray[np.float64]) -> list[NumberColumn]:
        """Vectorised `fit` of many columns, shape (n, columns); infinities must be NaN already."""
        gaps = np.isnan(block)
        low = np.where(gaps, np.inf, block).min(axis=0, initial=np.inf)
        high = np.where(gaps, -np.inf, block).max(axis=0, initial=-np.inf)
        with np.errstate(over="ignore", invalid="ignore"):
            size = high - low
            far = np.isfinite(size) & (np.maximum(np.abs(low), np.abs(high)) > _FAR_IN_RANGES * size) & (size > 0.0)
        return [cls(name, origin) for name, origin in zip(names, np.where(far, low, 0.0).tolist(), strict=True)]

    @staticmethod
    def clipped_all(block: NDArray[np.float64], origins: NDArray[np.float64]) -> NDArray[np.float64]:
        """Vectorised `clipped` of many columns, shape (n, columns)."""
        found: NDArray[np.float64] = np.clip(block - origins, -_MAX_NUMBER, _MAX_NUMBER)
        return found

    @property
    def column_levels(self) -> tuple[int, ...]:
        """Number of levels of each column of codes; 0 for a number."""
        return (0,)

    def codes(self, column: pd.Series[Any]) -> NDArray[np.float64]:
        """Return the codes, shape (n, 1)."""
        return self.clipped(column.to_numpy(dtype=np.float64, na_value=np.nan))

    def clipped(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Subtract the origin and clip to the range of single precision, shape (n,) to (n, 1)."""
        counted = values - self.origin if self.origin else values
        found: NDArray[np.float64] = np.clip(counted, -_MAX_NUMBER, _MAX_NUMBER)[:, None]
        return found

    def to_json(self) -> dict[str, Any]:
        """State of the column."""
        return {"kind": "number", "name": self.name} | ({"origin": self.origin} if self.origin else {})
