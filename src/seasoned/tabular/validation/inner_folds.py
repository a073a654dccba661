"""Inner folds: folds of the training rows of a model, for choices during its fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.validation.folds import Fold

__all__ = ["dealt", "together_in"]

_FOLDS: Final = 5


def dealt(y: NDArray[Any], rng: np.random.Generator, together: NDArray[np.int64] | None = None) -> list[Fold]:
    """Return (training, held-out) row indices, stratified by class or by the size of the target.

    Args:
        y: The target, shape (n,).
        rng: Random generator of the folds.
        together: Group of each row, shape (n,); no group is split, and the folds are then not stratified. None without
            groups.
    """
    if together is not None and len(np.unique(together)) > 1:
        place = together_in(together, _FOLDS, rng)
    else:
        order = rng.permutation(len(y))
        order = order[np.argsort(y[order], kind="stable")]
        place = np.empty(len(y), dtype=np.int64)
        place[order] = np.arange(len(y)) % _FOLDS
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
