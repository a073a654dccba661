"""Folds: the list of (train, validation) row indices, the same for all trials of a run."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Target

__all__ = ["Fold", "make_folds"]

_FIFTHS = 5  # number of parts, one of which a holdout validates

Fold = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


def make_folds(declared: int | list[Fold] | None, target: Target, seed: int, default: int = 5) -> list[Fold]:
    """Return the folds, a pair of row indices each.

    Args:
        declared: Result of `declared_folds`: folds, their number, or None for the default.
        target: The target; folds are stratified by class.
        seed: Seed of the shuffle.
        default: Default number of folds; 1 for one held-out fifth.

    Raises:
        InvalidInput: If the number is below 2 or above the number of rows.
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    if isinstance(declared, list):
        return declared
    if declared is None and default == 1:
        return _holdout(target, seed)
    y, rows = target.values, len(target.values)
    count = min(default, rows) if declared is None else int(declared)
    if not 2 <= count <= rows:
        raise InvalidInput(f"validation is {count}; with {rows} row(s) it must be from 2 to {rows}.")
    kept = target.task != "regression" and np.bincount(y).max() >= count  # otherwise no class fills every fold
    kind = StratifiedKFold if kept else KFold
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")  # rare classes may lack in a fold
        return list(kind(count, shuffle=True, random_state=seed).split(y, y))


def _holdout(target: Target, seed: int) -> list[Fold]:
    """Return one fold that validates a fifth of the rows, stratified unless every class has fewer than five rows."""
    from sklearn.model_selection import ShuffleSplit, StratifiedKFold

    y = target.values
    if target.task != "regression" and np.bincount(y).max() >= _FIFTHS:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")
            return [next(iter(StratifiedKFold(_FIFTHS, shuffle=True, random_state=seed).split(y, y)))]
    return [next(iter(ShuffleSplit(1, test_size=1 / _FIFTHS, random_state=seed).split(y)))]
