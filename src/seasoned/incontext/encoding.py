"""Encoding of a table's cells and targets as the numbers that the network reads.

All statistics are those of the context rows, so that query rows do not change each other's predictions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

__all__ = ["CELL", "MAX_CLASSES", "TARGET", "CellEncoder", "TargetScale", "encode_classes", "encode_numbers"]

MAX_CLASSES: Final = 10
WAVES: Final = (1, 2, 4, 8)
NEIGHBOURS: Final = (0, 1, 3)
"""Each token holds its own cell and the cells of the first and third next column (feature grouping)."""
_OWN: Final = 5 + 2 * len(WAVES)
CELL: Final = _OWN * len(NEIGHBOURS)
"""Numbers of a cell token."""
TARGET: Final = MAX_CLASSES + 3
"""Numbers of a target token."""


@dataclass(frozen=True)
class CellEncoder:
    """Statistics of the context rows by column.

    Attributes:
        ordered: Sorted values of each column without gaps.
        mean: Mean of each column, (columns,).
        spread: Standard deviation of each column, 1 where it is zero, (columns,).
        categorical: Whether a column holds codes of categories, (columns,).
    """

    ordered: tuple[np.ndarray, ...]
    mean: np.ndarray
    spread: np.ndarray
    categorical: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, categorical: np.ndarray) -> CellEncoder:
        """Return the encoder of context rows, (rows, columns) with NaN for gaps."""
        ordered = tuple(np.sort(column[~np.isnan(column)]) for column in X.T)
        mean = np.array([column.mean() if column.size else 0.0 for column in ordered])
        spread = np.array([column.std() if column.size else 0.0 for column in ordered])
        spread[spread <= 1e-12 * np.abs(mean)] = 1.0
        spread[spread == 0] = 1.0
        return cls(ordered, mean, spread, np.asarray(categorical, dtype=bool))

    def scores(self, X: np.ndarray) -> np.ndarray:
        """Return `5 tanh(z / 5)` for standard scores z, and 0 for gaps, (rows, columns)."""
        z = (np.where(np.isnan(X), self.mean, X) - self.mean) / self.spread
        return np.asarray(5 * np.tanh(z / 5))

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Return the cell tokens of rows, (rows, columns, CELL) in float32.

        A cell becomes its score, its mid-rank r in [-1, 1], the sines and cosines of `pi w r` for w = 1, 2, 4, 8, the
        share of context rows with just this value, and two marks: gap and category.
        """
        rows, columns = X.shape
        out = np.zeros((rows, columns, _OWN), dtype=np.float32)
        gap = np.isnan(X)
        out[:, :, 0] = self.scores(X)
        for place, ordered in enumerate(self.ordered):
            low, high = (np.searchsorted(ordered, X[:, place], side=side) for side in ("left", "right"))
            out[:, place, 1] = (low + high) / max(len(ordered), 1) - 1
            out[:, place, 2] = (high - low) / max(len(ordered), 1)
        for place, wave in enumerate(WAVES):
            out[:, :, 3 + 2 * place] = np.sin(np.pi * wave * out[:, :, 1])
            out[:, :, 4 + 2 * place] = np.cos(np.pi * wave * out[:, :, 1])
        out[gap] = 0
        out[:, :, -2] = gap
        out[:, :, -1] = self.categorical
        return np.concatenate([np.roll(out, -offset, axis=1) for offset in NEIGHBOURS], axis=2)


@dataclass(frozen=True)
class TargetScale:
    """Location and scale of a regression target: mean and standard deviation over the context rows."""

    mean: float
    spread: float

    @classmethod
    def of(cls, y: np.ndarray) -> TargetScale:
        """Return the scale of target values, (rows,)."""
        spread = float(y.std())
        return cls(float(y.mean()), spread if spread > 0 else 1.0)

    def standardise(self, y: np.ndarray) -> np.ndarray:
        """Return standard scores."""
        return np.asarray((y - self.mean) / self.spread)

    def restore(self, z: np.ndarray) -> np.ndarray:
        """Return values in units of the target, in double precision: a mean far from zero would cost most digits."""
        return z.astype(np.float64) * self.spread + self.mean


def encode_classes(y: np.ndarray) -> np.ndarray:
    """Return the target tokens of classes 0 ... 9, (rows, TARGET) in float32: one mark for each class."""
    out = np.zeros((len(y), TARGET), dtype=np.float32)
    out[np.arange(len(y)), y.astype(np.int64)] = 1
    return out


def encode_numbers(z: np.ndarray) -> np.ndarray:
    """Return the target tokens of standard scores, (rows, TARGET) in float32: value, mid-rank and a mark."""
    ordered = np.sort(z)
    out = np.zeros((len(z), TARGET), dtype=np.float32)
    out[:, MAX_CLASSES] = 5 * np.tanh(z / 5)
    ranks = np.searchsorted(ordered, z, side="left") + np.searchsorted(ordered, z, side="right")
    out[:, MAX_CLASSES + 1] = ranks / len(z) - 1
    out[:, MAX_CLASSES + 2] = 1
    return out
