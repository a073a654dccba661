"""Fits of one configuration: on a fold's rows, on all rows."""

from __future__ import annotations

import math
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.execution._system.resources import cpu_count
from seasoned.tabular.features.base import Rows
from seasoned.tabular.features.pipeline import aims_of, asks, fit_features, reads_texts, split_features
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models._common.log_target import Exponential
from seasoned.tabular.models._common.target_transforms import CENTRE, SCALE
from seasoned.tabular.models.registry import BASELINE, find, holds_out, takes_weights
from seasoned.tabular.preprocessing.matrix_files import rows_of
from seasoned.tabular.trial.featured_model import Featured
from seasoned.tabular.trial.results import Records
from seasoned.tabular.trial.stacked_features import columns_of, split_below

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Self

    from numpy.typing import NDArray

    from seasoned.tabular.features.pipeline import Made
    from seasoned.tabular.models._common.base import Model
    from seasoned.tabular.models._common.log_target import Logarithm
    from seasoned.tabular.preprocessing.column_plan import Diet
    from seasoned.tabular.trial.arrays import Arrays
    from seasoned.tabular.trial.fold_models import Keeping
    from seasoned.tabular.validation.folds import Fold

__all__ = ["Fitter", "Part", "Pipeline"]

_STRIDE: Final = 7_919  # from a fit's seed to that of its repeat
_SEEDS: Final = 2**31 - 1
_LEAST_SIZE: Final = 0.01  # of the median size of a target, the least size by which relative errors are divided


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A configuration as fits see it.

    Attributes:
        name: The model's family.
        settings: Its hyperparameters.
        features: The choice of features; None for none.
        below: The configurations of the models that it is stacked on; none in the first layer.
        logarithm: Whether the target is learned on the scale of its logarithm.
        median: Whether its median is learned, where absolute errors count.
    """

    name: str
    settings: Mapping[str, Any]
    features: Mapping[str, Any] | None
    below: tuple[Mapping[str, Any], ...] = ()
    logarithm: bool = False
    median: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """The pipeline of a configuration `{"model": {family: {...}}}`."""
        ((name, settings),) = config["model"].items()
        settings, below = split_below(settings)
        settings, logarithm = SCALE.split(settings)
        settings, median = CENTRE.split(settings)
        return cls(name, *split_features(settings), below, logarithm, median)


@dataclass(frozen=True, slots=True)
class Part:
    """One fit of a trial.

    Attributes:
        predicted: Predictions for its held-out rows.
        rounds: Rounds that it took; None for a family without.
        seconds: Of the fit.
        pace: Milliseconds that predicting a row took.
        tells: Whether its held-out rows say how long to train: those of classes that it has never seen do not.
        rows: On how many it trained.
    """

    predicted: NDArray[np.float64]
    rounds: int | None
    seconds: float
    pace: float
    tells: bool = True
    rows: int = 0


class _Fitted(NamedTuple):
    """A fit on a fold: its estimator, what makes its features, its rounds; the held-out rows, and seconds to make them.

    `able` tells whether it is of the family that was asked for.
    """

    estimator: Any
    made: Made | None
    rounds: int | None
    held_out: NDArray[np.float64]
    making: float
    able: bool

    @property
    def whole(self) -> Any:
        """The estimator, a `Featured` one where features were made."""
        return self.estimator if self.made is None else Featured(self.estimator, self.made)


@dataclass(frozen=True, slots=True)
class Fitter:
    """Fits of any configuration to the rows of a run folder.

    Attributes:
        data: The rows.
        job: What models are built for.
        own: Families of the user's own.
        said: Predictions of the models below for all rows, shape (n, columns), for a model stacked on them; if None,
            what their trials predicted out of fold.
    """

    data: Arrays
    job: Job
    own: tuple[Model, ...] = ()
    said: NDArray[np.float64] | None = None

    def model(self, name: str) -> Model:
        """The family of that name."""
        return next((model for model in self.own if model.name == name), None) or find(name)

    def on_fold(
        self, pipeline: Pipeline, fold: Fold, end: float = math.inf, fits: int = 1, keeping: Keeping | None = None
    ) -> Part:
        """Fit on a fold's training rows, and predict its validation rows.

        Where the rows to train on are all of one class, that class is predicted.

        Args:
            pipeline: What to fit.
            fold: Rows to train on, rows to validate.
            end: When (`time.perf_counter`) a family that can stop must stop; infinite to let it decide.
            fits: How many fits share the time until then, this one being the first.
            keeping: Keeps the model, if it is of the family that was asked for.
        """
        start = time.perf_counter()
        found = self._on_fold(pipeline, fold, end, fits)
        fitted = time.perf_counter()
        predicted = predict(found.estimator, found.held_out, self.job.n_classes)
        pace = 1_000 * (found.making + time.perf_counter() - fitted) / len(fold[1])
        if keeping is not None:
            keeping.add(found.whole if found.able else None, fitted - start)
        y, (train, valid) = self.data.target, fold
        tells = not self.job.n_classes or bool(np.isin(y[valid], y[train]).any())
        return Part(predicted, found.rounds, fitted - start, pace, tells, len(train))

    def retransformed(
        self, pipeline: Pipeline, folds: Sequence[Fold], parts: Sequence[Part]
    ) -> tuple[list[NDArray[np.float64]], float]:
        """What the parts of a trial predicted, and 1; where they learned logarithms, with factors applied.

        The factor of each part comes from the other parts; the one that is returned comes from all, for later fits.
        """
        scale, predicted = self._scale(pipeline), [part.predicted for part in parts]
        if scale is None:
            return predicted, 1.0
        y = self.data.target
        mass = self._mass(np.arange(len(y)))  # of all rows at once: one of each fold would make the folds alike
        told = [
            (y[valid], found, None if mass is None else mass[valid])
            for (_, valid), found in zip(folds[: len(parts)], predicted, strict=True)
        ]
        return scale.crossed(told), scale.factor_of(told)

    def of_fold(self, pipeline: Pipeline, fold: Fold, factor: float = 1.0) -> Any:
        """The estimator that `on_fold` fits, its predictions multiplied by a factor where it learned the logarithm.

        Raises:
            ValueError: If the rows to train on are all of one class.
        """
        if not self._able(fold):
            raise ValueError("the fold trains on one class only, and no model of the family was fitted")
        return self._on_fold(pipeline, fold, math.inf, 1, factor).whole

    def _able(self, fold: Fold) -> bool:
        """Whether a family can learn from the training rows: classification needs two classes at least."""
        return not self.job.n_classes or len(np.unique(self.data.target[fold[0]])) > 1

    def _on_fold(self, pipeline: Pipeline, fold: Fold, end: float, fits: int, factor: float = 1.0) -> _Fitted:
        train, valid = fold
        model, y = self.model(pipeline.name), self.data.target
        scale = self._scale(pipeline)
        y_train, y_valid = (y[rows] if scale is None else scale.forward(y[rows]) for rows in fold)
        X_train, made = self._made(pipeline.features, train, model.diet)
        X_valid, making = self._beside(made, valid, model.diet)
        X_train, X_valid = (self._above(pipeline, X, rows) for X, rows in ((X_train, train), (X_valid, valid)))
        able = model if self._able(fold) else BASELINE
        estimator = able.build(dict(pipeline.settings), self._fed(self._job_here(pipeline), made, able))
        more = self._beside_rows(able, train, valid, scale)
        left = None if math.isinf(end) else max(end - time.perf_counter(), 0.0) / fits
        with _quiet():
            taken = able.fit(estimator, (X_train, y_train), (X_valid, y_valid), left, **more)
        return _Fitted(_back(estimator, scale, factor, y_train), made, taken, X_valid, making, able is model)

    def on_all(
        self,
        pipeline: Pipeline,
        rounds: int | None,
        repeat: int = 0,
        factor: float = 1.0,
        rows: NDArray[np.int64] | None = None,
    ) -> Any:
        """The estimator, fitted on all rows for so many rounds; a `Featured` one where features are made.

        Args:
            pipeline: What to fit.
            rounds: Rounds of its trial; None for a family without.
            repeat: Which of several fits that differ by their seeds only.
            factor: Multiplies predictions, where the logarithm is learned.
            rows: Those to fit on, if not all.
        """
        model, scale = self.model(pipeline.name), self._scale(pipeline)
        rows = np.arange(len(self.data.target)) if rows is None else rows
        model = model if self._able((rows, rows)) else BASELINE
        y = self.data.target[rows] if scale is None else scale.forward(self.data.target[rows])
        X, made = self._made(pipeline.features, rows, model.diet)
        X = self._above(pipeline, X, rows)
        settings = model.with_rounds(dict(pipeline.settings), rounds)
        job = replace(self._job_here(pipeline), seed=(self.job.seed + _STRIDE * repeat) % _SEEDS)
        estimator = model.build(settings, self._fed(job, made, model))
        with _quiet():
            model.fit(estimator, (X, y), None, **self._beside_rows(model, rows, scale=scale))
        estimator = _back(estimator, scale, factor, y)
        return estimator if made is None else Featured(estimator, made)

    def baseline(self, *, median: bool = False) -> NDArray[np.float64]:
        """Predictions of the baseline, the same for all rows of a fold, for the rows that some fold validates.

        Args:
            median: Predict the median of a target of numbers, which errs least where absolute errors count.
        """
        y, known = self.data.target, len(self.data.known_rows())
        X = np.zeros((len(y), 1))
        predicted = np.full((known, self.job.n_classes) if self.job.n_classes else known, np.nan)
        plain = Pipeline(BASELINE.name, {}, None, median=median)
        scale, job = self._scale(plain), self._job_here(plain)
        for train, valid in self.data.folds:
            estimator = BASELINE.build({}, job)
            y_train = y[train] if scale is None else scale.forward(y[train])
            with _quiet():
                BASELINE.fit(estimator, (X[train], y_train), None, **self._beside_rows(BASELINE, train, scale=scale))
            found = predict(_back(estimator, scale, 1.0, y_train), X[valid], self.job.n_classes)
            predicted[self.data.places_of(valid)] = found
        return predicted

    def _made(
        self, features: Mapping[str, Any] | None, train: NDArray[np.int64], diet: Diet
    ) -> tuple[NDArray[np.float64], Made | None]:
        """The training rows in the model's input format, features included, and what makes these."""
        matrix = rows_of(self.data.matrix(diet), train)
        if not asks(features):
            return matrix, None
        aims = aims_of(self.data.target[train], self.job.n_classes)
        given = self.data.given(texts=reads_texts(features)).take(train)
        own = self.data.matrix("codes").shape[1]
        levels = range(own, given.codes.shape[1])  # of text columns
        categorical = frozenset([*self.job.categorical, *levels])
        together = None if self.data.together is None else self.data.together[train]
        weights = self.data.weights_of(train)
        rows = Rows(given, categorical, aims, weights, self.job.seed, self.job.cyclic, together, own)
        made, matrix = fit_features(features, rows, matrix, diet)
        return matrix, made

    def _above(self, pipeline: Pipeline, matrix: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """The rows, with the predictions of the models below beside them; unchanged in the first layer."""
        if not pipeline.below:
            return matrix
        said = columns_of(self._said_below(pipeline)) if self.said is None else self.said
        return np.hstack([matrix, said[rows]])

    def _said_below(self, pipeline: Pipeline) -> list[NDArray[np.floating]]:
        """What the trials of the models below predicted out of fold, for all rows.

        Raises:
            ValueError: If the predictions of one are lost, or some rows were validated by no fold.
        """
        records = Records(self.data.folder)
        found = [records.out_of_fold(source) for source in pipeline.below]
        kept = [said for said in found if said is not None and len(said) == len(self.data.target)]
        if len(kept) < len(found):
            raise ValueError("the predictions of a model below are not there for all rows")
        return kept

    def seen_by(self, pipeline: Pipeline, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Rows as the input of a model without made columns, with the predictions of the models below."""
        return self._above(pipeline, rows_of(self.data.matrix(self.model(pipeline.name).diet), rows), rows)

    def _beside(self, made: Made | None, rows: NDArray[np.int64], diet: Diet) -> tuple[NDArray[np.float64], float]:
        """Other rows in the same way, and the seconds that making features of them took."""
        matrix = rows_of(self.data.matrix(diet), rows)
        if made is None:
            return matrix, 0.0
        given = self.data.given(texts=made.reads_texts).take(rows)
        start = time.perf_counter()
        return made.extend(given, matrix, diet), time.perf_counter() - start

    def _fed(self, job: Job, made: Made | None, model: Model) -> Job:
        """The job as the model sees it once columns are made or left out: columns of level codes have moved."""
        if made is None or model.diet != "codes":
            return job
        own = self.data.matrix("codes").shape[1]
        return replace(job, categorical=made.categorical(job.categorical, own), many=made.categorical(job.many, own))

    def _beside_rows(
        self,
        model: Model,
        train: NDArray[np.int64],
        valid: NDArray[np.int64] | None = None,
        scale: Logarithm | None = None,
    ) -> dict[str, Any]:
        """Further arguments of `Model.fit`: how much rows count, and which belong together, if the family takes them.

        On the scale of logarithms a difference is relative already.
        """
        found: dict[str, Any] = {}
        mass = self._mass if scale is None else self.data.weights_of
        weights, together = mass(train), self.data.together
        if weights is not None and takes_weights(model):
            found["weights"] = weights, None if valid is None else mass(valid)
        if together is not None and holds_out(model):
            found["together"] = together[train]
        return found

    def _mass(self, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
        """How much these rows count in training, 1 on average; None if all count the same.

        For relative errors a row counts by the inverse of its target's size, at least a hundredth of the median size.
        """
        weights = self.data.weights_of(rows)
        if not self.job.relative:
            return weights
        sizes = np.abs(self.data.target)
        least = _LEAST_SIZE * float(np.median(sizes)) or 1.0
        mass = (1.0 if weights is None else weights) / np.maximum(sizes[rows], least)
        return np.asarray(mass / mass.mean())

    def _scale(self, pipeline: Pipeline) -> Logarithm | None:
        """The logarithmic scale of the target; None where it is learned as it is.

        Raises:
            ValueError: If the logarithm is asked for where there is none.
        """
        scale = self.job.logarithm
        if pipeline.logarithm and scale is None:
            raise ValueError("it asks for the logarithm of a target that has none")
        return scale if pipeline.logarithm or (scale is not None and scale.always) else None

    def _job_here(self, pipeline: Pipeline) -> Job:
        return replace(self.job, threads=cpu_count(), quantile=0.5 if pipeline.median else self.job.quantile)


def _back(estimator: Any, scale: Logarithm | None, factor: float, y: NDArray[np.float64]) -> Any:
    """The estimator, predicting numbers where it has learned their logarithms `y`."""
    if scale is None:
        return estimator
    return Exponential(estimator, scale.offset, factor, float(y.min()), float(y.max()))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without scikit-learn's warning that many classes may be numbers: here the user has asked for classes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes")
        yield
