"""Finalisation of a fit: drop slow members; learn calibration, thresholds and intervals out of fold."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.ensemble.member_predictions import out_of_fold, pool_out_of_fold
from seasoned.tabular.ensemble.prediction_time import members_within_limit
from seasoned.tabular.metrics.decision_rule import Decision
from seasoned.tabular.postprocessing.conformal import learn_conformal
from seasoned.tabular.postprocessing.postprocessor import Postprocessor, choose_postprocessor
from seasoned.tabular.postprocessing.validation_evidence import MOST_ROWS, ValidationEvidence
from seasoned.tabular.trial.results import as_kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.budget.worker_pool import WorkerPool
    from seasoned.tabular.ensemble.fitted_model import Fitted, Member
    from seasoned.tabular.postprocessing.out_of_fold import OutOfFold
    from seasoned.tabular.trial.cross_validation import CrossValidation

__all__ = ["finalize", "learn_postprocessing"]

logger = logging.getLogger("seasoned.tabular")

_MEASURING: Final = 1.0  # largest time of a latency measurement beyond its first rows, in seconds
_NUMBERS: Final = 5e7  # out-of-fold predictions of members that are read and combined, in numbers per second
_MEASURED: Final = 150  # smallest number of rows of a latency measurement
_MOST_BESIDE: Final = 20_000_000  # largest number of out-of-fold values for which the baseline loss is computed
_MOST_VALUES: Final = 100_000  # largest number of validation values in a bundle (400 kB), however many classes


def finalize(
    fitted: Fitted,
    objective: CrossValidation,
    frame: pd.DataFrame,
    calibrate: bool | None,
    limit: float | None,
    pool: WorkerPool,
) -> Fitted:
    """Finalise a model: measure its latency, learn its postprocessing, and add the evidence for the report.

    Args:
        fitted: The members with their weights.
        objective: Cross-validation of the trials. Its run folder must still exist.
        frame: The rows as passed to `fit`.
        calibrate: See `SearchSettings.calibrate`.
        limit: See `SearchSettings.predict_limit`; in milliseconds per row.
        pool: The time. With little time left, the trials' latencies replace a measurement.
    """
    budget = pool.budget
    if limit is not None:

        def told(members: Sequence[Member]) -> float | None:
            row = _told(members, objective, limit)
            enough = budget.remaining > _MEASURING + _MEASURED * row / 1_000
            return None if enough and not budget.stop() else row

        members, pace = members_within_limit(fitted.members, fitted.plan, fitted.metric, frame, limit, told)
        fitted = replace(fitted, members=members, pace=pace)
    pooling = not budget.stop()  # takes 1 to 2 s; a stop request must end the fit soon
    fitted = replace(fitted, **learn_postprocessing(fitted, objective, calibrate=calibrate, pooling=pooling))
    if pooling:
        fitted = replace(fitted, out_of_fold=_out_of_fold(fitted, objective, budget))
    for sentence in (*filter(None, [fitted.summary]), *fitted.sentences):
        logger.info(sentence)
    return fitted


def _told(members: Sequence[Member], objective: CrossValidation, limit: float) -> float:
    """Latency of members in milliseconds per row: the trials' latencies and the conversion of the table to matrices."""
    records = [objective.records.of({"model": {member.name: member.config}}) for member in members]
    before = 0.0 if objective.predict_limit is None else limit - objective.predict_limit
    return before + sum(record.predict_ms for record in records)


def learn_postprocessing(
    fitted: Fitted, objective: CrossValidation, *, calibrate: bool | None, pooling: bool = True
) -> dict[str, Any]:
    """Learn `finish`, `validated` and `conformal` of `Fitted` from the members' out-of-fold predictions.

    Where the metric is undefined on these predictions, only `conformal` is learned, and the log gives the reason. With
    a second layer, `validated` and `conformal` are computed from the first layer alone, because out-of-fold predictions
    of the second layer are optimistic. The pool of all members is nevertheless learned from them, because the plain
    mean was worse (docs/notes/second-layer.md).

    Args:
        fitted: The members with their weights.
        objective: Cross-validation whose records contain the trials' predictions.
        calibrate: See `SearchSettings.calibrate`.
        pooling: Whether a learned pool may replace the weighted mean of the members.
    """
    seed, metric = objective.job.seed, fitted.metric
    plain = Postprocessor() if metric.costs is None else Postprocessor(decision=Decision(metric.costs, given=True))
    first = [member for member in fitted.members if not member.base_configurations]
    layered = len(first) < len(fitted.members)
    pooled = pool_out_of_fold(objective, fitted.members, each=pooling)
    if pooled is None:
        return {"postprocessor": plain}
    found: dict[str, Any] = {"postprocessor": plain}
    beside = pooling and pooled.predicted.size <= _MOST_BESIDE  # the baseline of more values takes too long
    baseline = objective.baseline_loss() if beside else None
    try:
        chosen = choose_postprocessor(pooled, metric, seed, calibrate=calibrate)
        if not np.isfinite(chosen.loss):
            raise ValueError(f"{metric.name} is {chosen.loss} there")
        pooled = chosen.pooled
        found = {"postprocessor": chosen.postprocessor, "validated": _evidence(pooled, chosen.loss, baseline, seed)}
    except ValueError as error:
        logger.warning("the report will lack the predictions in validation: %s", error)
    codes = None if objective.job.n_classes else objective.data.matrix("codes")  # memory-mapped
    if layered:  # optimistic: the stacked columns depend on the targets of the same rows
        total = sum(member.weight for member in first)
        weighted = [replace(member, weight=member.weight / total) for member in first]
        pooled = pool_out_of_fold(objective, weighted, each=pooling)
        found.pop("validated", None)
        with suppress(ValueError):  # on failure, the plain mean of the first layer stays
            if pooled is not None:
                honest = choose_postprocessor(pooled, metric, seed, calibrate=calibrate)
                pooled = honest.pooled
                if np.isfinite(honest.loss):
                    found["validated"] = _evidence(pooled, honest.loss, baseline, seed)
    return found if pooled is None else {**found, "conformal": learn_conformal(pooled, codes, seed)}


def _out_of_fold(fitted: Fitted, objective: CrossValidation, budget: Budget) -> NDArray[np.floating] | None:
    """Out-of-fold predictions of all rows; None, with the reason in the log, if they are too many, late or lost."""
    numbers = len(objective.data.known_rows()) * max(len(fitted.classes), 1) * len(fitted.members)
    late = numbers / _NUMBERS > budget.remaining
    found = None if late else out_of_fold(objective, fitted.members, fitted.postprocessor)
    if found is None:
        why = "there is no time left" if late else "there are too many, or some are lost"
        logger.info("predictions of all rows out of fold are not kept: %s.", why)
    return found


def _evidence(pooled: OutOfFold, loss: float, baseline: float | None, seed: int) -> ValidationEvidence:
    """Validation predictions for the report: at most 2,000 rows, fewer with many classes, the same rows each time."""
    classes = pooled.predicted.shape[1] if pooled.predicted.ndim == 2 else 1
    most = min(MOST_ROWS, max(_MOST_VALUES // classes, 100))
    rng, count = np.random.default_rng(seed), len(pooled.truth)
    if pooled.drawn:  # sampled in the class proportions of all rows, so that weights are equal
        shown = np.sort(rng.choice(count, min(most, count), replace=False, p=pooled.mass / count))
        return ValidationEvidence(pooled.truth[shown], as_kept(pooled.predicted[shown]), loss, None, baseline)
    shown = np.sort(rng.permutation(count)[:most])
    weights = None if pooled.weights is None else pooled.weights[shown] / pooled.weights[shown].mean()
    return ValidationEvidence(pooled.truth[shown], as_kept(pooled.predicted[shown]), loss, weights, baseline)
