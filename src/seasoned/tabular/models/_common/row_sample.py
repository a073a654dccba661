"""Row samples for families that do not train on all rows of a large table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["some_rows"]


def some_rows(y: NDArray[Any], most: int, rng: np.random.Generator, *, classes: bool) -> NDArray[np.int64]:
    """Return sorted indices of `most` random rows, or of all rows of a smaller table.

    Args:
        y: Target, shape (n,).
        most: Number of sampled rows.
        rng: Random generator.
        classes: True if the target contains classes. One row of each class that the sample lacks is then added, so that
            no known class has the probability 0.
    """
    if len(y) <= most:
        return np.arange(len(y))
    rows = rng.choice(len(y), most, replace=False)
    if classes:
        known, first = np.unique(y, return_index=True)
        rows = np.append(rows, first[~np.isin(known, y[rows])])
    return np.sort(rows)
