"""Samples of rows that contain rare classes, and their row weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEAST", "mass_of", "with_rare"]

LEAST: Final = 5
"""Fewest rows of each class in a sample; a class with fewer rows is complete."""


def with_rare(drawn: NDArray[np.intp], truth: NDArray[Any]) -> NDArray[np.intp]:
    """Return a sample with the first other rows of each class of which it has fewer than five.

    Metrics need rows of every class.

    Args:
        drawn: Indices of different rows, shape (m,).
        truth: Class codes of all rows, shape (n,).

    Returns:
        The sample and the additional rows, shape (at most m + 5 classes,).

    Example:
        >>> with_rare(np.array([3, 1]), np.array([0, 0, 1, 0])).tolist()
        [3, 1, 0, 2]
    """
    left = np.setdiff1d(np.arange(len(truth)), drawn)
    lacking = LEAST - np.bincount(truth[drawn].astype(np.intp), minlength=int(truth.max()) + 1)
    more = [left[truth[left] == code][: lacking[code]] for code in np.flatnonzero(lacking > 0)]
    return np.concatenate([drawn, *more])


def mass_of(drawn: NDArray[np.intp], truth: NDArray[Any]) -> NDArray[np.float64]:
    """Return the row weights of such a sample, shape (m,), 1 on average: classes weigh as much as in all rows.

    Args:
        drawn: Indices of rows, shape (m,).
        truth: Class codes of all rows, shape (n,).

    Example:
        >>> mass_of(np.array([0, 1]), np.array([0, 1, 1, 1])).tolist()
        [0.5, 1.5]
    """
    codes = truth.astype(np.intp)
    there = np.bincount(codes[drawn], minlength=int(codes.max()) + 1)
    mass = (np.bincount(codes) / np.maximum(there, 1))[codes[drawn]]
    return np.asarray(mass / mass.mean(), dtype=np.float64)
