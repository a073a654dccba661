"""Classes that a draw of rows would miss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEAST", "with_rare"]

LEAST: Final = 5
"""Fewest rows of each class among those drawn, where the class has as many."""


def with_rare(drawn: NDArray[np.intp], truth: NDArray[Any]) -> NDArray[np.intp]:
    """A draw, with the first other rows of each class of which it has fewer than five; metrics need some of each.

    Args:
        drawn: Places of different rows, shape (m,).
        truth: Class codes of all rows, shape (n,).

    Returns:
        The draw and what is added to it, shape (at most m + 5 classes,).

    Example:
        >>> with_rare(np.array([3, 1]), np.array([0, 0, 1, 0])).tolist()
        [3, 1, 0, 2]
    """
    left = np.setdiff1d(np.arange(len(truth)), drawn)
    lacking = LEAST - np.bincount(truth[drawn].astype(np.intp), minlength=int(truth.max()) + 1)
    more = [left[truth[left] == code][: lacking[code]] for code in np.flatnonzero(lacking > 0)]
    return np.concatenate([drawn, *more])
