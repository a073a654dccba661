"""Drawn search spaces over the unit cube: continuous, discrete, categorical and conditional coordinates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seasoned.incontext.prior.choices import log_integer, one_of

__all__ = ["DrawnSpace", "draw_space"]

NUMBERS_ONLY = 0.5
"""Share of spaces without categories."""
CONDITIONAL = 0.6
"""Share of spaces with conditional coordinates among those with categories."""


@dataclass(frozen=True)
class DrawnSpace:
    """Search space over the unit cube.

    A discrete coordinate takes the centre of one of its bins. A conditional coordinate is active if its parent, a
    category of an earlier column, has a certain level; otherwise it is NaN.

    Attributes:
        levels: Values of each column, increasing; None for a continuous one.
        nominal: True for a category, whose levels have no order, shape (d,).
        parent: Column on which a column depends, -1 for none, shape (d,).
        option: Level of the parent for which a column is active, shape (d,).
    """

    levels: tuple[np.ndarray | None, ...]
    nominal: np.ndarray
    parent: np.ndarray
    option: np.ndarray

    def level(self, column: int, x: np.ndarray) -> np.ndarray:
        """Return the index of the nearest level of a discrete column; the number of levels for NaN."""
        levels = self.levels[column]
        assert levels is not None
        return np.asarray(np.where(np.isnan(x), len(levels), np.searchsorted((levels[1:] + levels[:-1]) / 2, x)))

    def snap(self, unit: np.ndarray) -> np.ndarray:
        """Return points of the cube, shape (n, d), as configurations: nearest levels, NaN where inactive."""
        X: np.ndarray = np.clip(unit, 0.0, 1.0)
        for column, levels in enumerate(self.levels):
            if levels is not None:
                X[:, column] = levels[self.level(column, X[:, column])]
            above = self.parent[column]
            if above >= 0:
                X[self.level(above, X[:, above]) != self.option[column], column] = np.nan
        return X


def draw_space(rng: np.random.Generator, columns: int) -> DrawnSpace:
    """Return a drawn search space."""
    nominal = rng.random(columns) < (0.0 if rng.random() < NUMBERS_ONLY else rng.uniform(0.1, 0.7))
    discrete = rng.random(columns) < one_of(rng, (0.0, 0.2, 0.5))
    counts = [log_integer(rng, 2, 10) for _ in range(columns)]  # levels of the categories
    levels = tuple(
        _evenly(counts[j]) if nominal[j] else _integers(rng) if discrete[j] else None for j in range(columns)
    )
    parent, option = np.full(columns, -1), np.full(columns, -1)
    if rng.random() < CONDITIONAL:
        share = rng.uniform(0.2, 0.8)
        for j in range(1, columns):
            above = np.flatnonzero(nominal[:j])
            if len(above) and rng.random() < share:
                parent[j] = rng.choice(above)
                option[j] = rng.integers(counts[parent[j]])
    return DrawnSpace(levels, nominal, parent, option)


def _evenly(count: int) -> np.ndarray:
    """Return the centres of equal bins."""
    return (np.arange(count) + 0.5) / count


def _integers(rng: np.random.Generator) -> np.ndarray:
    """Return the coordinates of integers 1 ... k, on a linear or a logarithmic scale."""
    count = log_integer(rng, 2, 60)
    if rng.random() < 0.5:
        return _evenly(count)
    low, high = np.log(0.5), np.log(count + 0.5)
    return np.asarray((np.log(np.arange(1, count + 1)) - low) / (high - low))
