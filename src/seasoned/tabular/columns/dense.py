"""From codes to what linear models eat: no gaps, one scale, one column per level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["Dense"]

_SMOOTH_LIMIT = 3.0  # no scaled value leaves (-3, 3)
_CELLS = 2**20  # that are worked on at once
_FAR = 1e150  # its square is a number still


@dataclass(frozen=True, slots=True)
class Dense:
    """Robust scaling with a smooth clip, median imputation with an indicator, and one-hot levels.

    A quantity x becomes z / sqrt(1 + (z / 3)^2) with z = (x - median) / (interquartile range), or the standard
    deviation where that range is 0, as in RealMLP (Holzmüller, Grinsztajn and Steinwart 2024, section 3), so that an
    outlier cannot dominate. Missing quantities become 0 (the median) and set an indicator column. A missing or unseen
    level is a row of zeros.

    Attributes:
        levels: Number of levels of each column of codes, shape (p,); 0 for quantities.
        centre: Median of each column, shape (p,).
        scale: What z is divided by, shape (p,); 0 for a constant column.
        gaps: Which columns had missing values at fit time, shape (p,).
    """

    levels: NDArray[np.int64]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    gaps: NDArray[np.bool_]

    @classmethod
    def fit(cls, codes: NDArray[np.float64], levels: NDArray[np.int64]) -> Dense:
        """Learn centre and scale of each column of codes, shape (n, p)."""
        gaps: NDArray[np.bool_] = np.asarray(np.isnan(codes).any(axis=0))
        summary = np.array([_centre_and_scale(column) for column in codes.T]).reshape(-1, 2)
        return cls(levels, summary[:, 0], summary[:, 1], gaps)

    @classmethod
    def joined(cls, parts: Iterable[Dense]) -> Dense:
        """Of columns that stand side by side."""
        rows = [(part.levels, part.centre, part.scale, part.gaps) for part in parts]
        return cls(*map(np.concatenate, zip(*rows, strict=True)))

    @property
    def width(self) -> int:
        """Columns of the widest matrix that there is of a table."""
        quantities = self.levels == 0
        return max(
            len(self.levels),
            int((quantities & (self.scale > 0)).sum() + (quantities & self.gaps).sum() + self.levels.sum()),
        )

    def transform(self, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shape (n, p) to (n, quantities + indicators + levels)."""
        step = max(_CELLS // max(codes.shape[1], 1), 1)
        if len(codes) <= step:
            return self._transform(codes)
        first = self._transform(codes[:step])
        found = np.empty((len(codes), first.shape[1]))
        found[:step] = first
        for start in range(step, len(codes), step):
            found[start : start + step] = self._transform(codes[start : start + step])
        return found

    def _transform(self, codes: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same of rows that are few enough to be in memory several times."""
        quantities = np.flatnonzero((self.levels == 0) & (self.scale > 0))
        with np.errstate(over="ignore"):  # beside a scale of 1e-300, infinitely far is what an ordinary number is
            scaled = (codes[:, quantities] - self.centre[quantities]) / self.scale[quantities]
        blocks = [_squash(scaled)]
        blocks.append(np.isnan(codes[:, self.gaps & (self.levels == 0)]).astype(np.float64))
        blocks += [
            (codes[:, [index]] == np.arange(self.levels[index])).astype(np.float64)
            for index in np.flatnonzero(self.levels > 0)
        ]
        return np.hstack(blocks)

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads; floats survive exactly."""
        return {
            "levels": self.levels.tolist(),
            "centre": self.centre.tolist(),
            "scale": self.scale.tolist(),
            "gaps": self.gaps.tolist(),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Dense:
        """The transform that `to_json` described."""
        return cls(
            np.array(state["levels"], dtype=np.int64),
            np.array(state["centre"], dtype=np.float64),
            np.array(state["scale"], dtype=np.float64),
            np.array(state["gaps"], dtype=np.bool_),
        )


def _centre_and_scale(column: NDArray[np.float64]) -> tuple[float, float]:
    present = column[~np.isnan(column)]
    if not len(present):
        return 0.0, 0.0
    low, centre, high = np.percentile(present, [25, 50, 75])
    return float(centre), float(high - low) or float(present.std())


def _squash(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    filled = np.clip(np.nan_to_num(scaled, nan=0.0), -_FAR, _FAR)
    return filled / np.sqrt(1.0 + (filled / _SMOOTH_LIMIT) ** 2)
