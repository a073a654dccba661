"""The search: defaults first, then samples of the joint space, then the best fitted on all rows; always in time."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seasoned.errors import AllTrialsFailed
from seasoned.samplers.bayes import Bayes
from seasoned.study import Study
from seasoned.tabular.clock import Clock
from seasoned.tabular.early import Early
from seasoned.tabular.models.registry import joint_space
from seasoned.tabular.race import Race
from seasoned.tabular.refit import choose_members, config_of, fit_members, foreseen
from seasoned.tabular.steering import Promising
from seasoned.tabular.watching import Watching
from seasoned.trials import WarmStart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from seasoned.tabular.budget import Budget
    from seasoned.tabular.fitted import Member
    from seasoned.tabular.models.base import Model
    from seasoned.tabular.objective import CrossValidation
    from seasoned.trials import Trial

__all__ = ["Searched", "search"]

logger = logging.getLogger("seasoned.tabular")

_FIRST_SHARE = 0.5  # of the time limit; the first trials may need it, for without one there is no model at all
_INITIAL = 3  # trials of a family, its default among them, before a model of it decides
_WARM_UP = 2.0  # seconds a worker may need to start and import, until it is measured
_CLOSING = 0.5  # seconds kept for fetching the model and tidying up


@dataclass(frozen=True, slots=True)
class Searched:
    """The models that predict together, and what was tried."""

    members: tuple[Member, ...]
    trials: tuple[dict[str, Any], ...]


def search(
    objective: CrossValidation,
    models: Sequence[Model],
    starts: Sequence[Mapping[str, Any]],
    storage: str,
    budget: Budget,
) -> Searched:
    """Tune all families together and fit the best configurations on all rows.

    Args:
        objective: Cross-validated loss of a configuration.
        models: The families, in order of cost.
        starts: The configurations that are tried first, whatever they cost.
        storage: Where the study's events are kept; trials found there count.
        budget: Time, trials, workers and memory.
    """
    space = joint_space(models, objective.job.task)
    timed = budget.trials is None
    inner = Bayes(initial=_INITIAL, explore=1)  # no trust region: it would refine what is only the folds' noise
    sampler = Promising(inner, timed=timed, warm_start=WarmStart(configurations=tuple(starts)))
    study = Study(space, sampler=sampler, storage=storage, name="search", seed=objective.job.seed)
    race, clock = Race(objective, live=timed), Clock(budget.deadline - budget.seconds)
    for trial in study.trials:  # those of a run that is resumed
        race(study, trial)
    with Early(objective, budget) as early, Watching(objective.metric, budget) as watching:
        callbacks = (early, race, clock, watching)
        try:
            _run(study, objective, budget, len(starts), callbacks)
            race.close_defaults(study.trials[: len(starts)])
            _run(study, objective, budget, budget.trials, callbacks)
        except AllTrialsFailed as error:
            logger.warning("no model could be fitted, so the baseline predicts: %s", error)
        except KeyboardInterrupt:  # from a handler that is not ours
            budget.stop.ask("SIGINT")
        if budget.stop():
            logger.warning("interrupted; the best models so far are fitted. Interrupt again to give up.")
        trials = tuple({**row_of(trial), "elapsed": clock.elapsed.get(trial.number)} for trial in study.trials)
        study.close()
        chosen = choose_members(objective, trials, budget)
        return Searched(fit_members(objective, chosen, budget, early), trials)


def _run(
    study: Study,
    objective: CrossValidation,
    budget: Budget,
    target: int | None,
    callbacks: Sequence[Callable[[Study, Trial], None]],
) -> None:
    """Trials until there are `target` of them, or just the time for the last fits is left.

    How long these fits take is not known at first, so time is kept for the slowest trial allowed; once there is a
    best, what it does not need goes to more trials.
    """
    if budget.trials is not None and target is not None:
        target = min(target, budget.trials)
    while True:
        rows = [row_of(trial) for trial in study.trials]
        if target and sum(row["state"] in {"complete", "failed", "pruned"} for row in rows) >= target:
            return
        reserve, warm_up = _reserve(objective, rows, budget)
        left = budget.remaining - reserve
        if not rows:  # a first model matters more than time for its last fit
            left = max(left, min(_FIRST_SHARE * budget.seconds, budget.remaining))
        if budget.stop():
            return
        if left <= 0.02 * budget.seconds:
            break
        study.optimize(
            objective,
            trials=target,
            time_limit=left,
            workers=budget.workers,
            trial_time_limit=left if budget.trials else budget.trial_seconds + max(warm_up, _WARM_UP),
            trial_memory=budget.trial_memory,
            callbacks=callbacks,
            progress=False,
            stop=budget.stop,
        )
    if budget.trials:
        limit = budget.seconds
        logger.warning("the limit of %g s came before %d trials, so the result depends on it.", limit, budget.trials)


def _reserve(objective: CrossValidation, rows: Sequence[Mapping[str, Any]], budget: Budget) -> tuple[float, float]:
    """Seconds to keep for fitting the members on all rows, and those that a fresh worker needs before it fits."""
    folds = objective.folds
    warm_up = _warm_up(objective, rows[0], folds) if rows else _WARM_UP
    chosen = choose_members(objective, rows, budget)
    if not chosen:
        return _CLOSING + 1.5 * warm_up + 1.1 * budget.trial_seconds / max(folds - 1, 1), warm_up
    fits = [foreseen(objective, row, folds) for row, _ in chosen]
    return _CLOSING + 1.5 * (warm_up + max(*fits, sum(fits) / budget.workers)), warm_up


def _warm_up(objective: CrossValidation, first: Mapping[str, Any], folds: int) -> float:
    """Seconds that a fresh worker needs before it fits: what the first trial took beyond its fits."""
    if first["state"] != "complete" or first["seconds"] is None:
        return _WARM_UP
    measured: float = first["seconds"] - folds * objective.record(config_of(first)).fit_seconds
    return max(measured, 0.2)


def row_of(trial: Any) -> dict[str, Any]:
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
