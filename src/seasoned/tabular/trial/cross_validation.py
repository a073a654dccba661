"""Objective of the search: the cross-validated loss of a configuration."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import Pruned, PruneReason
from seasoned.execution._system.resources import free_memory
from seasoned.tabular.features.pipeline import most_columns
from seasoned.tabular.metrics.vectorized import ranks
from seasoned.tabular.models._common.base import predict
from seasoned.tabular.trial.fold_fitter import Fitter, Pipeline
from seasoned.tabular.trial.fold_models import (
    MIN_SECONDS,
    MIN_TRAINING_SHARE,
    FoldModelCache,
    by_fold,
    largest_folds,
    load_fold_models,
)
from seasoned.tabular.trial.memory_estimate import DataShape, check_memory, estimate_bytes
from seasoned.tabular.trial.results import Records, TrialRecord
from seasoned.tabular.trial.stacked_features import columns_of, width_of
from seasoned.tabular.validation.row_samples import MOST_VALID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from seasoned.fidelity.live_trial import LiveTrial
    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.models._common.base import Job, Model
    from seasoned.tabular.trial.arrays import Arrays
    from seasoned.tabular.trial.fold_fitter import Part
    from seasoned.tabular.validation.folds import Fold

__all__ = ["CrossValidation"]

TOO_SLOW = "its predictions take too long"
"""First words of the reason for which a trial that exceeds `predict_limit` is pruned, regardless of its loss."""
_PATIENCE = 1.5  # largest prediction time of a first fold, as a multiple of predict_limit; the machine may be busy


@dataclass(slots=True)
class CrossValidation:
    """Cross-validated loss of a configuration.

    The model of each fold predicts the fold's validation rows. The metric is computed once, over all of these rows
    together, so that it is defined even if a fold lacks a class. A row that several folds validate gets the mean of
    their predictions. Boosters use the validation rows for early stopping: one integer, the number of rounds, is tuned
    on these rows like a hyperparameter.

    The object is small and refers to a folder. Each process memory-maps the arrays and retains them.

    Attributes:
        data: Rows and folds of a run folder.
        job: Task and resources of the models.
        metric: Metric of the loss.
        own: The user's own families, which are sent to the workers with this object.
        predict_limit: Limit of the prediction time, in milliseconds a row; None for no limit.
        memory: Memory limit in bytes of a trial, in addition to the memory of its worker before the trial; None for no
            limit except the free memory.
        levels: Numbers of training rows of the first fold for successive evaluations (`row_samples.levels_of`), the
            last being all rows; empty for a single evaluation on all rows.
        share: Largest part in bytes of the machine's free memory for a trial, because others run at the same time; None
            for all free memory.
    """

    data: Arrays
    job: Job
    metric: Measure
    own: tuple[Model, ...] = ()
    predict_limit: float | None = None
    memory: int | None = None
    levels: tuple[int, ...] = ()
    share: int | None = None

    def __call__(self, config: Mapping[str, Any], trial: LiveTrial | None = None) -> float:
        """Return the loss of a configuration `{"model": {family: {...}}}`; lower is better.

        Args:
            config: The configuration.
            trial: The running trial, which first receives the losses on samples of the rows; None for a single
                evaluation on all rows.

        Raises:
            Pruned: If the loss is too far behind on samples, or predictions take longer than
                `predict_limit` allows while another trial keeps the limit.
            NotEnoughMemory: If the fit would need more memory than is available.
        """
        pipeline = Pipeline.of(config)
        self._check_memory(pipeline)
        sampling = 0.0 if trial is None else self._climb(pipeline, trial)
        return self._validate(config, pipeline, sampling)

    def full_loss(self, config: Mapping[str, Any]) -> float:
        """Return the loss without a limit of the prediction time, for a configuration that is stacked on others."""
        pipeline = Pipeline.of(config)
        self._check_memory(pipeline)
        return self._validate(config, pipeline, 0.0, paced=False)

    def _validate(self, config: Mapping[str, Any], pipeline: Pipeline, sampling: float, *, paced: bool = True) -> float:
        folds, fitter = self.data.folds, self.fitter
        held = [self.data.places_of(valid) for _, valid in folds]
        total = self._zeros(len(self.data.known_rows()))  # rows that some fold validates
        parts: list[Part] = []
        losses: list[float | None] = []
        end = self._end(len(folds))
        with self._keeping(config, paced=paced) as keeping:
            for place, fold in enumerate(folds):
                parts.append(fitter.on_fold(pipeline, fold, end, len(folds) - place, keeping, timed=place == 0))
                retransformed, factor = fitter.retransformed(pipeline, folds, parts)
                losses.append(self.loss_on(fold[1], retransformed[-1]))
                if paced and place == 0:
                    self.check_pace(parts[0].pace)
            for places, found in zip(held, retransformed, strict=True):
                total[places] += found
            predicted = fold_mean(total, held)
            odd = int((~np.isfinite(predicted)).reshape(len(predicted), -1).any(axis=1).sum())
            if odd:
                raise ValueError(f"it predicted no finite number for {odd} of {len(predicted)} rows")
            self._write(config, predicted, _record(parts, losses, sampling, factor))
            loss = self.loss_of(predicted)
            keeping.done()
        return loss

    def _keeping(self, config: Mapping[str, Any], *, paced: bool) -> FoldModelCache:
        """Return the writer of the fold models; it stores the first trials in any case, as no other may complete."""
        return FoldModelCache(self.records.models(config) if paced else None, MIN_SECONDS if self.records.any else 0.0)

    def loss_of(self, predicted: NDArray[np.float64]) -> float:
        """Return the loss of predictions for the rows that some fold validates."""
        known = self.data.known_rows()
        return self.metric.loss(self.data.target[known], predicted, self.data.weights_of(known))

    def _zeros(self, rows: int) -> NDArray[np.float64]:
        return np.zeros((rows, self.job.n_classes) if self.job.n_classes else rows)

    @property
    def fitter(self) -> Fitter:
        """Fitter of configurations."""
        return Fitter(self.data, self.job, self.own)

    @property
    def records(self) -> Records:
        """Records of the trials in the run folder."""
        return Records(self.data.folder)

    @property
    def folds(self) -> int:
        """Number of folds."""
        return len(self.data.folds)

    def refit(self, config: Mapping[str, Any], repeat: int = 0, fold: int | None = None) -> Any:
        """Return the estimator of a configuration, fitted on all rows; a `Featured` one if it has features.

        Args:
            config: The configuration.
            repeat: Index of the fit among fits that differ by their seeds only.
            fold: Fold whose model is fitted as in the trial; None for a fit on all rows.
        """
        pipeline, record = Pipeline.of(config), self.records.of(config)
        if fold is not None:
            return self.fitter.of_fold(pipeline, self.data.folds[fold], record.factor)
        return self.fitter.on_all(pipeline, record.rounds, repeat, record.factor)

    def fold_average(self, config: Mapping[str, Any]) -> Any:
        """Return the fold models of the trial as one that predicts by their mean; None if they are not stored.

        Under a `predict_limit` it is only one fold model, because the prediction time of a trial is the time of one.
        """
        folds = largest_folds([len(train) for train, _ in self.data.folds], one=self.predict_limit is not None)
        return load_fold_models(self.records.models(config), folds, self.records.of(config).factor)

    def fold_models(self, config: Mapping[str, Any], folds: Sequence[int]) -> dict[int, Any]:
        """Return fold models of the trial, by fold; empty if they are not stored."""
        return by_fold(self.records.models(config), folds, self.records.of(config).factor)

    def nested_predictions(self, config: Mapping[str, Any], outer: int) -> NDArray[np.float64]:
        """Return nested predictions for the rows outside a fold, by models that saw neither these rows nor the fold.

        Args:
            config: The configuration.
            outer: The fold; its own rows get zeros.

        Returns:
            Predictions for all rows, shape (n, classes) or (n,).
        """
        pipeline, fitter, held = Pipeline.of(config), self.fitter, self.data.folds[outer][1]
        others = [fold for place, fold in enumerate(self.data.folds) if place != outer]
        folds = [(np.setdiff1d(train, held), valid) for train, valid in others]
        end, parts = self._end(len(folds)), []
        for place, fold in enumerate(folds):
            parts.append(fitter.on_fold(pipeline, fold, end, len(folds) - place, timed=False))
        total = self._zeros(len(self.data.target))
        for (_, valid), found in zip(folds, fitter.retransformed(pipeline, folds, parts)[0], strict=True):
            total[valid] = found
        return total

    def stacked_predictions(self, config: Mapping[str, Any], outer: int, within: Sequence[NDArray[np.float64]]) -> Any:
        """Return the predictions of a stacked configuration for the rows of a fold, which no model has seen before.

        Args:
            config: The stacked configuration; its trial determines the number of rounds.
            outer: The fold.
            within: Nested predictions of each base model for the other rows (`nested_predictions`). The fold's own rows
                get the out-of-fold predictions of the base models.

        Raises:
            ValueError: If the predictions of a base model are lost.
        """
        pipeline, record, (train, valid) = Pipeline.of(config), self.records.of(config), self.data.folds[outer]
        said = [found.copy() for found in within]
        for found, source in zip(said, pipeline.base_configurations, strict=True):
            told = self.records.out_of_fold(source)
            if told is None:
                raise ValueError("the predictions of a model below are lost")
            found[valid] = told[valid]
        fitter = replace(self.fitter, said=columns_of(said))
        estimator = fitter.on_all(pipeline, record.rounds, factor=record.factor, rows=train)
        return predict(estimator, fitter.seen_by(pipeline, valid), self.job.n_classes)

    def fold_losses(self, predicted: NDArray[np.float64]) -> list[float | None]:
        """Return the loss on each fold, of predictions for the rows that some fold validates; None if undefined."""
        return [self.loss_on(rows, predicted[self.data.places_of(rows)]) for _, rows in self.data.folds]

    def baseline_loss(self) -> float | None:
        """Return the loss of the constant baseline over all folds; None if undefined.

        The baseline is a constant for each fold. For a metric of ranks it is one constant for all rows, because the
        metric would measure the differences between folds.
        """
        rows = self.data.known_rows()
        if ranks(self.metric):
            return self.loss_on(rows, np.full((len(rows), self.job.n_classes), 1 / self.job.n_classes))
        return self.loss_on(rows, self._baseline())

    def _baseline(self) -> NDArray[np.float64]:
        """Return the predictions of the best constant for the rows that some fold validates."""
        return self.fitter.baseline(median=self.metric.absolute)

    def perfect_loss(self) -> float | None:
        """Return the loss of perfect predictions; None if undefined."""
        rows = self.data.known_rows()
        y = self.data.target[rows]
        return self.loss_on(rows, np.eye(self.job.n_classes)[y.astype(np.intp)] if self.job.n_classes else y)

    # ---- samples of the rows

    @property
    def climbing_seconds(self) -> float:
        """Time limit in seconds of a trial's fits on samples, in addition to its folds; 0 without samples."""
        return (self.job.seconds or 0.0) * sum(self.levels[:-1]) / self.levels[-1] if self.levels else 0.0

    def sample_baseline(self) -> float | None:
        """Return the loss of the constant baseline on the validation rows of samples; None if undefined."""
        rows = self._sample(self.levels[0])[1]
        return self.loss_on(rows, self._baseline()[self.data.places_of(rows)])

    def sample_rows(self) -> int:
        """Return the number of validation rows of samples."""
        return len(self._sample(self.levels[0])[1])

    def _climb(self, pipeline: Pipeline, trial: LiveTrial) -> float:
        """Fit on samples of the first fold's training rows and report each loss; return the seconds taken.

        Raises:
            Pruned: If a loss is too far behind, or predictions are too slow.
        """
        start = time.perf_counter()
        for rows in self.levels[:-1]:
            if rows <= trial.step:  # an earlier process of the trial has reported this sample
                continue
            fold = self._sample(rows)
            part = self.fitter.on_fold(pipeline, fold, self._end(rows / self.levels[-1]))
            (predicted,), _ = self.fitter.retransformed(pipeline, [fold], [part])
            loss = self.loss_on(fold[1], predicted)
            slow = self.predict_limit is not None and part.pace > _PATIENCE * self.predict_limit  # its loss is NaN
            if slow and self.records.has_quick:
                raise _too_slow(part.pace, self.predict_limit)
            trial.report(rows, math.nan if loss is None or slow else loss)
        return time.perf_counter() - start

    def _sample(self, rows: int) -> Fold:
        """Return the first `rows` training rows of the nested order, and at most 20,000 validation rows, as a fold."""
        train, valid = self.data.nested_first_fold(self.job.seed, classes=self.job.n_classes > 0)
        return np.sort(train[:rows]), np.sort(valid[:MOST_VALID])

    # ---- limits and records of a trial

    def _end(self, fits: float) -> float:
        """Return the end (`time.perf_counter`) of the time for `fits` fits that start now; infinite for no limit."""
        return math.inf if self.job.seconds is None else time.perf_counter() + self.job.seconds * fits

    def _check_memory(self, pipeline: Pipeline) -> None:
        """Refuse a fit that needs too much memory, before it takes any time."""
        train, valid = max(self.data.folds, key=lambda fold: len(fold[0]))
        at = self._extent(pipeline, len(train), len(valid), len(self.data.known_rows()))
        check_memory(pipeline.name, pipeline.settings, at, self.memory, self._free())

    def memory_bytes(self, config: Mapping[str, Any]) -> int:
        """Return the estimated memory in bytes of a fit of the configuration on all rows."""
        pipeline, rows = Pipeline.of(config), len(self.data.target)
        return estimate_bytes(pipeline.name, pipeline.settings, self._extent(pipeline, rows, 0, rows))

    def _extent(self, pipeline: Pipeline, rows: int, valid: int, held: int) -> DataShape:
        model = self.fitter.model(pipeline.name)
        columns = self.data.matrix(model.diet).shape[1] + most_columns(pipeline.features)
        columns += width_of(pipeline.base_configurations, self.job.n_classes)
        levels = (len(self.job.categorical), len(self.job.many)) if model.diet == "codes" else (0, 0)
        return DataShape(rows, valid, columns, self.job.n_classes, *levels, held)

    def _free(self) -> int:
        free = free_memory()
        return free if self.share is None else min(free, self.share)

    def check_pace(self, pace: float) -> None:
        """Prune a trial that predicts too slowly, once some trial is fast enough."""
        limit = self.predict_limit
        if limit is None or pace <= _PATIENCE * limit or self.folds == 1:
            return
        if self.records.has_quick:
            raise _too_slow(pace, limit)

    def _write(self, config: Mapping[str, Any], predicted: NDArray[np.float64], record: TrialRecord) -> None:
        """Store predictions and record of the trial for the refit, the ensemble and later trials."""
        self.records.write(config, predicted, record)
        if self.predict_limit is not None and record.predict_ms <= self.predict_limit:
            self.records.note_quick(record.predict_ms)

    def loss_on(self, rows: NDArray[np.int64], predicted: NDArray[np.float64]) -> float | None:
        """Return the loss on some rows; None if undefined, for example without a second class."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the rows may lack a class
            try:
                loss = self.metric.loss(self.data.target[rows], predicted, self.data.weights_of(rows))
            except ValueError:
                return None
        return loss if math.isfinite(loss) else None


def fold_mean(total: NDArray[np.float64], held: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Return sums of predictions divided by the number of folds that validate each row, at least one."""
    times = np.zeros(len(total))
    for places in held:
        times[places] += 1
    return total / times.reshape(-1, *[1] * (total.ndim - 1))


def mean_rounds(parts: Sequence[Part]) -> float | None:
    """Return the mean rounds of the folds with usable validation rows, or of all folds if none has such rows.

    Folds with far fewer training rows, as in a time series, do not count: they are no measure for a fit on all rows.
    None for a family without rounds.
    """
    taken = [part for part in parts if part.rounds is not None]
    telling = [part for part in taken if part.tells] or taken
    most = max((part.rows for part in telling), default=0)
    rounds = [part.rounds for part in telling if part.rounds is not None and part.rows >= MIN_TRAINING_SHARE * most]
    return float(np.mean(rounds)) if rounds else None


def _record(parts: Sequence[Part], losses: Sequence[float | None], sampling: float, factor: float) -> TrialRecord:
    rounds = mean_rounds(parts)
    whole = None if rounds is None else round(rounds)
    median = float(np.median([part.seconds for part in parts]))
    return TrialRecord(whole, median, tuple(losses), min(part.pace for part in parts), sampling, factor)


def _too_slow(pace: float, limit: float | None) -> Pruned:
    """The exception of a trial that cannot keep `predict_limit`."""
    return Pruned(
        f"{TOO_SLOW}, {pace:.3g} ms a row; predict_limit leaves {limit or 0.0:.3g} to the models",
        reason=PruneReason.PREDICTION_TIME,
    )
