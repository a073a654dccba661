"""Canonical order of a table: the same rows, columns and classes in another order give the same arrays.

So predictions do not depend on the order in which a user's table happens to stand.
"""

from __future__ import annotations

import numpy as np

__all__ = ["class_order", "column_order", "row_order"]


def column_order(X: np.ndarray) -> np.ndarray:
    """Return the columns ordered by their sorted values, whatever the order of the rows, (columns,)."""
    return np.lexsort(np.sort(X, axis=0)[::-1])


def row_order(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the rows ordered by their values from the first column on, then by the target, (rows,)."""
    return np.lexsort([y, *X.T[::-1]])


def class_order(X: np.ndarray, y: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the classes, the most frequent first; equal counts are ordered by the places of their rows, (classes,).

    The place of a row is its rank among the different rows of X, whose columns must be in canonical order.
    """
    place = np.unique(np.nan_to_num(X, nan=np.inf), axis=0, return_inverse=True)[1].reshape(-1)
    counts, places, squares = (np.bincount(y, weights=place**power, minlength=n_classes) for power in (0, 1, 2))
    return np.lexsort([squares, places, -counts])
