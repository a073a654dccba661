"""Layout of the unit cube for a model: numeric, discrete and categorical coordinates, and conditional activity."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Column", "Layout", "RoundedPoints"]

_SQRT_HALF: Final = 0.7071067811865476


class Column(NamedTuple):
    """One coordinate of the unit cube.

    Attributes:
        default: Coordinate of an inactive column.
        levels: Coordinates of the values, increasing; None for a continuous column.
        nominal: True if the values have no order.
        parent: Index of the choice on which the column depends; -1 for none.
        option: Index of the parent's value for which the column is active.
        low: Smallest coordinate; for a discrete column, the centre of the first bin.
        high: Largest coordinate; for a discrete column, the centre of the last bin.
    """

    default: float = 0.5
    levels: NDArray[np.float64] | None = None
    nominal: bool = False
    parent: int = -1
    option: int = -1
    low: float = 0.0
    high: float = 1.0


class RoundedPoints(NamedTuple):
    """Points rounded to valid configurations.

    Attributes:
        unit: Coordinates, the default where inactive, shape (n, d).
        active: True where a coordinate is active, bool, shape (n, d).
    """

    unit: NDArray[np.float64]
    active: NDArray[np.bool_]


@dataclass(frozen=True)
class Layout:
    """Map from points of the unit cube to features of a kernel.

    Numeric and ordered columns come first and stay unchanged. A category becomes its one-hot code over the square root
    of 2, so that the squared distance of two different categories is 1 (Hamming distance). Each branch with parameters
    adds one activity bit. Inactive columns have their default. All features of a column share one length scale.

    Args:
        columns: Columns in the order of the cube.

    Example:
        >>> layout = Layout((Column(), Column(levels=np.array([0.25, 0.75]), nominal=True)))
        >>> layout.features(*layout.snap(np.array([[0.3, 0.9]]))).round(2).tolist()
        [[0.3, 0.0, 0.71]]
    """

    columns: tuple[Column, ...]

    @cached_property
    def numeric(self) -> NDArray[np.intp]:
        """Indices of ordered columns."""
        return np.array([j for j, column in enumerate(self.columns) if not column.nominal], dtype=np.intp)

    @cached_property
    def continuous(self) -> NDArray[np.intp]:
        """Indices of columns without levels."""
        return np.array([j for j, column in enumerate(self.columns) if column.levels is None], dtype=np.intp)

    @cached_property
    def low(self) -> NDArray[np.float64]:
        """Smallest coordinates, shape (d,)."""
        return np.array([column.low for column in self.columns], dtype=np.float64)

    @cached_property
    def high(self) -> NDArray[np.float64]:
        """Largest coordinates, shape (d,)."""
        return np.array([column.high for column in self.columns], dtype=np.float64)

    @cached_property
    def discrete(self) -> NDArray[np.intp]:
        """Indices of columns with at least two levels."""
        found = [j for j, column in enumerate(self.columns) if column.levels is not None and len(column.levels) > 1]
        return np.array(found, dtype=np.intp)

    @cached_property
    def nominal(self) -> tuple[int, ...]:
        """Indices of columns without an order."""
        return tuple(j for j, column in enumerate(self.columns) if column.nominal)

    @cached_property
    def spacing(self) -> NDArray[np.float64]:
        """Largest gap between neighbouring levels of each ordered column, 0 for other columns, shape (d,)."""
        gaps = np.zeros(len(self.columns))
        for j in self.discrete:
            levels = self.columns[j].levels
            if levels is not None and not self.columns[j].nominal:
                gaps[j] = np.diff(levels).max()
        return gaps

    @cached_property
    def branches(self) -> tuple[int, ...]:
        """Index of one column of each branch; the activity of this column is the bit of the branch."""
        first: dict[tuple[int, int], int] = {}
        for j, column in enumerate(self.columns):
            if column.parent >= 0:
                first.setdefault((column.parent, column.option), j)
        return tuple(first.values())

    @cached_property
    def groups(self) -> NDArray[np.intp]:
        """Index of the length scale of each feature, shape (p,)."""
        found = list(range(len(self.numeric)))
        for j in self.nominal:
            found += [1 + (found[-1] if found else -1)] * len(self._levels(j))
        start = 1 + (found[-1] if found else -1)
        return np.array([*found, *range(start, start + len(self.branches))], dtype=np.intp)

    def _levels(self, j: int) -> NDArray[np.float64]:
        levels = self.columns[j].levels
        return np.array([0.5]) if levels is None else levels

    def level(self, j: int, unit: NDArray[np.float64]) -> NDArray[np.intp]:
        """Index of the nearest level of each coordinate of column `j`, which has levels."""
        levels = self._levels(j)
        return np.searchsorted((levels[1:] + levels[:-1]) / 2, unit)

    def snap(self, unit: NDArray[np.float64]) -> RoundedPoints:
        """Round points of shape (n, d) to the nearest levels, and set inactive columns to their defaults."""
        unit = np.clip(unit, self.low, self.high)
        active = np.ones(unit.shape, dtype=np.bool_)
        for j, column in enumerate(self.columns):
            if column.parent >= 0:
                chosen = self.level(column.parent, unit[:, column.parent]) == column.option
                active[:, j] = active[:, column.parent] & chosen
                unit[~active[:, j], j] = column.default
            if column.levels is not None:
                used = active[:, j]
                unit[used, j] = column.levels[self.level(j, unit[used, j])]
        return RoundedPoints(unit, active)

    def features(self, unit: NDArray[np.float64], active: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Features of snapped points, shape (n, p)."""
        parts = [unit[:, self.numeric]]
        for j in self.nominal:
            codes = self.level(j, unit[:, j])
            parts.append(_SQRT_HALF * (codes[:, None] == np.arange(len(self._levels(j)))))
        parts += [active[:, [j]].astype(np.float64) for j in self.branches]
        return np.concatenate(parts, axis=1)
