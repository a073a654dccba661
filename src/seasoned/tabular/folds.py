"""Which rows validate which model: one list of (train, validation) pairs for the whole run."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.target import Target

__all__ = ["Fold", "further_folds", "make_folds"]

_FIFTHS = 5
_FEW_ROWS = 2_000  # below, the best trials are validated on further splits
_FURTHER = 3

Fold = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


def make_folds(
    validation: Any, frame: pd.DataFrame | NDArray[Any], target: Target, seed: int, default: int = 5
) -> list[Fold]:
    """Row indices, a pair per fold.

    Args:
        validation: None for the default; an int for that many folds; a scikit-learn splitter; or (train, validation)
            pairs of row indices.
        frame: The rows, for splitters that look at them.
        target: The target; classes are kept in proportion.
        seed: Of the shuffle.
        default: The default number of folds; 1 for one held-out fifth.

    Raises:
        InvalidInput: If the number is below 2 or above the number of rows, or a splitter gives nothing.
    """
    from sklearn.model_selection import KFold, StratifiedKFold, check_cv

    rows = len(target.values)
    if validation is None:
        if default == 1:
            return _holdout(target, seed)
        validation = min(default, rows)
    if isinstance(validation, int | np.integer):
        if not 2 <= validation <= rows:
            raise InvalidInput(f"validation is {validation}; with {rows} row(s) it must be from 2 to {rows}.")
        kind = KFold if target.task == "regression" else StratifiedKFold
        members = np.bincount(target.values) if target.task != "regression" else np.array([rows])
        if members.max() < validation:  # no class fills every fold: proportions cannot be kept
            kind = KFold
        splitter = kind(int(validation), shuffle=True, random_state=seed)
    else:
        splitter = check_cv(validation)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")  # rare classes are scored as they come
        folds = [(np.asarray(train), np.asarray(test)) for train, test in splitter.split(frame, target.values)]
    return _checked(folds, rows)


def further_folds(folds: Sequence[Fold], target: Target, seed: int, *, free: bool) -> list[list[Fold]]:
    """Other ways to deal few rows to as many folds; none for many rows, or where rows are not free to go anywhere.

    Args:
        folds: The first way.
        target: The target; classes are kept in proportion.
        seed: Of the first way.
        free: Whether the rows were dealt at random, rather than by groups, times or a splitter.
    """
    if not free or len(folds) < 2 or len(target.values) >= _FEW_ROWS:
        return []
    return [make_folds(len(folds), target.values, target, seed + split) for split in range(1, _FURTHER + 1)]


def _holdout(target: Target, seed: int) -> list[Fold]:
    """One fifth of the rows, classes in proportion; not so where every class has fewer rows than there are fifths."""
    from sklearn.model_selection import ShuffleSplit, StratifiedKFold

    y = target.values
    if target.task != "regression" and np.bincount(y).max() >= _FIFTHS:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The least populated class")
            return [next(iter(StratifiedKFold(_FIFTHS, shuffle=True, random_state=seed).split(y, y)))]
    return [next(iter(ShuffleSplit(1, test_size=1 / _FIFTHS, random_state=seed).split(y)))]


def _checked(folds: list[Fold], rows: int) -> list[Fold]:
    if not folds or any(not len(train) or not len(test) for train, test in folds):
        raise InvalidInput("validation gives an empty fold; use fewer folds or another splitter.")
    if max(int(max(train.max(), test.max())) for train, test in folds) >= rows:
        raise InvalidInput(f"validation names rows beyond the {rows} of this table; make the folds from the same rows.")
    return folds
