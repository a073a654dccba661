"""A part of the rows for families that do not learn from all of a large table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["some_rows"]


def some_rows(y: NDArray[Any], most: int, rng: np.random.Generator, *, classes: bool) -> NDArray[np.int64]:
    """Indices of `most` random rows, sorted; of all rows if there are no more.

    Args:
        y: The target, shape (n,).
        most: How many rows.
        rng: Draws them.
        classes: Whether the target holds classes; one row is added of each that the draw has missed, so that no class
            that was there gets the probability 0.
    """
    if len(y) <= most:
        return np.arange(len(y))
    rows = rng.choice(len(y), most, replace=False)
    if classes:
        known, first = np.unique(y, return_index=True)
        rows = np.append(rows, first[~np.isin(known, y[rows])])
    return np.sort(rows)
