"""Number columns: they are what models eat already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["NumberColumn"]

_LARGEST = 1e37  # forests compute in float32; beyond its range they refuse the whole table


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A number stays a number; missing is NaN."""

    name: str

    @property
    def column_levels(self) -> tuple[int, ...]:
        """Levels of each column of codes; 0 for what is a quantity."""
        return (0,)

    def codes(self, column: pd.Series[Any]) -> NDArray[np.float64]:
        """Shape (n, 1)."""
        return self.clipped(column.to_numpy(dtype=np.float64, na_value=np.nan))

    def clipped(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shape (n,) to (n, 1), within what single precision holds."""
        found: NDArray[np.float64] = np.clip(values, -_LARGEST, _LARGEST)[:, None]
        return found

    def to_json(self) -> dict[str, Any]:
        """Plain data that rebuilds the column."""
        return {"kind": "number", "name": self.name}
