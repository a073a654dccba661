"""The objective: a configuration in, its cross-validated loss out."""

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
from seasoned.tabular.trial.fold_models import ALIKE, WORTH, Keeping, by_fold, kept, suited
from seasoned.tabular.trial.memory_estimate import Extent, check_memory, foreseen
from seasoned.tabular.trial.results import Records, TrialRecord
from seasoned.tabular.trial.stacked_features import columns_of, width_of
from seasoned.tabular.validation.paired_test import SLOW
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

_PATIENCE = 1.5  # times predict_limit that the first fold may take, because the machine may be busy


@dataclass(slots=True)
class CrossValidation:
    """Loss of the predictions for rows that the predicting model has not seen.

    Every fold's model predicts its validation rows; the metric is computed once, over all of these together, so that
    it is defined even where a fold lacks a class. A row that several folds validate gets the mean of their models'
    predictions. Boosters stop early on the validation rows, so one integer, the number of rounds, is chosen on them,
    as if it were one more hyperparameter.

    A small object that points to a folder; the arrays are memory-mapped in the process that runs it, and stay there.

    Attributes:
        data: The rows and folds of a run folder.
        job: What models are built for.
        metric: What to measure.
        own: Families of the user's own, which travel to the workers with this object.
        predict_limit: Milliseconds a row that models may take to predict; None for no limit.
        memory: Bytes that a trial may use on top of what its worker holds; None for its share of what is free.
        levels: Numbers of training rows of the first fold on which a trial is judged one after the other
            (`levels.py`), the last being all of them; empty where a trial is fitted on all rows at once.
        share: Most bytes of the machine's memory that a trial may use, because others run beside it; None for all that
            is free.
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
        """The loss of `{"model": {family: {...}}}`; lower is better.

        Args:
            config: What is tried.
            trial: The running trial, to which fits on samples of the rows are then reported first; None for all rows at
                once.

        Raises:
            Pruned: If it is too far behind on samples or on its first folds, or predicting takes longer than
                `predict_limit` allows while another trial keeps the limit.
            NotEnoughMemory: If its fit would take more memory than there is.
        """
        pipeline = Pipeline.of(config)
        self._check_memory(pipeline)
        sampling = 0.0 if trial is None else self._climb(pipeline, trial)
        return self._validate(config, pipeline, sampling)

    def unraced(self, config: Mapping[str, Any]) -> float:
        """The same without the race against other trials, for a configuration that is stacked on some of them."""
        pipeline = Pipeline.of(config)
        self._check_memory(pipeline)
        return self._validate(config, pipeline, 0.0, raced=False)

    def _validate(self, config: Mapping[str, Any], pipeline: Pipeline, sampling: float, *, raced: bool = True) -> float:
        folds, fitter = self.data.folds, self.fitter
        held = [self.data.places_of(valid) for _, valid in folds]
        total = self._zeros(len(self.data.known_rows()))  # a holdout leaves most rows unpredicted, a time split some
        parts: list[Part] = []
        losses: list[float | None] = []
        end = self._end(len(folds))
        with self._keeping(config, raced=raced) as keeping:
            for place, fold in enumerate(folds):
                parts.append(fitter.on_fold(pipeline, fold, end, len(folds) - place, keeping))
                retransformed, factor = fitter.retransformed(pipeline, folds, parts)
                losses.append(self.loss_on(fold[1], retransformed[-1]))
                if raced and place + 1 < len(folds):
                    self._check_bars(pipeline.name, losses)
                if raced and place == 0:
                    self._check_pace(parts[0].pace)
            for places, found in zip(held, retransformed, strict=True):
                total[places] += found
            predicted = _mean(total, held)
            odd = int((~np.isfinite(predicted)).reshape(len(predicted), -1).any(axis=1).sum())
            if odd:
                raise ValueError(f"it predicted no finite number for {odd} of {len(predicted)} rows")
            self._write(config, predicted, _record(parts, losses, sampling, factor))
            loss = self.loss_of(predicted)
            keeping.done()
        return loss

    def _keeping(self, config: Mapping[str, Any], *, raced: bool) -> Keeping:
        """Keeps the trial's models; those of the first trials in any case, because no other may be completed."""
        return Keeping(self.records.models(config) if raced else None, WORTH if self.records.any else 0.0)

    def loss_of(self, predicted: NDArray[np.float64]) -> float:
        """The loss of predictions for the rows that some fold validates."""
        known = self.data.known_rows()
        return self.metric.loss(self.data.target[known], predicted, self.data.weights_of(known))

    def _zeros(self, rows: int) -> NDArray[np.float64]:
        return np.zeros((rows, self.job.n_classes) if self.job.n_classes else rows)

    @property
    def fitter(self) -> Fitter:
        """What fits configurations."""
        return Fitter(self.data, self.job, self.own)

    @property
    def records(self) -> Records:
        """What trials have stored."""
        return Records(self.data.folder)

    @property
    def folds(self) -> int:
        """Number of folds."""
        return len(self.data.folds)

    def refit(self, config: Mapping[str, Any], repeat: int = 0, fold: int | None = None) -> Any:
        """The estimator of this configuration, fitted on all rows; a `Featured` one where features were made.

        Args:
            config: What is fitted.
            repeat: Which of several fits that differ by their seeds only.
            fold: The fold whose model is wanted instead, as the trial had it.
        """
        pipeline, record = Pipeline.of(config), self.records.of(config)
        if fold is not None:
            return self.fitter.of_fold(pipeline, self.data.folds[fold], record.factor)
        return self.fitter.on_all(pipeline, record.rounds, repeat, record.factor)

    def spare(self, config: Mapping[str, Any]) -> Any:
        """The models of the trial's folds, which predict by their mean; None where they were not kept.

        Under a `predict_limit` it is only one of them, because the time that a trial took to predict is that of one.
        """
        folds = suited([len(train) for train, _ in self.data.folds], one=self.predict_limit is not None)
        return kept(self.records.models(config), folds, self.records.of(config).factor)

    def fold_models(self, config: Mapping[str, Any], folds: Sequence[int]) -> dict[int, Any]:
        """The models of some of the trial's folds, by fold; empty where they were not kept."""
        return by_fold(self.records.models(config), folds, self.records.of(config).factor)

    def within(self, config: Mapping[str, Any], outer: int) -> NDArray[np.float64]:
        """Predictions of the configuration for the rows outside a fold, by models that saw neither them nor the fold.

        Args:
            config: What is fitted.
            outer: The fold; its own rows get zeros.

        Returns:
            For all rows, shape (n, classes) or (n,).
        """
        pipeline, fitter, held = Pipeline.of(config), self.fitter, self.data.folds[outer][1]
        others = [fold for place, fold in enumerate(self.data.folds) if place != outer]
        folds = [(np.setdiff1d(train, held), valid) for train, valid in others]
        end, parts = self._end(len(folds)), []
        for place, fold in enumerate(folds):
            parts.append(fitter.on_fold(pipeline, fold, end, len(folds) - place))
        total = self._zeros(len(self.data.target))
        for (_, valid), found in zip(folds, fitter.retransformed(pipeline, folds, parts)[0], strict=True):
            total[valid] = found
        return total

    def above(self, config: Mapping[str, Any], outer: int, within: Sequence[NDArray[np.float64]]) -> Any:
        """What a configuration that is stacked on others predicts for a fold's rows, which no model has seen before.

        Args:
            config: What is fitted, for the rounds that its own validation took.
            outer: The fold.
            within: What the models below predict for the other rows (`within`). For the fold's own rows, what their
                trials predicted is taken, without having seen the fold.
        """
        pipeline, record, (train, valid) = Pipeline.of(config), self.records.of(config), self.data.folds[outer]
        said = [found.copy() for found in within]
        for found, source in zip(said, pipeline.below, strict=True):
            told = self.records.out_of_fold(source)
            if told is None:
                raise ValueError("the predictions of a model below are lost")
            found[valid] = told[valid]
        fitter = replace(self.fitter, said=columns_of(said))
        estimator = fitter.on_all(pipeline, record.rounds, factor=record.factor, rows=train)
        return predict(estimator, fitter.seen_by(pipeline, valid), self.job.n_classes)

    def fold_losses(self, predicted: NDArray[np.float64]) -> list[float | None]:
        """The loss on each fold's rows of predictions for those that some fold validates; None where undefined."""
        return [self.loss_on(rows, predicted[self.data.places_of(rows)]) for _, rows in self.data.folds]

    def baseline_losses(self) -> tuple[float | None, ...]:
        """Loss on each fold of predicting the same for all its rows; None where it is undefined."""
        predicted, places = self._baseline(), self.data.places_of
        return tuple(self.loss_on(valid, predicted[places(valid)]) for _, valid in self.data.folds)

    def baseline_loss(self) -> float | None:
        """Loss of predicting the same for all rows of a fold, over all folds; None where it is undefined.

        For a metric of ranks it would matter that folds predict different numbers, so there all rows get the same one.
        """
        rows = self.data.known_rows()
        if ranks(self.metric):
            return self.loss_on(rows, np.full((len(rows), self.job.n_classes), 1 / self.job.n_classes))
        return self.loss_on(rows, self._baseline())

    def _baseline(self) -> NDArray[np.float64]:
        """Predictions of the best constant, for the rows that some fold validates."""
        return self.fitter.baseline(median=self.metric.absolute)

    def perfect_loss(self) -> float | None:
        """Loss of perfect predictions; None where it is undefined."""
        rows = self.data.known_rows()
        y = self.data.target[rows]
        return self.loss_on(rows, np.eye(self.job.n_classes)[y.astype(np.intp)] if self.job.n_classes else y)

    # ---- samples of the rows

    @property
    def climbing_seconds(self) -> float:
        """Seconds that a trial's fits on samples may take in addition to its folds; 0 where there are none."""
        return (self.job.seconds or 0.0) * sum(self.levels[:-1]) / self.levels[-1] if self.levels else 0.0

    def sample_baseline(self) -> float | None:
        """Loss of predicting the same for all rows that fits on samples are judged on; None where it is undefined."""
        rows = self._sample(self.levels[0])[1]
        return self.loss_on(rows, self._baseline()[self.data.places_of(rows)])

    def sample_rows(self) -> int:
        """Number of rows that fits on samples are judged on."""
        return len(self._sample(self.levels[0])[1])

    def _climb(self, pipeline: Pipeline, trial: LiveTrial) -> float:
        """Fit on samples of the first fold's training rows and report what each reaches; returns the seconds taken.

        Raises:
            Pruned: If what it reached is too far behind.
        """
        start = time.perf_counter()
        for rows in self.levels[:-1]:
            if rows <= trial.step:  # reported before its process ended; it goes on from there
                continue
            fold = self._sample(rows)
            part = self.fitter.on_fold(pipeline, fold, self._end(rows / self.levels[-1]))
            (predicted,), _ = self.fitter.retransformed(pipeline, [fold], [part])
            loss = self.loss_on(fold[1], predicted)
            slow = self.predict_limit is not None and part.pace > _PATIENCE * self.predict_limit  # no rival to others
            if slow and self.records.has_quick:
                raise _too_slow(part.pace, self.predict_limit)
            trial.report(rows, math.nan if loss is None or slow else loss)
        return time.perf_counter() - start

    def _sample(self, rows: int) -> Fold:
        """So many of the first fold's training rows (larger samples hold smaller ones), at most 20,000 held out."""
        train, valid = self.data.nested_first_fold(self.job.seed, classes=self.job.n_classes > 0)
        return np.sort(train[:rows]), np.sort(valid[:MOST_VALID])

    # ---- what a trial may take, and what it leaves

    def _end(self, fits: float) -> float:
        """When the time for so many fits that begin now is over; infinite for no limit."""
        return math.inf if self.job.seconds is None else time.perf_counter() + self.job.seconds * fits

    def _check_memory(self, pipeline: Pipeline) -> None:
        """Refuse what will not fit in memory before it costs any time."""
        train, valid = max(self.data.folds, key=lambda fold: len(fold[0]))
        at = self._extent(pipeline, len(train), len(valid), len(self.data.known_rows()))
        check_memory(pipeline.name, pipeline.settings, at, self.memory, self._free())

    def needs(self, config: Mapping[str, Any]) -> int:
        """Bytes that fitting a configuration on all rows takes, as far as it can be foreseen."""
        pipeline, rows = Pipeline.of(config), len(self.data.target)
        return foreseen(pipeline.name, pipeline.settings, self._extent(pipeline, rows, 0, rows))

    def _extent(self, pipeline: Pipeline, rows: int, valid: int, held: int) -> Extent:
        model = self.fitter.model(pipeline.name)
        columns = self.data.matrix(model.diet).shape[1] + most_columns(pipeline.features)
        columns += width_of(pipeline.below, self.job.n_classes)
        levels = (len(self.job.categorical), len(self.job.many)) if model.diet == "codes" else (0, 0)
        return Extent(rows, valid, columns, self.job.n_classes, *levels, held)

    def _free(self) -> int:
        free = free_memory()
        return free if self.share is None else min(free, self.share)

    def _check_pace(self, pace: float) -> None:
        """Give up a trial that predicts too slowly, once some trial is quick enough."""
        limit = self.predict_limit
        if limit is None or pace <= _PATIENCE * limit or self.folds == 1:
            return
        if self.records.has_quick:
            raise _too_slow(pace, limit)

    def _check_bars(self, family: str, losses: list[float | None]) -> None:
        """Give up what lags so far behind the best trial that the other folds are not worth their time."""
        known = [math.nan if loss is None else loss for loss in losses]
        for bar in self.records.bars(family):
            if not bar.stops(known):
                continue
            own, best = (self.metric.score(float(np.nanmean(some))) for some in (known, bar.best[: len(losses)]))
            raise Pruned(
                f"its first {len(losses)} of {self.folds} folds reached {self.metric.name} {own:.5g}, too far from the "
                f"{best:.5g} of the best trial{'' if bar.share else ' of its family'}",
                reason=PruneReason.FOLDS,
            )

    def _write(self, config: Mapping[str, Any], predicted: NDArray[np.float64], record: TrialRecord) -> None:
        """Leave what the refit, the ensemble and later trials need."""
        self.records.write(config, predicted, record)
        if self.predict_limit is not None and record.predict_ms <= self.predict_limit:
            self.records.note_quick(record.predict_ms)

    def loss_on(self, rows: NDArray[np.int64], predicted: NDArray[np.float64]) -> float | None:
        """The loss on a part of the rows; None where the metric needs more, such as a second class."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a part may well lack a class
            try:
                loss = self.metric.loss(self.data.target[rows], predicted, self.data.weights_of(rows))
            except ValueError:
                return None
        return loss if math.isfinite(loss) else None


def _mean(total: NDArray[np.float64], held: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Sums of predictions divided by the number of folds that validate each row, at least one."""
    times = np.zeros(len(total))
    for places in held:
        times[places] += 1
    return total / times.reshape(-1, *[1] * (total.ndim - 1))


def _rounds(parts: Sequence[Part]) -> float | None:
    """Mean rounds of the folds that tell how long to train, or of all where none does; None for a family without.

    Those with far fewer rows than others, as in a split by time, are no measure for a fit on all.
    """
    taken = [part for part in parts if part.rounds is not None]
    telling = [part for part in taken if part.tells] or taken
    most = max((part.rows for part in telling), default=0)
    rounds = [part.rounds for part in telling if part.rounds is not None and part.rows >= ALIKE * most]
    return float(np.mean(rounds)) if rounds else None


def _record(parts: Sequence[Part], losses: Sequence[float | None], sampling: float, factor: float) -> TrialRecord:
    rounds = _rounds(parts)
    mean_rounds = None if rounds is None else round(rounds)
    median = float(np.median([part.seconds for part in parts]))
    return TrialRecord(mean_rounds, median, tuple(losses), min(part.pace for part in parts), sampling, factor)


def _too_slow(pace: float, limit: float | None) -> Pruned:
    """The exception of a trial that cannot keep `predict_limit`."""
    return Pruned(
        f"{SLOW}, {pace:.3g} ms a row; predict_limit leaves {limit or 0.0:.3g} to the models",
        reason=PruneReason.PREDICTION_TIME,
    )
