"""What follows the last fits: which members are quick enough, and what is learned from out-of-fold predictions."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.ensemble.member_predictions import out_of_fold, pool
from seasoned.tabular.ensemble.prediction_time import within
from seasoned.tabular.metrics.decision_rule import Decision
from seasoned.tabular.postprocessing.conformal import learn_conformal
from seasoned.tabular.postprocessing.postprocessor import Finish, choose_finish
from seasoned.tabular.postprocessing.validation_evidence import MOST_ROWS, Validated
from seasoned.tabular.trial.results import as_kept

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.ensemble.fitted_model import Fitted, Member
    from seasoned.tabular.postprocessing.out_of_fold import Pooled
    from seasoned.tabular.trial.cross_validation import CrossValidation

__all__ = ["conclude", "learned"]

logger = logging.getLogger("seasoned.tabular")

_MEASURING: Final = 1.0  # seconds that measuring a model of predictable speed takes at most
_NUMBERS: Final = 5e7  # numbers of members' out-of-fold predictions that are read and combined in a second
_MEASURED: Final = 150  # rows that are predicted at least, however slow the model is
_MOST_BESIDE: Final = 20_000_000  # predicted values up to which predicting the same for all rows is judged as well
_MOST_VALUES: Final = 100_000  # values kept of validation, so that many classes do not swell the bundle: 400 kB


def conclude(
    fitted: Fitted, objective: CrossValidation, frame: pd.DataFrame, settings: Mapping[str, Any], budget: Budget
) -> Fitted:
    """The model with all that predictions need beside its members, and the evidence for the report.

    Args:
        fitted: The members with their weights, and what is around them.
        objective: Whose trials they are; its folder is still there.
        frame: The rows, as they were given.
        settings: Among others calibrate and predict_limit of `SearchSettings`.
        budget: Where little time is left, what trials took to predict stands in for a measurement.
    """
    limit = settings["predict_limit"]
    if limit is not None:

        def told(members: Sequence[Member]) -> float | None:
            row = _told(members, objective, limit)
            enough = budget.remaining > _MEASURING + _MEASURED * row / 1_000
            return None if enough and not budget.stop() else row

        members, pace = within(fitted.members, fitted.plan, fitted.metric, frame, limit, told)
        fitted = replace(fitted, members=members, pace=pace)
    pooling = not budget.stop()  # it takes a second or two, and whoever stopped a fit waits
    fitted = replace(fitted, **learned(fitted, objective, calibrate=settings["calibrate"], pooling=pooling))
    if pooling:
        fitted = replace(fitted, out_of_fold=_out_of_fold(fitted, objective, budget))
    for sentence in (*filter(None, [fitted.summary]), *fitted.sentences):
        logger.info(sentence)
    return fitted


def _told(members: Sequence[Member], objective: CrossValidation, limit: float) -> float:
    """Milliseconds a row that these members' trials took to predict, and what precedes any model."""
    records = [objective.records.of({"model": {member.name: member.config}}) for member in members]
    before = 0.0 if objective.predict_limit is None else limit - objective.predict_limit
    return before + sum(record.predict_ms for record in records)


def learned(
    fitted: Fitted, objective: CrossValidation, *, calibrate: bool | None, pooling: bool = True
) -> dict[str, Any]:
    """What is learned from the members' out-of-fold predictions: `finish`, `validated` and `conformal` of `Fitted`.

    Where the metric is undefined on them, only `conformal` is learned, and the log gives the reason. With a second
    layer, `validated` and `conformal` are of the first layer alone. The pool of all members is learned from predictions
    of the second layer that are too good; it stays, for their mean was worse (docs/notes/second-layer.md).

    Args:
        fitted: The members with their weights.
        objective: Knows what their trials predicted.
        calibrate: See `SearchSettings.calibrate`.
        pooling: Whether a pool may take the place of their mean.
    """
    seed, metric = objective.job.seed, fitted.metric
    plain = Finish() if metric.costs is None else Finish(decision=Decision(metric.costs, given=True))
    first = [member for member in fitted.members if not member.below]
    layered = len(first) < len(fitted.members)
    pooled = pool(objective, fitted.members, each=pooling)
    if pooled is None:
        return {"finish": plain}
    found: dict[str, Any] = {"finish": plain}
    beside = pooling and pooled.predicted.size <= _MOST_BESIDE  # else it would cost what the last fits need
    baseline = objective.baseline_loss() if beside else None
    try:
        chosen = choose_finish(pooled, metric, seed, calibrate=calibrate)
        if not np.isfinite(chosen.loss):
            raise ValueError(f"{metric.name} is {chosen.loss} there")
        pooled = chosen.pooled
        found = {"finish": chosen.finish, "validated": _evidence(pooled, chosen.loss, baseline, seed)}
    except ValueError as error:
        logger.warning("the report will lack the predictions in validation: %s", error)
    codes = None if objective.job.n_classes else objective.data.matrix("codes")  # memory-mapped
    if layered:  # the second layer's predictions of these rows are too good: its columns know their targets
        total = sum(member.weight for member in first)
        pooled = pool(objective, [replace(member, weight=member.weight / total) for member in first], each=pooling)
        found.pop("validated", None)
        with suppress(ValueError):  # then they stay the first layer's mean
            if pooled is not None:
                honest = choose_finish(pooled, metric, seed, calibrate=calibrate)
                pooled = honest.pooled
                if np.isfinite(honest.loss):
                    found["validated"] = _evidence(pooled, honest.loss, baseline, seed)
    return found if pooled is None else {**found, "conformal": learn_conformal(pooled, codes, seed)}


def _out_of_fold(fitted: Fitted, objective: CrossValidation, budget: Budget) -> NDArray[np.floating] | None:
    """Out-of-fold predictions of all rows; None, with the reason in the log, where they are too many or it is late."""
    numbers = len(objective.data.known_rows()) * max(len(fitted.classes), 1) * len(fitted.members)
    late = numbers / _NUMBERS > budget.remaining
    found = None if late else out_of_fold(objective, fitted.members, fitted.finish)
    if found is None:
        why = "there is no time left" if late else "there are too many, or some are lost"
        logger.info("predictions of all rows out of fold are not kept: %s.", why)
    return found


def _evidence(pooled: Pooled, loss: float, baseline: float | None, seed: int) -> Validated:
    """What the report gets: at most 2,000 rows, fewer with many classes, the same ones each time."""
    classes = pooled.predicted.shape[1] if pooled.predicted.ndim == 2 else 1
    most = min(MOST_ROWS, max(_MOST_VALUES // classes, 100))
    rng, count = np.random.default_rng(seed), len(pooled.truth)
    if pooled.drawn:  # in the proportions of all rows, so that each counts the same
        shown = np.sort(rng.choice(count, min(most, count), replace=False, p=pooled.mass / count))
        return Validated(pooled.truth[shown], as_kept(pooled.predicted[shown]), loss, None, baseline)
    shown = np.sort(rng.permutation(count)[:most])
    weights = None if pooled.weights is None else pooled.weights[shown] / pooled.weights[shown].mean()
    return Validated(pooled.truth[shown], as_kept(pooled.predicted[shown]), loss, weights, baseline)
