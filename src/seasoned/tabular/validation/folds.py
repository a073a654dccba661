"""Folds: lists of (train, validation) row indices.

A run has one list of folds for all its trials. A model has inner folds of its training rows, for choices during its
fit.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Target

__all__ = ["Fold", "dealt", "make_folds", "together_in"]

_FIFTHS: Final = 5  # number of parts, one of which a holdout validates
_INNER: Final = 5  # number of inner folds
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


def dealt(y: NDArray[Any], rng: np.random.Generator, together: NDArray[np.int64] | None = None) -> list[Fold]:
    """Return inner folds: (training, held-out) row indices, stratified by class or by the size of the target.

    Args:
        y: The target, shape (n,).
        rng: Random generator of the folds.
        together: Group of each row, shape (n,); no group is split, and the folds are then not stratified. None without
            groups.
    """
    if together is not None and len(np.unique(together)) > 1:
        place = together_in(together, _INNER, rng)
    else:
        order = rng.permutation(len(y))
        order = order[np.argsort(y[order], kind="stable")]
        place = np.empty(len(y), dtype=np.int64)
        place[order] = np.arange(len(y)) % _INNER
    return [(np.flatnonzero(place != fold), np.flatnonzero(place == fold)) for fold in range(int(place.max()) + 1)]


def together_in(together: NDArray[np.int64], folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the fold of each row, shape (n,): groups, the largest first, go to the fold with the fewest rows.

    Args:
        together: Group of each row, shape (n,).
        folds: Largest number of folds; fewer groups give fewer folds.
        rng: Random generator for the order of groups of the same size.

    Example:
        >>> together_in(np.array([7, 7, 7, 4, 4, 9]), 2, np.random.default_rng(0)).tolist()
        [0, 0, 0, 1, 1, 1]
    """
    _, codes, sizes = np.unique(together, return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled, place = np.zeros(min(folds, len(sizes))), np.empty(len(sizes), dtype=np.int64)
    for group in order.tolist():
        place[group] = int(filled.argmin())
        filled[place[group]] += sizes[group]
    return place[codes]
