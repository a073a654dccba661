"""Linear model of the context rows, whose predictions a view adds to its columns or subtracts from its target.

Attention over rows finds similar rows, and learns a sum of small effects of many columns only slowly; a linear model
learns just that. The context rows get predictions of models that were not fitted on them (five folds), as in stacking.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned._util.balanced_folds import balanced_folds

if TYPE_CHECKING:
    from seasoned.incontext.encoding import CellEncoder

__all__ = ["LinearPart"]

_FEWEST_ROWS: Final = 20
_FOLDS: Final = 5
_LEVELS: Final = 20  # number of levels of a category, the most frequent ones, that have an effect of their own
_PENALTIES: Final = np.logspace(-2, 4, 13)  # of the squared effects on a number; leave-one-out errors choose
_INVERSE_PENALTY: Final = 0.3  # C of logistic regression
_LEAST_PROBABILITY: Final = 1e-6


@dataclass(frozen=True)
class LinearPart:
    """Ridge regression of a number, or logistic regression of a class.

    Attributes:
        encoder: Statistics of the context rows.
        levels: Most frequent codes of each category.
        model: Model of all context rows.
        n_classes: Number of classes, 0 for numbers.
        bounds: Smallest and largest prediction of a number: the range of the target and a standard deviation more.
        out_of_fold: Predictions of the context rows, (rows, outputs).
    """

    encoder: CellEncoder
    levels: tuple[np.ndarray, ...]
    model: Any
    n_classes: int
    bounds: tuple[float, float]
    out_of_fold: np.ndarray

    @classmethod
    def of(
        cls, X: np.ndarray, y: np.ndarray, encoder: CellEncoder, n_classes: int, rng: np.random.Generator
    ) -> LinearPart | None:
        """Return the linear part of context rows, or None for fewer than 20 rows or only one class with two rows.

        Args:
            X: Rows, (rows, columns), NaN for a gap.
            y: Classes 0 ... n_classes - 1 or numbers, (rows,).
            encoder: Statistics of the rows.
            n_classes: Number of classes, 0 for numbers.
            rng: Source of the folds, in which the target has about the same distribution.
        """
        if len(y) < _FEWEST_ROWS or (n_classes and np.count_nonzero(np.bincount(y) > 1) < 2):
            return None
        levels = tuple(_frequent(column) for column in X[:, encoder.categorical].T)
        design = _design(X, encoder, levels)
        if not design.shape[1]:
            return None
        fold = balanced_folds(y, _FOLDS, rng)
        bounds = (-np.inf, np.inf) if n_classes else (y.min() - y.std(), y.max() + y.std())
        out_of_fold = np.empty((len(y), max(n_classes - 1, 1)))
        for place in range(_FOLDS):
            held = fold == place
            model = _fitted(design[~held], y[~held], n_classes)
            out_of_fold[held] = _outputs(model, design[held], n_classes, bounds)
        return cls(encoder, levels, _fitted(design, y, n_classes), n_classes, bounds, out_of_fold)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the outputs for query rows, (queries, outputs): a number, or log-odds against class 0."""
        return _outputs(self.model, _design(X, self.encoder, self.levels), self.n_classes, self.bounds)


def _frequent(column: np.ndarray) -> np.ndarray:
    """Return the most frequent values of a column without gaps, at most 20."""
    values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    return values[np.argsort(-counts, kind="stable")[:_LEVELS]]


def _design(X: np.ndarray, encoder: CellEncoder, levels: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return standard scores of numbers and a mark for each frequent level, (rows, effects)."""
    marks = [column[:, None] == values for column, values in zip(X[:, encoder.categorical].T, levels, strict=True)]
    return np.concatenate([encoder.scores(X)[:, ~encoder.categorical], *marks], axis=1)


def _fitted(design: np.ndarray, y: np.ndarray, n_classes: int) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, RidgeCV

    if not n_classes:
        return RidgeCV(_PENALTIES).fit(design, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the limit of steps is part of the method
        return LogisticRegression(C=_INVERSE_PENALTY, max_iter=300).fit(design, y)


def _outputs(model: Any, design: np.ndarray, n_classes: int, bounds: tuple[float, float]) -> np.ndarray:
    if not n_classes:
        return np.asarray(np.clip(model.predict(design), *bounds))[:, None]
    share = np.full((len(design), n_classes), _LEAST_PROBABILITY)
    share[:, model.classes_] = np.maximum(model.predict_proba(design), _LEAST_PROBABILITY)
    return np.asarray(np.log(share[:, 1:] / share[:, :1]))
