"""The search: defaults first, then samples of the joint space, then the best one fitted on all rows; always in time."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from seasoned.errors import AllTrialsFailed
from seasoned.execution.base import Ending, Limits
from seasoned.execution.local import LocalExecutor
from seasoned.samplers import Random
from seasoned.study import Study
from seasoned.tabular.fitted import Member
from seasoned.tabular.models.registry import BASELINE, joint_space
from seasoned.trials import WarmStart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seasoned.tabular.models.base import Model
    from seasoned.tabular.objective import CrossValidation

__all__ = ["Budget", "Searched", "search"]

logger = logging.getLogger("seasoned.tabular")

_TRIAL_SHARE = 0.25  # of the time limit, plus a worker's start; one slow configuration cannot eat more
_FIT_SHARE = 0.75  # of a trial's time, for the fits of its folds; the rest is for predictions
_FIRST_SHARE = 0.5  # of the time limit; the first trial may need it, for without it there is no model at all
_WARM_UP = 2.0  # seconds a worker may need to start and import, until it is measured
_CLOSING = 0.5  # seconds kept for fetching the model and tidying up


@dataclass(frozen=True, slots=True)
class Budget:
    """What the search may use.

    Attributes:
        deadline: When all must be done, on `time.monotonic`'s clock.
        seconds: The time limit that leads to it.
        trials: Number of trials; as many as the time allows if None.
        workers: Trials at the same time.
        trial_memory: Bytes of memory a trial may use; None for no limit.
    """

    deadline: float
    seconds: float
    trials: int | None
    workers: int
    trial_memory: int | None

    @property
    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()


@dataclass(frozen=True, slots=True)
class Searched:
    """The model to predict with, and what was tried."""

    member: Member
    trials: tuple[dict[str, Any], ...]


def search(objective: CrossValidation, models: Sequence[Model], storage: str, folds: int, budget: Budget) -> Searched:
    """Tune all families together and fit the best configuration on all rows.

    Args:
        objective: Cross-validated loss of a configuration.
        models: The families, in order of cost.
        storage: Where the study's events are kept; trials found there count.
        folds: Number of folds, from which the time of the last fit is foreseen.
        budget: Time, trials, workers and memory.
    """
    if budget.trials is None:
        objective.job = replace(objective.job, seconds=_FIT_SHARE * _TRIAL_SHARE * budget.seconds / folds)
    space = joint_space(models, objective.job.task)
    defaults = tuple({"model": {model.name: model.space(objective.job.task).default}} for model in models)
    sampler = Random(warm_start=WarmStart(configurations=defaults))
    study = Study(space, sampler=sampler, storage=storage, name="search", seed=objective.job.seed)
    early: Member | None = None
    try:
        early = _first_model(study, objective, budget)
        _run(study, objective, folds, budget)
    except AllTrialsFailed as error:
        logger.warning("no model could be fitted, so the baseline predicts: %s", error)
    except KeyboardInterrupt:
        logger.warning("interrupted; the best model so far is fitted. Interrupt again to give up.")
    trials = tuple(_row(trial) for trial in study.trials)
    study.close()
    return Searched(_fit_best(objective, trials, folds, budget, early), trials)


def _first_model(study: Study, objective: CrossValidation, budget: Budget) -> Member | None:
    """The cheapest family's default, tried and fitted on all rows within seconds: from here on there is a model."""
    most = _FIRST_SHARE * budget.seconds
    study.optimize(
        objective,
        trials=1,
        time_limit=most,
        workers=budget.workers,
        trial_time_limit=most,
        trial_memory=budget.trial_memory,
    )
    first = _row(study.trials[0]) if study.trials else {"state": "none"}
    return _fit(objective, first, 0.8 * budget.remaining, budget) if first["state"] == "complete" else None


def _run(study: Study, objective: CrossValidation, folds: int, budget: Budget) -> None:
    """Trials until the number is reached, or just the time for the last fit is left.

    How long that fit takes is not known at first, so time is kept for the slowest trial allowed; once the best is
    known, what it does not need goes to more trials.
    """
    warm_up = _warm_up(objective, _row(study.trials[0]), folds) if study.trials else _WARM_UP
    trial_seconds = _TRIAL_SHARE * budget.seconds
    reserve = _CLOSING + 1.5 * warm_up + 1.1 * trial_seconds / max(folds - 1, 1)
    while budget.remaining - reserve > 0.02 * budget.seconds:
        study.optimize(
            objective,
            trials=budget.trials,
            time_limit=budget.remaining - reserve,
            workers=budget.workers,
            trial_time_limit=budget.remaining - reserve if budget.trials else trial_seconds + max(warm_up, _WARM_UP),
            trial_memory=budget.trial_memory,
        )
        rows = [_row(trial) for trial in study.trials]
        if budget.trials and sum(row["state"] in {"complete", "failed"} for row in rows) >= budget.trials:
            return
        if best := _ranked(rows)[:1]:
            reserve = _CLOSING + 1.5 * (warm_up + _foreseen(objective, best[0], folds))
    if budget.trials:
        limit = budget.seconds
        logger.warning("the limit of %g s came before %d trials, so the result depends on it.", limit, budget.trials)


def _warm_up(objective: CrossValidation, first: Mapping[str, Any], folds: int) -> float:
    """Seconds that a fresh worker needs before it fits: what the first trial took beyond its fits."""
    if first["state"] != "complete" or first["seconds"] is None:
        return _WARM_UP
    measured: float = first["seconds"] - folds * objective.record(_config(first)).fit_seconds
    return max(measured, 0.2)


def _row(trial: Any) -> dict[str, Any]:
    """A trial as plain data for the leaderboard and the bundle."""
    config: dict[str, Any] = json.loads(json.dumps(trial.config, default=dict))
    ((model, settings),) = config["model"].items()
    return {
        "number": trial.number,
        "model": model,
        "state": "cut off" if trial.state == "running" else str(trial.state),
        "loss": None if trial.value is None else float(trial.value),
        "seconds": trial.seconds,
        "error": trial.error,
        "config": settings,
    }


def _ranked(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Complete trials, the best first; ties go to the earlier one, so that time does not decide."""
    complete = [row for row in rows if row["state"] == "complete"]
    return sorted(complete, key=lambda row: (row["loss"], row["number"]))


def _foreseen(objective: CrossValidation, row: Mapping[str, Any], folds: int) -> float:
    """Seconds to fit on all rows: the mean time of a fold, scaled to the rows that it left out."""
    share = (folds - 1) / folds if folds > 1 else 0.8
    return objective.record(_config(row)).fit_seconds / share


def _config(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"model": {row["model"]: row["config"]}}


def _fit_best(
    objective: CrossValidation, trials: Sequence[Mapping[str, Any]], folds: int, budget: Budget, early: Member | None
) -> Member:
    """The best configuration fitted on all rows; where time is short the next best that fits in, or the early model."""
    for row in _ranked(trials):
        if early is not None and (early.name, early.config) == (row["model"], row["config"]):
            return early
        if budget.remaining > 0 and _foreseen(objective, row, folds) < 0.7 * budget.remaining:
            member = _fit(objective, row, 0.9 * budget.remaining, budget)
            if member is not None:
                return member
    logger.warning("no tuned model could be fitted on all rows in time; a simple one predicts.")
    return early or Member(BASELINE.name, {}, objective.refit({"model": {BASELINE.name: {}}}))


def _fit(objective: CrossValidation, row: Mapping[str, Any], seconds: float, budget: Budget) -> Member | None:
    """The trial's configuration fitted on all rows, in a worker that is killed at its limit; None if that failed."""
    limits = Limits(seconds=max(seconds, 0.1), memory=budget.trial_memory)
    with LocalExecutor(budget.workers) as executor:
        executor.submit(objective.refit, _config(row), limits=limits)
        outcome = executor.wait()[0]
    if outcome.ending is Ending.RETURNED:
        return Member(row["model"], row["config"], outcome.value)
    logger.warning("trial %d (%s) could not be fitted on all rows: %s", row["number"], row["model"], outcome.reason)
    return None
