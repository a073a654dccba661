"""Folds in which a target has about the same distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["balanced_folds"]


def balanced_folds(y: NDArray[Any], folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the fold of each row: each fold has the same share of each class, or of each range of a number.

    The sorted rows are dealt out in turn; rows with equal targets are in random order.
    """
    fold = np.empty(len(y), dtype=np.int64)
    fold[np.lexsort([rng.random(len(y)), y])] = np.arange(len(y)) % folds
    return fold
