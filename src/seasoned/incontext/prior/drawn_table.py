"""Drawn table: the value that a prior returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["DrawnTable"]


@dataclass(frozen=True)
class DrawnTable:
    """Table drawn from a prior; its rows are exchangeable.

    Attributes:
        X: Values, (rows, columns) in float32, NaN for a gap.
        categorical: Marks of the columns that hold codes of categories, (columns,).
        y: Classes 0 ... n_classes - 1 or numbers, (rows,) in float32.
        n_classes: Number of classes, 0 for numbers.
    """

    X: np.ndarray
    categorical: np.ndarray
    y: np.ndarray
    n_classes: int
