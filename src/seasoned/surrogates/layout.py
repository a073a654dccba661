"""What the coordinates of the cube mean to a model: numbers, levels, categories, and which are in use when."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Column", "Layout", "Snapped"]

_SQRT_HALF: Final = 0.7071067811865476


class Column(NamedTuple):
    """One coordinate of the cube.

    Attributes:
        default: Coordinate that it holds while it is not in use.
        levels: Coordinates of its values, increasing; None for a continuum.
        nominal: Whether the values have no order.
        parent: Column of the choice that it hangs under; -1 at the root.
        option: Index of the parent's value under which it is in use.
        low: Coordinate of its least value: of countable ones, the middle of the bin, below which nothing is tried.
        high: That of its largest.
    """

    default: float = 0.5
    levels: NDArray[np.float64] | None = None
    nominal: bool = False
    parent: int = -1
    option: int = -1
    low: float = 0.0
    high: float = 1.0


class Snapped(NamedTuple):
    """Points moved to the nearest ones that can be tried.

    Attributes:
        unit: Coordinates, shape (n, d); the default where not in use.
        active: Which are in use, shape (n, d), bool.
    """

    unit: NDArray[np.float64]
    active: NDArray[np.bool_]


@dataclass(frozen=True)
class Layout:
    """How points of the cube become features of a kernel.

    Numbers (and ordered levels) stay as they are and come first. A category becomes its one-hot code over the square
    root of 2, so that the squared distance of two different ones is 1: the Hamming distance. Each branch that holds
    parameters adds one bit that tells whether it is in use; what is not in use holds the default, shared by all.
    Features of one column share one length scale.

    Args:
        columns: The columns, in the order of the cube.

    Example:
        >>> layout = Layout((Column(), Column(levels=np.array([0.25, 0.75]), nominal=True)))
        >>> layout.features(*layout.snap(np.array([[0.3, 0.9]]))).round(2).tolist()
        [[0.3, 0.0, 0.71]]
    """

    columns: tuple[Column, ...]

    @cached_property
    def numeric(self) -> NDArray[np.intp]:
        """Columns with an order."""
        return np.array([j for j, column in enumerate(self.columns) if not column.nominal], dtype=np.intp)

    @cached_property
    def continuous(self) -> NDArray[np.intp]:
        """Columns without levels."""
        return np.array([j for j, column in enumerate(self.columns) if column.levels is None], dtype=np.intp)

    @cached_property
    def low(self) -> NDArray[np.float64]:
        """The least coordinates, shape (d,)."""
        return np.array([column.low for column in self.columns], dtype=np.float64)

    @cached_property
    def high(self) -> NDArray[np.float64]:
        """The largest coordinates, shape (d,)."""
        return np.array([column.high for column in self.columns], dtype=np.float64)

    @cached_property
    def discrete(self) -> NDArray[np.intp]:
        """Columns with levels, of which there are at least two."""
        found = [j for j, column in enumerate(self.columns) if column.levels is not None and len(column.levels) > 1]
        return np.array(found, dtype=np.intp)

    @cached_property
    def nominal(self) -> tuple[int, ...]:
        """Columns without an order."""
        return tuple(j for j, column in enumerate(self.columns) if column.nominal)

    @cached_property
    def spacing(self) -> NDArray[np.float64]:
        """The widest gap between neighbouring levels of each ordered column, 0 for others, shape (d,)."""
        gaps = np.zeros(len(self.columns))
        for j in self.discrete:
            levels = self.columns[j].levels
            if levels is not None and not self.columns[j].nominal:
                gaps[j] = np.diff(levels).max()
        return gaps

    @cached_property
    def branches(self) -> tuple[int, ...]:
        """One column of each branch that holds parameters: its mask is the branch's bit."""
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
        """Index of the level nearest to each coordinate of a column with levels."""
        levels = self._levels(j)
        return np.searchsorted((levels[1:] + levels[:-1]) / 2, unit)

    def snap(self, unit: NDArray[np.float64]) -> Snapped:
        """Points moved to the nearest level of each column, defaults where a column is not in use; shape (n, d)."""
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
        return Snapped(unit, active)

    def features(self, unit: NDArray[np.float64], active: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Features of points as `snap` leaves them, shape (n, p)."""
        parts = [unit[:, self.numeric]]
        for j in self.nominal:
            codes = self.level(j, unit[:, j])
            parts.append(_SQRT_HALF * (codes[:, None] == np.arange(len(self._levels(j)))))
        parts += [active[:, [j]].astype(np.float64) for j in self.branches]
        return np.concatenate(parts, axis=1)
