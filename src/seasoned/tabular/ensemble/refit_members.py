"""Refit: select the ensemble members among finished trials, and fit each on all rows within the time limit."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.execution.base import Ending
from seasoned.tabular.ensemble.fitted_model import Member, with_base_models
from seasoned.tabular.ensemble.rank_selection import select_members
from seasoned.tabular.ensemble.reseeded_fits import fit_more_seeds
from seasoned.tabular.models.registry import BASELINE
from seasoned.tabular.trial.configuration import textual

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.budget.worker_pool import WorkerPool
    from seasoned.tabular.ensemble.early_model import EarlyModel
    from seasoned.tabular.trial.cross_validation import CrossValidation
    from seasoned.tabular.trial.trial_row import TrialRow

__all__ = [
    "choose_members",
    "fit_all",
    "fit_members",
    "members_without_refit",
    "predicted_refit_seconds",
    "ranked",
    "side_by_side_seconds",
]

_MAX_SKIPPED_WEIGHT: Final = 0.3  # largest total weight of members that skip the refit, as a share
_WORTH: Final = 0.01  # smallest saving of a member that skips the refit, as a share of the time limit


def side_by_side_seconds(fits: Sequence[float], workers: int) -> float:
    """Seconds of fits that run in parallel on `workers` workers.

    Example:
        >>> side_by_side_seconds([4.0, 1.0, 1.0], 2), side_by_side_seconds([2.0, 2.0, 2.0], 2)
        (4.0, 3.0)
    """
    return max(max(fits, default=0.0), sum(fits) / workers)


def members_without_refit(
    objective: CrossValidation,
    chosen: Sequence[tuple[TrialRow, float]],
    fits: Sequence[float],
    budget: Budget,
) -> set[int]:
    """Positions of the members that skip the refit, because the models of their trials are stored.

    With a holdout, a trial is one fit on four fifths of the rows, so the refits take as long as the trials did. A model
    of small weight predicts nearly as well without the held-out fifth. The lightest members therefore keep the model of
    their trial as long as this saves time. With more folds the set is empty.

    Args:
        objective: Cross-validation whose records name the stored models.
        chosen: Trials and weights, the heaviest first.
        fits: Seconds of each refit.
        budget: Time and number of workers. With a trial budget nothing may depend on time, so the set is empty.
    """
    found: set[int] = set()
    if budget.trials is not None or objective.folds > 1:
        return found
    total = sum(weight for _, weight in chosen)
    for place in reversed(range(1, len(chosen))):
        row, weight = chosen[place]
        left = [took for other, took in enumerate(fits) if other not in found]
        without = [took for other, took in enumerate(fits) if other not in {*found, place}]
        won = side_by_side_seconds(left, budget.workers) - side_by_side_seconds(without, budget.workers)
        so_far = sum(chosen[other][1] for other in found)
        if won < _WORTH * budget.seconds or so_far + weight > _MAX_SKIPPED_WEIGHT * total:
            continue
        if objective.records.has_models(row.configuration):
            found.add(place)
    return found


logger = logging.getLogger("seasoned.tabular")

_CHOICES: Final = 40  # largest number of trials whose predictions are read: the best of each family and the best others
_OF_EACH: Final = 4
_CHOOSING: Final = 0.5  # largest time of the selection, as a share of the time left; only users' metrics come near it
_GLANCE: Final = 0.2  # seconds between checks for a stop request
_CLOSING: Final = 0.1  # seconds reserved to kill unfinished fits
_READING: Final = 0.5  # seconds beyond the deadline in which fold models may be read


def ranked(rows: Sequence[TrialRow]) -> list[TrialRow]:
    """Complete trials, the best first. Ties go to the earlier trial, so that the order does not depend on time."""
    complete = [row for row in rows if row.is_complete]
    return sorted(complete, key=lambda row: row.rank)


def first_of_each(rows: Sequence[TrialRow]) -> list[TrialRow]:
    """First trial of each configuration, in the given order: a configuration tried twice is one model."""
    first: dict[str, TrialRow] = {}
    for row in rows:
        first.setdefault(textual(row.configuration), row)
    return list(first.values())


def choose_members(
    objective: CrossValidation, rows: Sequence[TrialRow], budget: Budget, seconds: float = math.inf
) -> list[tuple[TrialRow, float]]:
    """Select trials and their weights in the average, the heaviest first. One member means the best trial alone.

    Args:
        objective: Cross-validation whose records contain the trials' predictions.
        rows: The trials.
        budget: Time and number of members.
        seconds: Limit on the seconds of the selection, which takes at most half of the time left. Losses known by then
            decide.
    """
    most, limit = budget.members, objective.predict_limit
    best = diverse_trials(quick_enough(objective, first_of_each(ranked(rows))))
    if most == 1 or len(best) < 2:
        return [(row, 1.0) for row in best[:1]]
    predictions = [objective.records.out_of_fold(row.configuration) for row in best]
    known, row_weights, together = objective.data.known_rows(), objective.data.weights, objective.data.together
    kept = [index for index, found in enumerate(predictions) if found is not None and len(found) == len(known)]
    if not kept:  # the run folder was emptied, or is of a version that stored predictions of all rows
        return [(best[0], 1.0)]
    end = time.monotonic() + min(_CHOOSING * budget.remaining, seconds)
    weights = select_members(
        [predictions[index] for index in kept],  # type: ignore[misc]  # those that are None were left out
        objective.data.target[known],
        objective.metric,
        most=most,
        seed=objective.job.seed,
        over=lambda: time.monotonic() >= end or budget.stop(),
        row_weights=None if row_weights is None else row_weights[known],
        groups=None if together is None else together[known],
        paces=None if limit is None else (np.array([_pace(objective, best[index]) for index in kept]), limit),
    )
    return sorted(((best[kept[place]], weight) for place, weight in weights.items()), key=lambda pair: -pair[1])


def diverse_trials(best: list[TrialRow]) -> list[TrialRow]:
    """Best few trials of each family and the best others, sorted. A long search would fill the list with one family."""
    met: Counter[str] = Counter()
    first: list[TrialRow] = []
    others: list[TrialRow] = []
    for row in best:
        met[row.model] += 1
        (first if met[row.model] <= _OF_EACH else others).append(row)
    return ranked([*first, *others[: max(_CHOICES - len(first), 0)]])


def quick_enough(objective: CrossValidation, best: list[TrialRow]) -> list[TrialRow]:
    """Trials that meet `predict_limit` alone; the fastest one if none does."""
    if objective.predict_limit is None or not best:
        return best
    quick = [row for row in best if _pace(objective, row) <= objective.predict_limit]
    return quick or [min(best, key=lambda row: _pace(objective, row))]


def _pace(objective: CrossValidation, row: TrialRow) -> float:
    """Latency of the trial in milliseconds per row."""
    return objective.records.of(row.configuration).predict_ms


def predicted_refit_seconds(objective: CrossValidation, row: TrialRow) -> float:
    """Predicted seconds of the refit: median time of a fold, scaled up to all rows."""
    return objective.records.of(row.configuration).fit_seconds / objective.data.train_share


def fit_members(
    objective: CrossValidation, chosen: Sequence[tuple[TrialRow, float]], pool: WorkerPool, early: EarlyModel
) -> tuple[Member, ...]:
    """Fit the selected trials on all rows in parallel, the slowest first, and repeatedly while time is left.

    A member that is not ready in time is replaced by the fold models of its trial, or dropped if these were not stored.
    Weights are rescaled to sum to 1. If no member is ready, the early model predicts; without an early model, the
    baseline.
    """
    budget, first = pool.budget, early.member(0.0)
    same = [place for place, (row, _) in enumerate(chosen) if (row.model, row.config) == early.fitted]
    ready: dict[int, Member] = {}
    kept = _kept(objective, chosen, budget, but=same)
    taken = {*same, *kept}  # the early model is ready or in progress
    if waiting := [place for place in range(len(chosen)) if place not in taken]:
        ready = fit_all(objective, {place: chosen[place] for place in waiting}, pool)
    if same and first is None:
        first = await_early_model(early, budget)
    if first is not None:
        ready |= {place: replace(first, weight=chosen[place][1]) for place in same}
    elif same and early.fitted is None:  # its fit failed, perhaps because other models were in memory
        ready |= fit_all(objective, {place: chosen[place] for place in same}, pool)
    missing = {place: pair for place, pair in enumerate(chosen) if place not in ready | kept}
    spare = kept | _spare(objective, missing, budget, needed=not ready)
    ready = with_base_models(ready | spare)
    seconds = {place: predicted_refit_seconds(objective, chosen[place][0]) for place in ready}
    ready = fit_more_seeds(objective, ready, seconds, pool, ready.keys() - spare.keys())
    members = [ready[place] for place in sorted(ready)]  # in fixed order, so that sums are reproducible
    if not members:
        what = "could be fitted on all rows in time" if chosen else "completed a trial"
        logger.warning("no tuned model %s; a simple one predicts.", what)
        first = first or await_early_model(early, budget)
        members = [first or Member(BASELINE.name, {}, objective.refit({"model": {BASELINE.name: {}}}))]
    total = sum(member.weight for member in members)
    return tuple(replace(member, weight=member.weight / total) for member in members)


def _kept(
    objective: CrossValidation, chosen: Sequence[tuple[TrialRow, float]], budget: Budget, but: Sequence[int]
) -> dict[int, Member]:
    """Light members by position, with the models of their trials (`members_without_refit`)."""
    found: dict[int, Member] = {}
    fits = [0.0 if place in but else predicted_refit_seconds(objective, row) for place, (row, _) in enumerate(chosen)]
    for place in () if budget.full else members_without_refit(objective, chosen, fits, budget):
        row, weight = chosen[place]
        if (estimator := objective.fold_average(row.configuration)) is not None:
            found[place] = Member(row.model, row.config, estimator, weight, whole=False)
    return found


def _spare(
    objective: CrossValidation, missing: Mapping[int, tuple[TrialRow, float]], budget: Budget, *, needed: bool
) -> dict[int, Member]:
    """Members by position whose refit is missing, built from the fold models of their trials.

    Reading the models takes little time, but memory, so the heaviest members come first. Reading stops when the memory
    is full. Reading also stops after the deadline, once any model exists (`needed`: no model exists yet).
    """
    found: dict[int, Member] = {}
    for place, (row, weight) in missing.items():
        if budget.full or (budget.remaining < -_READING and (found or not needed)):
            break
        estimator = objective.fold_average(row.configuration)
        if estimator is not None:
            logger.warning(
                "trial %d (%s) was not fitted on all rows; the models of its folds predict instead.",
                row.number,
                row.model,
            )
            found[place] = Member(row.model, row.config, estimator, weight, whole=False)
    return found


def await_early_model(early: EarlyModel, budget: Budget) -> Member | None:
    """Early model once it is ready; None if it fails or the time ends first. A stop request shortens the time."""
    found = early.member(0.0)
    while found is None and early.fitted is not None and budget.remaining > _CLOSING and not budget.full:
        found = early.member(min(_GLANCE, budget.remaining - _CLOSING))
    return found


def fit_all(
    objective: CrossValidation, waiting: Mapping[int, tuple[TrialRow, float]], pool: WorkerPool
) -> dict[int, Member]:
    """Fit trials with their weights, by position, in parallel until the time is over. The log names unfinished ones.

    The slowest fits start first, so that no worker waits for long.
    """
    budget, ready = pool.budget, dict[int, Member]()
    seconds = {place: objective.records.of(row.configuration).fit_seconds for place, (row, _) in waiting.items()}
    order = sorted(waiting, key=lambda place: -seconds[place])
    unfinished = dict.fromkeys(order)
    calls = ((waiting[place][0].configuration,) for place in order)
    left = partial(_left, budget)
    for index, outcome in pool.run_all(objective.refit, calls, left):
        place = order[index]
        row, weight = waiting[place]
        del unfinished[place]
        if outcome.ending is Ending.RETURNED:
            ready[place] = Member(row.model, row.config, outcome.value, weight)
        else:
            _say_why(row, budget.explain(outcome.reason))
    for place in unfinished:
        _say_why(waiting[place][0], "memory_limit is reached" if budget.full else "there was no time left")
    return ready


def _left(budget: Budget) -> float:
    """Seconds left for the last fits. A stop request shortens the time."""
    return 0.0 if budget.full else budget.remaining - _CLOSING


def _say_why(row: TrialRow, reason: str | None) -> None:
    logger.warning("trial %d (%s) could not be fitted on all rows: %s", row.number, row.model, reason)
