"""The search: defaults first, then samples of the joint space, then the best fitted on all rows; always in time."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from seasoned.errors import AllTrialsFailed
from seasoned.study import Study
from seasoned.tabular.models.registry import joint_space
from seasoned.tabular.race import Race
from seasoned.tabular.refit import choose_members, config_of, fit_members, fit_one, foreseen
from seasoned.tabular.steering import Promising
from seasoned.trials import WarmStart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seasoned.tabular.budget import Budget
    from seasoned.tabular.fitted import Member
    from seasoned.tabular.models.base import Model
    from seasoned.tabular.objective import CrossValidation

__all__ = ["Searched", "search"]

logger = logging.getLogger("seasoned.tabular")

_TRIAL_SHARE = 0.25  # of the time limit, plus a worker's start; one slow configuration cannot eat more
_FIT_SHARE = 0.75  # of a trial's time, for the fits of its folds; the rest is for predictions
_FIRST_SHARE = 0.5  # of the time limit; the first trial may need it, for without it there is no model at all
_WARM_UP = 2.0  # seconds a worker may need to start and import, until it is measured
_AFTER_INTERRUPT = 2.0  # seconds that somebody who pressed Ctrl-C has to wait for the models
_CLOSING = 0.5  # seconds kept for fetching the model and tidying up


@dataclass(frozen=True, slots=True)
class Searched:
    """The models that predict together, and what was tried."""

    members: tuple[Member, ...]
    trials: tuple[dict[str, Any], ...]


def search(objective: CrossValidation, models: Sequence[Model], storage: str, folds: int, budget: Budget) -> Searched:
    """Tune all families together and fit the best configurations on all rows.

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
    timed = budget.trials is None
    sampler = Promising(timed=timed, warm_start=WarmStart(configurations=defaults))
    study = Study(space, sampler=sampler, storage=storage, name="search", seed=objective.job.seed)
    race = Race(objective, live=timed)
    early: Member | None = None
    try:
        early = _first_model(study, objective, budget)
        for trial in study.trials:  # those of a run that is resumed, too
            race(study, trial)
        if budget.trials is None or budget.trials > len(defaults):
            _run(study, race, folds, budget, len(defaults))
            race.close_defaults(study.trials[: len(defaults)])
        _run(study, race, folds, budget, budget.trials)
    except AllTrialsFailed as error:
        logger.warning("no model could be fitted, so the baseline predicts: %s", error)
    except KeyboardInterrupt:
        logger.warning("interrupted; the best models so far are fitted. Interrupt again to give up.")
        budget = replace(budget, deadline=min(budget.deadline, time.monotonic() + _AFTER_INTERRUPT))
    trials = tuple(_row(trial) for trial in study.trials)
    study.close()
    chosen = choose_members(objective, trials, budget.members)
    return Searched(fit_members(objective, chosen, budget, early), trials)


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
    return fit_one(objective, first, 0.8 * budget.remaining, budget) if first["state"] == "complete" else None


def _run(study: Study, race: Race, folds: int, budget: Budget, target: int | None) -> None:
    """Trials until there are `target` of them, or just the time for the last fits is left.

    How long that fit takes is not known at first, so time is kept for the slowest trial allowed; once the best is
    known, what it does not need goes to more trials.
    """
    objective = race.objective
    warm_up = _warm_up(objective, _row(study.trials[0]), folds) if study.trials else _WARM_UP
    trial_seconds = _TRIAL_SHARE * budget.seconds
    reserve = _CLOSING + 1.5 * warm_up + 1.1 * trial_seconds / max(folds - 1, 1)
    while budget.remaining - reserve > 0.02 * budget.seconds:
        study.optimize(
            objective,
            trials=target,
            time_limit=budget.remaining - reserve,
            workers=budget.workers,
            trial_time_limit=budget.remaining - reserve if budget.trials else trial_seconds + max(warm_up, _WARM_UP),
            trial_memory=budget.trial_memory,
            callbacks=(race,),
        )
        rows = [_row(trial) for trial in study.trials]
        if target and sum(row["state"] in {"complete", "failed", "pruned"} for row in rows) >= target:
            return
        if chosen := choose_members(objective, rows, budget.members):
            fits = [foreseen(objective, row, folds) for row, _ in chosen]
            reserve = _CLOSING + 1.5 * (warm_up + max(*fits, sum(fits) / budget.workers))
    if budget.trials:
        limit = budget.seconds
        logger.warning("the limit of %g s came before %d trials, so the result depends on it.", limit, budget.trials)


def _warm_up(objective: CrossValidation, first: Mapping[str, Any], folds: int) -> float:
    """Seconds that a fresh worker needs before it fits: what the first trial took beyond its fits."""
    if first["state"] != "complete" or first["seconds"] is None:
        return _WARM_UP
    measured: float = first["seconds"] - folds * objective.record(config_of(first)).fit_seconds
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
