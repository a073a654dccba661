"""Dense encoding for linear models: imputation, scaling and one-hot levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.schema.column import MAX_CATEGORY_LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["MOST_ONE_HOT", "Dense"]

_SMOOTH_LIMIT = 3.0  # bound of the absolute scaled value
BLOCK_CELLS = 2**20  # cells per block of computation
_MAX_DISTANCE = 1e150  # largest absolute value before the smooth clip, with a finite square
_ROUNDING: Final = 1e-9  # relative difference below which two numbers differ by rounding only
MOST_ONE_HOT: Final = MAX_CATEGORY_LEVELS
"""Largest number of levels of a fully one-hot column; of more levels, only the most common have a column."""


@dataclass(frozen=True, slots=True)
class Dense:
    """Robust scaling with a smooth clip, median imputation with an indicator, and one-hot levels.

    A number x becomes z / sqrt(1 + (z / 3)^2) with z = (x - median) / (interquartile range), so that an outlier cannot
    dominate. The standard deviation replaces an interquartile range of 0. A missing number becomes 0 (the median) and
    sets an indicator column. A missing or unseen level, and a level without its own column, is a row of zeros.

    Source: RealMLP (Holzmüller, Grinsztajn and Steinwart 2024, section 3).

    Attributes:
        levels: Number of levels of each column of codes, shape (p,); 0 for numbers.
        centre: Median of each column, shape (p,).
        scale: Divisor of z, shape (p,); 0 for a constant column.
        gaps: True for columns with missing values at fit time, shape (p,).
        shown: One-hot levels of each column, ascending.
    """

    levels: NDArray[np.int64]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    gaps: NDArray[np.bool_]
    shown: tuple[NDArray[np.int64], ...]

    @classmethod
    def fit(cls, codes: NDArray[np.float64], levels: NDArray[np.int64], most: int = MOST_ONE_HOT) -> Dense:
        """Compute centre, scale and common levels of each column.

        Args:
            codes: Shape (n, p).
            levels: Number of levels of each column, shape (p,); 0 for numbers.
            most: Number of one-hot levels of a column with more than 100 levels.
        """
        gaps: NDArray[np.bool_] = np.asarray(np.isnan(codes).any(axis=0))
        summary = _summary(codes, gaps)
        shown = (_common(column, count, most) for column, count in zip(codes.T, levels.tolist(), strict=True))
        return cls(levels, summary[:, 0], summary[:, 1], gaps, tuple(shown))

    @classmethod
    def joined(cls, parts: Iterable[Dense]) -> Dense:
        """Concatenate the encodings of adjacent columns."""
        found = list(parts)
        return cls(
            np.concatenate([part.levels for part in found]),
            np.concatenate([part.centre for part in found]),
            np.concatenate([part.scale for part in found]),
            np.concatenate([part.gaps for part in found]),
            tuple(levels for part in found for levels in part.shown),
        )

    @property
    def width(self) -> int:
        """Number of columns of the wider of a table's two matrices, codes and dense."""
        quantities = self.levels == 0
        return max(
            len(self.levels),
            int((quantities & (self.scale > 0)).sum() + (quantities & self.gaps).sum() + sum(map(len, self.shown))),
        )

    def transform(self, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Encode, shape (n, p) to (n, numbers + indicators + levels)."""
        step = max(BLOCK_CELLS // max(codes.shape[1], 1), 1)
        if len(codes) <= step:
            return self._transform(codes)
        first = self._transform(codes[:step])
        found = np.empty((len(codes), first.shape[1]))
        found[:step] = first
        for start in range(step, len(codes), step):
            found[start : start + step] = self._transform(codes[start : start + step])
        return found

    def _transform(self, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Encode a block of rows."""
        quantities = np.flatnonzero((self.levels == 0) & (self.scale > 0))
        with np.errstate(over="ignore"):  # an ordinary number divided by a scale of 1e-300 is infinite
            scaled = (codes[:, quantities] - self.centre[quantities]) / self.scale[quantities]
        blocks = [_squash(scaled)]
        blocks.append(np.isnan(codes[:, self.gaps & (self.levels == 0)]).astype(np.float64))
        blocks += [
            (codes[:, [index]] == levels).astype(np.float64) for index, levels in enumerate(self.shown) if len(levels)
        ]
        return np.hstack(blocks)

    def to_json(self) -> dict[str, Any]:
        """State for `from_json`; floats are exact."""
        return {
            "levels": self.levels.tolist(),
            "centre": self.centre.tolist(),
            "scale": self.scale.tolist(),
            "gaps": self.gaps.tolist(),
            "shown": {str(place): self.shown[place].tolist() for place in np.flatnonzero(self.levels > MOST_ONE_HOT)},
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Dense:
        """Restore from `to_json`."""
        levels, known = np.array(state["levels"], dtype=np.int64), state.get("shown", {})
        return cls(
            levels,
            np.array(state["centre"], dtype=np.float64),
            np.array(state["scale"], dtype=np.float64),
            np.array(state["gaps"], dtype=np.bool_),
            tuple(
                np.array(known[str(place)], dtype=np.int64) if count > MOST_ONE_HOT else np.arange(count)
                for place, count in enumerate(levels.tolist())
            ),
        )


def _common(column: NDArray[np.float64], levels: int, most: int) -> NDArray[np.int64]:
    """All levels of a column with few levels, else the most common levels; ascending."""
    if levels <= MOST_ONE_HOT:
        return np.arange(levels)
    counts = np.bincount(column[~np.isnan(column)].astype(np.int64), minlength=levels)
    return np.sort(np.argsort(-counts, kind="stable")[:most])


def _summary(codes: NDArray[np.float64], gaps: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Centre and scale of each column, shape (p, 2); varying columns without missing values are computed together."""
    alone = gaps | (codes.min(axis=0, initial=np.inf) == codes.max(axis=0, initial=-np.inf))
    if alone.all() or not len(codes):
        return np.array([centre_and_scale(column) for column in codes.T]).reshape(-1, 2)
    found = np.empty((codes.shape[1], 2))
    low, centre, high = np.percentile(codes[:, ~alone], [25, 50, 75], axis=0)
    found[~alone, 0], found[~alone, 1] = centre, high - low
    rounded = np.zeros(codes.shape[1], np.bool_)
    rounded[~alone] = ~(high - low > _ROUNDING * np.maximum(np.abs(low), np.abs(high)))
    for place in np.flatnonzero(alone | rounded):
        found[place] = centre_and_scale(codes[:, place])
    return found


def centre_and_scale(column: NDArray[np.float64]) -> tuple[float, float]:
    present = column[~np.isnan(column)]
    if not len(present):
        return 0.0, 0.0
    if present.min() == present.max():  # avoids a standard deviation of rounding error
        return float(present[0]), 0.0
    low, centre, high = np.percentile(present, [25, 50, 75])
    honest = high - low > _ROUNDING * max(abs(low), abs(high))  # False if the numbers differ only by rounding
    return float(centre), float(high - low if honest else present.std())


def _squash(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    filled = np.clip(np.nan_to_num(scaled, nan=0.0), -_MAX_DISTANCE, _MAX_DISTANCE)
    return filled / np.sqrt(1.0 + (filled / _SMOOTH_LIMIT) ** 2)
