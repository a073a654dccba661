"""Fits of one configuration: on the training rows of a fold, or on all rows."""

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
from seasoned.tabular.features.pipeline import fit_features, has_steps, reads_texts, split_features, target_columns
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

    from seasoned.tabular.features.pipeline import FeaturePipeline
    from seasoned.tabular.models._common.base import Model
    from seasoned.tabular.models._common.log_target import Logarithm
    from seasoned.tabular.preprocessing.column_plan import Diet
    from seasoned.tabular.trial.arrays import Arrays
    from seasoned.tabular.trial.fold_models import FoldModelCache
    from seasoned.tabular.validation.folds import Fold

__all__ = ["TIMED_ROWS", "Fitter", "Part", "Pipeline"]

_STRIDE: Final = 7_919  # difference between the seeds of a fit and of its next repeat
_SEEDS: Final = 2**31 - 1  # number of different seeds
TIMED_ROWS: Final = 1_000
"""Smallest batch of a measured prediction time, so that the fixed time of a call counts little."""
_LEAST_SIZE: Final = 0.01  # smallest divisor of relative errors, as a share of the median absolute target


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Configuration, divided into the parts of a fit.

    Attributes:
        name: Model family.
        settings: Hyperparameters of the family.
        features: Choice of features; None for no features.
        base_configurations: Configurations of the base models of a stacked model; empty in the first layer.
        logarithm: True if the logarithm of the target is learned.
        median: True if the median of the target is learned, for metrics of absolute errors.
    """

    name: str
    settings: Mapping[str, Any]
    features: Mapping[str, Any] | None
    base_configurations: tuple[Mapping[str, Any], ...] = ()
    logarithm: bool = False
    median: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Return the pipeline of a configuration `{"model": {family: {...}}}`."""
        ((name, settings),) = config["model"].items()
        settings, below = split_below(settings)
        settings, logarithm = SCALE.split(settings)
        settings, median = CENTRE.split(settings)
        return cls(name, *split_features(settings), below, logarithm, median)


@dataclass(frozen=True, slots=True)
class Part:
    """Result of one fold fit of a trial.

    Attributes:
        predicted: Predictions for the validation rows, shape (rows, classes) or (rows,).
        rounds: Number of rounds; None for a family without rounds.
        seconds: Seconds of the fit.
        pace: Prediction time in milliseconds a row, in a batch of at least 1,000 rows; infinite if it was not measured.
        tells: True if the validation rows can determine the number of rounds. False if the fit has seen none of their
            classes.
        rows: Number of training rows.
    """

    predicted: NDArray[np.float64]
    rounds: int | None
    seconds: float
    pace: float
    tells: bool = True
    rows: int = 0


class _Fitted(NamedTuple):
    """Fit on a fold: estimator, feature pipeline, rounds, input of the validation rows, and seconds of their features.

    `able` is True if the estimator belongs to the requested family, False for the baseline in its place.
    """

    estimator: Any
    made: FeaturePipeline | None
    rounds: int | None
    held_out: NDArray[np.float64]
    making: float
    able: bool

    @property
    def whole(self) -> Any:
        """Estimator, a `Featured` one if it has features."""
        return self.estimator if self.made is None else Featured(self.estimator, self.made)


@dataclass(frozen=True, slots=True)
class Fitter:
    """Fits of any configuration to the rows of a run folder.

    Attributes:
        data: Arrays of the run folder.
        job: Task and resources of the models.
        own: The user's own families.
        said: Predictions of the base models for all rows, shape (n, columns), for a stacked model; None for the
            out-of-fold predictions of the base models.
    """

    data: Arrays
    job: Job
    own: tuple[Model, ...] = ()
    said: NDArray[np.float64] | None = None

    def model(self, name: str) -> Model:
        """Return the family of a name."""
        return next((model for model in self.own if model.name == name), None) or find(name)

    def on_fold(
        self,
        pipeline: Pipeline,
        fold: Fold,
        end: float = math.inf,
        fits: int = 1,
        keeping: FoldModelCache | None = None,
        *,
        timed: bool = True,
    ) -> Part:
        """Fit on the training rows of a fold, and predict its validation rows.

        Training rows of a single class lead to the baseline, which predicts that class.

        Args:
            pipeline: The configuration.
            fold: (train, validation) row indices.
            end: Deadline (`time.perf_counter`) of families that can stop early; infinite for no deadline.
            fits: Number of fits that share the time until the deadline, including this first one.
            keeping: Writer of the model, if the model belongs to the requested family.
            timed: Whether to measure the prediction time if the fold has fewer than 1,000 validation rows; a batch of
                1,000 rows is then predicted as well, because the fixed time of a call would count too much.
        """
        start = time.perf_counter()
        found = self._on_fold(pipeline, fold, end, fits)
        fitted = time.perf_counter()
        predicted = predict(found.estimator, found.held_out, self.job.n_classes)
        pace = (time.perf_counter() - fitted) / len(predicted) if len(predicted) >= TIMED_ROWS else math.inf
        if timed and math.isinf(pace):
            pace = self._pace(found.estimator, found.held_out)
        pace = 1_000 * (found.making / len(predicted) + pace)
        if keeping is not None:
            keeping.add(found.whole if found.able else None, fitted - start)
        y, (train, valid) = self.data.target, fold
        tells = not self.job.n_classes or bool(np.isin(y[valid], y[train]).any())
        return Part(predicted, found.rounds, fitted - start, pace, tells, len(train))

    def _pace(self, estimator: Any, X: NDArray[np.float64]) -> float:
        """Seconds a row to predict a batch of 1,000 rows, which are repeated from X."""
        batch = X[np.arange(TIMED_ROWS) % len(X)]
        start = time.perf_counter()
        predict(estimator, batch, self.job.n_classes)
        return (time.perf_counter() - start) / TIMED_ROWS

    def retransformed(
        self, pipeline: Pipeline, folds: Sequence[Fold], parts: Sequence[Part]
    ) -> tuple[list[NDArray[np.float64]], float]:
        """Return the predictions of the parts of a trial on the scale of the target, and the factor for later fits.

        Predictions of parts that learned logarithms are multiplied by a factor. The factor of each part comes from the
        other parts, and the returned factor from all parts. Other predictions are unchanged, with a factor of 1.
        """
        scale, predicted = self._scale(pipeline), [part.predicted for part in parts]
        if scale is None:
            return predicted, 1.0
        y = self.data.target
        mass = self._mass(np.arange(len(y)))  # scaled over all rows: a mean of 1 per fold would equalise folds
        told = [
            (y[valid], found, None if mass is None else mass[valid])
            for (_, valid), found in zip(folds[: len(parts)], predicted, strict=True)
        ]
        return scale.crossed(told), scale.factor_of(told)

    def of_fold(self, pipeline: Pipeline, fold: Fold, factor: float = 1.0) -> Any:
        """Return the estimator that `on_fold` fits; `factor` multiplies its predictions if it learned logarithms.

        Raises:
            ValueError: If the training rows have a single class.
        """
        if not self._able(fold):
            raise ValueError("the fold trains on one class only, and no model of the family was fitted")
        return self._on_fold(pipeline, fold, math.inf, 1, factor).whole

    def _able(self, fold: Fold) -> bool:
        """Return True if a family can learn from the training rows: classification needs at least two classes."""
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
        """Return the estimator, fitted on all rows with a given number of rounds; a `Featured` one if it has features.

        Args:
            pipeline: The configuration.
            rounds: Number of rounds of the trial; None for a family without rounds.
            repeat: Index of the fit among fits that differ by their seeds only.
            factor: Factor of the predictions, if the logarithm is learned.
            rows: Training rows; None for all rows.
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
        """Return the baseline's predictions, a constant for each fold, for the rows that some fold validates.

        Args:
            median: True to predict the median of a numeric target, the best constant for absolute errors.
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
    ) -> tuple[NDArray[np.float64], FeaturePipeline | None]:
        """Return the training rows in the model's input encoding, features included, and the feature pipeline."""
        matrix = rows_of(self.data.matrix(diet), train)
        if not has_steps(features):
            return matrix, None
        aims = target_columns(self.data.target[train], self.job.n_classes)
        given = self.data.given(texts=reads_texts(features)).take(train)
        own = self.data.matrix("codes").shape[1]
        levels = range(own, given.codes.shape[1])  # columns of text levels
        categorical = frozenset([*self.job.categorical, *levels])
        together = None if self.data.together is None else self.data.together[train]
        weights = self.data.weights_of(train)
        rows = Rows(given, categorical, aims, weights, self.job.seed, self.job.cyclic, together, own)
        made, matrix = fit_features(features, rows, matrix, diet)
        return matrix, made

    def _above(self, pipeline: Pipeline, matrix: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the rows with the predictions of the base models as further columns; unchanged in the first layer."""
        if not pipeline.base_configurations:
            return matrix
        said = columns_of(self._said_below(pipeline)) if self.said is None else self.said
        return np.hstack([matrix, said[rows]])

    def _said_below(self, pipeline: Pipeline) -> list[NDArray[np.floating]]:
        """Return the out-of-fold predictions of the base models for all rows.

        Raises:
            ValueError: If predictions are lost, or no fold validates some rows.
        """
        records = Records(self.data.folder)
        found = [records.out_of_fold(source) for source in pipeline.base_configurations]
        kept = [said for said in found if said is not None and len(said) == len(self.data.target)]
        if len(kept) < len(found):
            raise ValueError("the predictions of a model below are not there for all rows")
        return kept

    def seen_by(self, pipeline: Pipeline, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return rows as the input of a model without features, with the predictions of the base models."""
        return self._above(pipeline, rows_of(self.data.matrix(self.model(pipeline.name).diet), rows), rows)

    def _beside(
        self, made: FeaturePipeline | None, rows: NDArray[np.int64], diet: Diet
    ) -> tuple[NDArray[np.float64], float]:
        """Return other rows with the features of a fitted pipeline, and the seconds of these features."""
        matrix = rows_of(self.data.matrix(diet), rows)
        if made is None:
            return matrix, 0.0
        given = self.data.given(texts=made.reads_texts).take(rows)
        start = time.perf_counter()
        return made.extend(given, matrix, diet), time.perf_counter() - start

    def _fed(self, job: Job, made: FeaturePipeline | None, model: Model) -> Job:
        """Return the job for the output of the feature pipeline, in which columns of level codes have other places."""
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
        """Return further arguments of `Model.fit`, if the family takes them: row weights and groups.

        On a logarithmic scale, differences are relative already, so that the weights of relative errors do not apply.
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
        """Return the training weights of rows, 1 on average; None for equal weights.

        For relative errors, the weight is divided by the row's absolute target, at least a hundredth of the median.
        """
        weights = self.data.weights_of(rows)
        if not self.job.relative:
            return weights
        sizes = np.abs(self.data.target)
        least = _LEAST_SIZE * float(np.median(sizes)) or 1.0
        mass = (1.0 if weights is None else weights) / np.maximum(sizes[rows], least)
        return np.asarray(mass / mass.mean())

    def _scale(self, pipeline: Pipeline) -> Logarithm | None:
        """Return the logarithmic scale of the target; None if the target is learned unchanged.

        Raises:
            ValueError: If the configuration needs a logarithm that the target does not have.
        """
        scale = self.job.logarithm
        if pipeline.logarithm and scale is None:
            raise ValueError("it asks for the logarithm of a target that has none")
        return scale if pipeline.logarithm or (scale is not None and scale.always) else None

    def _job_here(self, pipeline: Pipeline) -> Job:
        return replace(self.job, threads=cpu_count(), quantile=0.5 if pipeline.median else self.job.quantile)


def _back(estimator: Any, scale: Logarithm | None, factor: float, y: NDArray[np.float64]) -> Any:
    """Return the estimator; if it has learned logarithms `y`, the result predicts numbers."""
    if scale is None:
        return estimator
    return Exponential(estimator, scale.offset, factor, float(y.min()), float(y.max()))


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress scikit-learn's warning that many classes may be numbers, because the user has chosen classification."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes")
        yield
