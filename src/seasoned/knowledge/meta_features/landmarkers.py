"""Landmarkers: skills of simple learners on a small sample, as meta-features of a table.

The skill of a learner is 1 - loss / loss of a constant, at least -1. The loss is the error rate for classes and the
squared error for regression. Skills come from two-fold cross-validation on the two halves of the sample. Pfahringer,
Bensusan and Giraud-Carrier (2000), Meta-learning by landmarking various learning algorithms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from seasoned.knowledge.meta_features.row_sample import Table

__all__ = ["LANDMARKERS", "skills"]

_LEVELS: Final = 10  # most frequent categories with a one-hot column, for each categorical column
_LEAST_ROWS: Final = 8  # least number of rows of a sample


def _nearest(classes: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    return KNeighborsClassifier(1) if classes else KNeighborsRegressor(1)


def _linear(classes: int) -> Any:
    from sklearn.linear_model import Ridge, RidgeClassifier

    return RidgeClassifier(1.0) if classes else Ridge(1.0)


def _bayes(classes: int) -> Any:
    from sklearn.linear_model import BayesianRidge
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB() if classes else BayesianRidge()


def _stump(classes: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    return (DecisionTreeClassifier if classes else DecisionTreeRegressor)(max_depth=1, random_state=0)


def _tree(classes: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    return (DecisionTreeClassifier if classes else DecisionTreeRegressor)(max_leaf_nodes=16, random_state=0)


LANDMARKERS: Final[dict[str, Callable[[int], Any]]] = {
    "nearest_neighbour": _nearest,
    "linear": _linear,
    "bayes": _bayes,
    "stump": _stump,
    "tree": _tree,
}


def skills(sample: Table) -> dict[str, float]:
    """Skill of each landmarker on a canonical sample, in [-1, 1].

    The skill is NaN on fewer than 8 rows, for a constant target, or without any feature.

    Example:
        >>> from seasoned.knowledge.meta_features.row_sample import Table
        >>> x = np.linspace(-1.0, 1.0, 60)[:, None]
        >>> found = skills(Table(x[::8].repeat(5, 0), np.empty((40, 0), int), x[::8].repeat(5), 0))
        >>> found["linear"] > 0.9
        True
    """
    y = sample.target
    if len(y) < _LEAST_ROWS or (y == y[0]).all():
        return dict.fromkeys(LANDMARKERS, float("nan"))
    X = _features(sample)
    if not X.shape[1]:  # only categorical columns without any value
        return dict.fromkeys(LANDMARKERS, float("nan"))
    if sample.classes == 0:
        y = (y - y.mean()) / y.std()
    halves = np.arange(len(y)) % 2 == 0
    return {name: _skill(make, X, y, halves, sample.classes) for name, make in LANDMARKERS.items()}


def _features(sample: Table) -> NDArray[np.float64]:
    """Feature matrix: ranks of the numbers in [-1, 1], 0 where missing, and one-hot columns of frequent categories."""
    ranks = np.zeros(sample.numbers.shape)
    for j, column in enumerate(sample.numbers.T):
        known = np.isfinite(column)
        levels, inverse = np.unique(column[known], return_inverse=True)
        ranks[known, j] = 2.0 * inverse / max(len(levels) - 1, 1) - 1.0
    frequent = [column[:, None] == np.arange(min(int(column.max()) + 1, _LEVELS)) for column in sample.codes.T]
    return np.concatenate([ranks, *(part.astype(float) for part in frequent)], axis=1)


def _skill(
    make: Callable[[int], Any], X: NDArray[np.float64], y: NDArray[np.float64], halves: NDArray[np.bool_], classes: int
) -> float:
    lost = constant = 0.0
    for part in (halves, ~halves):
        if classes:
            seen, counts = np.unique(y[part], return_counts=True)
            usual = seen[np.argmax(counts)]
            guess = make(classes).fit(X[part], y[part]).predict(X[~part]) if len(seen) > 1 else usual
            lost, constant = lost + float((guess != y[~part]).sum()), constant + float((usual != y[~part]).sum())
        else:
            guess = make(classes).fit(X[part], y[part]).predict(X[~part])
            usual = y[part].mean()
            lost += float(np.square(guess - y[~part]).sum())
            constant += float(np.square(usual - y[~part]).sum())
    return float(np.clip(1.0 - lost / constant, -1.0, 1.0)) if constant > 0.0 else float("nan")
