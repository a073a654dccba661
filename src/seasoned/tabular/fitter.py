"""Fits of one configuration: on a fold's rows, on all rows."""

from __future__ import annotations

import math
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.execution.resources import cpu_count
from seasoned.tabular.columns.stored import rows_of
from seasoned.tabular.features.base import Rows
from seasoned.tabular.features.featured import Featured
from seasoned.tabular.features.made import aims_of, fit_features, reads_texts, split_features
from seasoned.tabular.models.base import Job, predict
from seasoned.tabular.models.registry import BASELINE, find, takes_weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

    from numpy.typing import NDArray

    from seasoned.tabular.columns.plan import Diet
    from seasoned.tabular.features.made import Made
    from seasoned.tabular.folds import Fold
    from seasoned.tabular.models.base import Model
    from seasoned.tabular.run_arrays import Arrays

__all__ = ["Fitter", "Part", "Pipeline"]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A configuration as fits see it.

    Attributes:
        name: The model's family.
        settings: Its hyperparameters.
        features: The choice of features; None for none.
    """

    name: str
    settings: Mapping[str, Any]
    features: Mapping[str, Any] | None

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """That of a configuration `{"model": {family: {...}}}`."""
        ((name, settings),) = config["model"].items()
        return cls(name, *split_features(settings))


@dataclass(frozen=True, slots=True)
class Part:
    """One fit of a trial: predictions for its held-out rows, rounds, seconds, and milliseconds a row predicted."""

    predicted: NDArray[np.float64]
    rounds: int | None
    seconds: float
    pace: float


@dataclass(frozen=True, slots=True)
class Fitter:
    """Fits of any configuration to the rows of a run folder.

    Attributes:
        data: The rows.
        job: What models are built for.
        own: Families of the user's own.
    """

    data: Arrays
    job: Job
    own: tuple[Model, ...] = ()

    def model(self, name: str) -> Model:
        """The family of that name."""
        return next((model for model in self.own if model.name == name), None) or find(name)

    def on_fold(self, pipeline: Pipeline, fold: Fold, end: float = math.inf, fits: int = 1) -> Part:
        """Fit on the first of a fold's rows, and predict the others.

        Where the rows to train on are all of one class, that class is predicted.

        Args:
            pipeline: What to fit.
            fold: Rows to train on, rows to validate.
            end: When (`time.perf_counter`) a family that can stop shall stop; infinite for when it wants to.
            fits: How many fits share the time until then, this one being the first.
        """
        train, valid = fold
        model, y = self.model(pipeline.name), self.data.target
        start = time.perf_counter()
        X_train, made = self._made(pipeline.features, train, model.diet)
        X_valid, making = self._beside(made, valid, model.diet)
        able = model if not self.job.n_classes or len(np.unique(y[train])) > 1 else BASELINE
        estimator = able.build(dict(pipeline.settings), self._fed(self._job_here(), made, able))
        weights = self._weigh(able, train, valid)
        left = None if math.isinf(end) else max(end - time.perf_counter(), 0.0) / fits
        with _quiet():
            taken = able.fit(estimator, (X_train, y[train]), (X_valid, y[valid]), left, **weights)
        fitted = time.perf_counter()
        predicted = predict(estimator, X_valid, self.job.n_classes)
        pace = 1_000 * (making + time.perf_counter() - fitted) / len(valid)
        return Part(predicted, taken, fitted - start, pace)

    def on_all(self, pipeline: Pipeline, rounds: int | None) -> Any:
        """The estimator, fitted on all rows for so many rounds; a `Featured` one where features are made."""
        model, y = self.model(pipeline.name), self.data.target
        rows = np.arange(len(y))
        X, made = self._made(pipeline.features, rows, model.diet)
        settings = model.with_rounds(dict(pipeline.settings), rounds)
        estimator = model.build(settings, self._fed(self._job_here(), made, model))
        with _quiet():
            model.fit(estimator, (X, y), None, **self._weigh(model, rows))
        return estimator if made is None else Featured(estimator, made)

    def baseline(self) -> NDArray[np.float64]:
        """What predicting the same for all rows of a fold predicts, shape (n, classes) or (n,)."""
        y = self.data.target
        X = np.zeros((len(y), 1))
        predicted = np.full((len(y), self.job.n_classes) if self.job.n_classes else len(y), np.nan)
        for train, valid in self.data.folds:
            estimator = BASELINE.build({}, self.job)
            BASELINE.fit(estimator, (X[train], y[train]), None, **self._weigh(BASELINE, train))
            predicted[valid] = predict(estimator, X[valid], self.job.n_classes)
        return predicted

    def _made(
        self, features: Mapping[str, Any] | None, train: NDArray[np.int64], diet: Diet
    ) -> tuple[NDArray[np.float64], Made | None]:
        """The training rows as the model eats them, features included, and what makes these."""
        matrix = rows_of(self.data.matrix(diet), train)
        if features is None:
            return matrix, None
        aims = aims_of(self.data.target[train], self.job.n_classes)
        given = self.data.given(texts=reads_texts(features)).take(train)
        levels = range(self.data.matrix("codes").shape[1], given.codes.shape[1])  # of text columns
        categorical = frozenset([*self.job.categorical, *levels])
        rows = Rows(given, categorical, aims, self.data.weights_of(train), self.job.seed, self.job.cyclic)
        made, matrix = fit_features(features, rows, matrix, diet)
        return matrix, made

    def _beside(self, made: Made | None, rows: NDArray[np.int64], diet: Diet) -> tuple[NDArray[np.float64], float]:
        """Other rows in the same way, and the seconds that making features of them took."""
        matrix = rows_of(self.data.matrix(diet), rows)
        if made is None:
            return matrix, 0.0
        given = self.data.given(texts=made.reads_texts).take(rows)
        start = time.perf_counter()
        return made.extend(given, matrix, diet), time.perf_counter() - start

    def _fed(self, job: Job, made: Made | None, model: Model) -> Job:
        """The job as the model sees it once columns are made or left out: level codes have other places."""
        if made is None or model.diet != "codes":
            return job
        return replace(job, categorical=made.categorical(job.categorical, self.data.matrix("codes").shape[1]))

    def _weigh(self, model: Model, train: NDArray[np.int64], valid: NDArray[np.int64] | None = None) -> dict[str, Any]:
        """The argument `weights` of `Model.fit`, where rows count differently and the family can tell."""
        weights = self.data.weights_of(train)
        if weights is None or not takes_weights(model):
            return {}
        return {"weights": (weights, None if valid is None else self.data.weights_of(valid))}

    def _job_here(self) -> Job:
        return replace(self.job, threads=cpu_count())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without scikit-learn's guess that many classes are numbers: who wants classes has said so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes")
        yield
