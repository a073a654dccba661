"""Distilled in-context network: boosted trees that learn its predictions, and keep no training row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned import incontext
from seasoned._util.balanced_folds import balanced_folds
from seasoned._util.blas_threads import one_thread
from seasoned.space import Space
from seasoned.tabular.models.boosting.lightgbm import LightGBM
from seasoned.tabular.models.neural.in_context import MOST_ROWS, InContext

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.models.boosting.lightgbm import Booster
    from seasoned.tabular.models.trees.tree_ensemble import TreeModel
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["Distilled"]

_FOLDS: Final = 3
_LEAST: Final = 0.01  # smallest probability that becomes a weighted row
_TREES: Final = LightGBM()


@dataclass(frozen=True, slots=True)
class Distilled:
    """Boosted trees that learn the out-of-fold predictions of the in-context network (`in_context.py`).

    A fold's rows are predicted by the network with the other folds as its context, so no prediction knows its own
    label. The trees learn a probability p_k of class k as a row of class k with the weight p_k; a number is learned as
    it is predicted. Validation rows keep their labels. The fitted model is a LightGBM model and contains no training
    row, unlike the network's.

    Source: Hinton, Vinyals and Dean, 2015, arXiv 1503.02531 (distillation).
    """

    name: str = "distilled"
    diet: Diet = "codes"
    weighs: bool = False

    def suits(self, rows: int, columns: int, classes: int) -> bool:
        """True for the tables of the network."""
        return InContext().suits(rows, columns, classes)

    def space(self, task: Task) -> Space:  # noqa: ARG002 - the protocol's signature
        """Empty space: each fit reads several contexts, too slow for a search."""
        return Space()

    def build(self, config: dict[str, Any], job: Job) -> Booster:
        """Return an unfitted booster with LightGBM's default configuration."""
        return _TREES.build({**_TREES.space(job.task).default, **config}, job)

    def fit(
        self,
        estimator: Booster,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None = None,
        weights: Weights | None = None,  # noqa: ARG002 - the network knows no weights
    ) -> int | None:
        """Learn the network's predictions of (X, y) and monitor the loss of the validation rows."""
        X, y = train
        with one_thread("blas"):
            predicted = _out_of_fold(estimator, X, y)
        if not estimator.n_classes:
            return _TREES.fit(estimator, (X, predicted), valid, seconds)
        rows, labels = np.nonzero(predicted >= _LEAST)
        return _TREES.fit(estimator, (X[rows], labels), valid, seconds, (predicted[rows, labels], None))

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:
        """Return the configuration with a fixed number of rounds."""
        return _TREES.with_rounds(config, rounds)

    def dump(self, estimator: Booster | TreeModel) -> bytes:
        """Serialise the trees as arrays."""
        return _TREES.dump(estimator)

    def load(self, data: bytes) -> TreeModel:
        """Deserialise the trees after a check."""
        return _TREES.load(data)


def _out_of_fold(booster: Booster, X: NDArray[np.float64], y: NDArray[Any]) -> NDArray[np.float64]:
    """Return the network's predictions of each row from the other folds: (rows, classes) or (rows,).

    A row whose class the other folds lack keeps its label.
    """
    kind = incontext.InContextClassifier if booster.n_classes else incontext.InContextRegressor
    predicted = np.eye(booster.n_classes)[y] if booster.n_classes else np.asarray(y, dtype=np.float64)
    fold = balanced_folds(y, _FOLDS, np.random.default_rng(booster.parameters["seed"]))
    for place in range(_FOLDS):
        rows, context = fold == place, fold != place
        reader: Any = kind(categorical=booster.categorical, views=1, max_context=MOST_ROWS)
        reader.fit(X[context], y[context])
        if not booster.n_classes:
            predicted[rows] = reader.predict(X[rows])
            continue
        rows &= np.isin(y, reader.classes_)
        predicted[rows] = 0
        predicted[np.ix_(rows, reader.classes_)] = reader.predict_proba(X[rows])
    return predicted
