"""Search for configurations: initial ones first, then the joint space. The best are fitted on all rows, always in time.

On a large table, trials are scored on samples of the rows first (`validation/row_samples.py`). All but the first few
can be stopped there.
"""

from __future__ import annotations

import logging
import math
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from seasoned._util.blas_threads import one_thread
from seasoned.errors import AllTrialsFailed, PruneReason, StorageError
from seasoned.study import Study
from seasoned.tabular.budget.callbacks import CallbackRunner, ElapsedTimes, FitCallbacks
from seasoned.tabular.budget.warm_workers import WarmWorkers
from seasoned.tabular.ensemble.early_model import EarlyModel
from seasoned.tabular.ensemble.refit_members import choose_members, fit_members, ranked
from seasoned.tabular.ensemble.simplest_model import Simplest, simplest_equal
from seasoned.tabular.ensemble.stacking import add_layer, upper_settings
from seasoned.tabular.search.advised_sampler import AdvisedSampler
from seasoned.tabular.search.family_bandit import FamilyBandit
from seasoned.tabular.search.opening_trials import first_trials
from seasoned.tabular.search.row_race import RowRace
from seasoned.tabular.search.stopping_rule import StoppingRule
from seasoned.tabular.search.user_configurations import with_starts
from seasoned.tabular.trial.cross_validation import TOO_SLOW
from seasoned.tabular.trial.trial_row import TrialRow
from seasoned.trials import TrialState, WarmStart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from seasoned.samplers.base import Sampler
    from seasoned.space import Space
    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.budget.progress import FitProgress
    from seasoned.tabular.budget.worker_pool import WorkerPool
    from seasoned.tabular.ensemble.fitted_model import Member
    from seasoned.tabular.experience.advice import TaskAdvice
    from seasoned.tabular.trial.cross_validation import CrossValidation
    from seasoned.trials import Trial

__all__ = ["FIRST", "SearchResult", "search"]

logger = logging.getLogger("seasoned.tabular")

FIRST = 2
"""Number of defaults before all other trials: a usable model at once, and a strong cheap one."""
_OPENING = 8  # with experience, first trials after which racing over rows compares all trials
_MIN_COST_SHARE = 0.01  # smallest cost of a trial (start, storage, selection), as a share of the time limit
_WARM_UP = 2.0  # seconds on top of a trial's own limit, because its worker can be a fresh one
_PATIENCE = 0.9  # longest wait for workers that load packages before the final fits, as a share of the time left
_ENDED = frozenset({TrialState.COMPLETE, TrialState.FAILED, TrialState.PRUNED})


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Result of a search.

    Attributes:
        members: The ensemble members.
        trials: The trials as leaderboard rows.
        failed: True if the store failed.
        idle: True if the search ended because its last trials brought no gain.
        notes: Sentences about resumed and skipped work.
    """

    members: tuple[Member, ...]
    trials: tuple[TrialRow, ...]
    failed: bool = False
    idle: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchStart:
    """Start of a search.

    Attributes:
        space: Joint space of the families.
        defaults: The families' first configurations, in the order in which they are tried.
        own: First configurations of the user.
        advice: Advice of past tasks; None without.
    """

    space: Space
    defaults: Sequence[Mapping[str, Any]]
    own: Sequence[Mapping[str, Any]] = ()
    advice: TaskAdvice | None = None


@one_thread("blas")  # the cores belong to the workers
def search(
    objective: CrossValidation,
    start: SearchStart,
    storage: str,
    pool: WorkerPool,
    callbacks: FitCallbacks,
    progress: FitProgress,
    *,
    warm: WarmWorkers,
) -> SearchResult:
    """Tune all families together and fit the best configurations on all rows.

    Args:
        objective: Cross-validated loss of a configuration.
        start: Joint space, first configurations and advice. The user's own configurations follow the first `FIRST`
            defaults, with advice or without.
        storage: URL of the study's event log. Its trials count.
        pool: The workers, with time, trials and memory.
        callbacks: The user's callbacks.
        progress: The progress line.
        warm: The workers, which load the packages of the fits.
    """
    budget, timed, planned = pool.budget, pool.budget.trials is None, with_starts(start.defaults, start.own, FIRST)
    study, opening = _opened(objective, start, planned, storage, budget)
    clock = ElapsedTimes(budget.deadline - budget.seconds)
    progress.begin("search")
    with EarlyModel(objective, pool) as early:
        upper = upper_settings(start.space) if budget.layers > 1 else {}
        ending = StoppingRule(objective, budget, study, tuple(upper))

        def row(trial: Trial) -> TrialRow:
            return _row(objective, trial, clock.elapsed.get(trial.number))

        telling = CallbackRunner(callbacks.callbacks, objective.metric, row, ending.end)
        for trial in study.trials:  # a resumed run gets its early model at once, too
            if trial.state in _ENDED:
                early(study, trial)
                progress.know(trial)
                telling.know(trial)
        resumed = progress.resume(sum(trial.state in _ENDED for trial in study.trials))
        observers = (clock, progress, ending, telling)

        def start_quickly() -> None:
            here = (early.fit_here, *observers)
            first_trials(study, objective, planned, budget, warm, callbacks=here, stop=ending.should_end)
            ending.know_warm_up(warm.ready())

        try:
            failed = _searched(
                study, objective, budget, ending, opening, (early, *observers), start_quickly=start_quickly
            )
        finally:
            ended = _closed(study)
        if budget.stop():
            logger.warning("interrupted; the best models so far are fitted. Interrupt again to give up.")
        progress.begin("fitting the best models on all rows")
        trials = tuple(map(row, ended))
        # the reserve includes the time of the selection
        left = budget.remaining - (ending.reserve - ending.second_layer_reserve)
        selected = _selected(objective, ranked(trials), pool, ending.choosing if timed else math.inf)
        layered = add_layer(objective, selected.chosen, trials, upper, pool, left)
        members = fit_members(objective, layered.chosen, pool, early)
        progress.begin("judging all models together")
        notes = (*resumed, *selected.notes, *layered.notes)
        return SearchResult(members, (*trials, *layered.rows), failed, ending.idle, notes)


def _opened(
    objective: CrossValidation,
    start: SearchStart,
    planned: Sequence[Mapping[str, Any]],
    storage: str,
    budget: Budget,
) -> tuple[Study, int]:
    """Open the study of the search; return it and the number of its first configurations."""
    guide, starts = start.advice, start.defaults
    first = len(with_starts(starts[:FIRST], start.own, FIRST))
    opening = len(planned) if guide is None else min(len(planned), max(_OPENING, first))
    families, paced = _families(objective, budget), objective.predict_limit is not None
    study = Study(
        start.space,
        sampler=_sampler(starts, planned if guide is None else planned[:first], budget, guide, families, paced=paced),
        storage=storage,
        name="search",
        seed=objective.job.seed,
        fidelity=_row_race(objective, 0 if budget.trials is None else opening),
        checkpoints=objective.data.folder / "checkpoints",
    )
    return study, opening


def _searched(
    study: Study,
    objective: CrossValidation,
    budget: Budget,
    closing: StoppingRule,
    opening: int,
    callbacks: Sequence[Callable[[Study, Trial], None]],
    *,
    start_quickly: Callable[[], None],
) -> bool:
    """Run the trials. Return True if the store failed before the end, with some trials complete.

    Args:
        study: The search.
        objective: The loss to minimise.
        budget: Time, trials, workers and memory.
        closing: The stopping rule.
        opening: Number of the first configurations. With a trial budget and a large table, these end before others.
        callbacks: Callbacks for each trial.
        start_quickly: Runs the first trials in this process and waits for the workers.

    Raises:
        StorageError: If the store fails before any trial is complete.
    """
    try:
        start_quickly()
        if budget.trials is not None and objective.levels:  # reference trials of the others, whichever is faster
            run_study(study, objective, budget, closing, FIRST, callbacks)
            run_study(study, objective, budget, closing, opening, callbacks)
        run_study(study, objective, budget, closing, budget.trials, callbacks)
    except AllTrialsFailed as error:
        known = any(trial.state is TrialState.COMPLETE for trial in study.trials)
        text = "the search ends early because its last trials all failed for the same reason; see the log of trials."
        if known:
            logger.warning(text)
        else:
            logger.warning("no model could be fitted, so the baseline predicts: %s", error)
    except KeyboardInterrupt:  # from a signal handler of other code
        budget.stop.ask("SIGINT")
    except StorageError as error:
        if not any(trial.state is TrialState.COMPLETE for trial in study.trials):
            raise
        logger.warning("%s The best models so far are fitted; fit(..., resume=True) goes on.", error)
        return True
    return False


def select_members(
    objective: CrossValidation, best: Sequence[TrialRow], pool: WorkerPool, seconds: float
) -> list[tuple[TrialRow, float]]:
    """Select the members while new workers load packages for their fits; the search's workers ended with it."""
    budget = pool.budget
    if not best or budget.stop() or budget.remaining <= 0:
        return choose_members(objective, best, budget, seconds)
    names = dict.fromkeys(row.model for row in best)
    fits = None if budget.trials is None else min(budget.members, len(best))  # with a time limit, further fits follow
    with closing(WarmWorkers(pool, [objective.fitter.model(name) for name in names], fits)) as warm:
        chosen = choose_members(objective, best, budget, seconds)
        warm.ready(_PATIENCE)  # any other worker would load the same packages
    return chosen


def _selected(objective: CrossValidation, best: Sequence[TrialRow], pool: WorkerPool, seconds: float) -> Simplest:
    """Select the members; with `prefer="simple"`, one of them replaces all if it is equal to them."""
    chosen = select_members(objective, best, pool, seconds)
    return simplest_equal(objective, best, chosen, seconds) if pool.budget.simple else Simplest(chosen)


def _closed(study: Study) -> Sequence[Trial]:
    """The study's trials, read before it is closed: on Windows an open file could not be removed."""
    try:
        return study.trials
    finally:
        study.close()


def _families(objective: CrossValidation, budget: Budget) -> FamilyBandit:
    """Bandit over the families.

    With one held-out part, trials are few, and lagging families get fewer trials. With more folds, an ensemble gains
    more from different families than from better ones.
    """
    timed = budget.trials is None
    families = FamilyBandit(timed)
    if objective.folds == 1:
        luck = 1 / math.sqrt(len(objective.data.folds[0][1]))
        families = replace(families, baseline=objective.baseline_loss(), luck=luck)
    if not timed:
        return families
    return replace(families, least=_MIN_COST_SHARE * budget.seconds, seconds=budget.seconds)


def _sampler(
    starts: Sequence[Mapping[str, Any]],
    planned: Sequence[Mapping[str, Any]],
    budget: Budget,
    guide: TaskAdvice | None,
    families: FamilyBandit,
    *,
    paced: bool,
) -> Sampler[Any]:
    """Sampler of the search, after the planned trials. Experience ranks the starts."""
    first = WarmStart(configurations=tuple(planned))
    if guide is None:
        return replace(families, warm_start=first)
    timed, most = budget.trials is None, budget.trial_seconds
    return AdvisedSampler(families, guide, tuple(starts), timed, most, paced=paced, warm_start=first)


def _row_race(objective: CrossValidation, opening: int) -> RowRace | None:
    """Racing over rows for a large table; None if each trial is fitted on all rows at once."""
    if not objective.levels:
        return None
    slack = 1 / math.sqrt(objective.sample_rows())
    return RowRace(objective.levels, objective.sample_baseline(), slack, FIRST, opening)


def _row(objective: CrossValidation, trial: Trial, elapsed: float | None) -> TrialRow:
    """Trial as plain data, with the results of its folds."""
    row = TrialRow.of(trial, elapsed)
    if trial.prune_reason is PruneReason.FIDELITY and trial.reports:
        rows, loss = trial.reports[-1]
        reached = f"it reached {objective.metric.name} {objective.metric.score(loss):.5g}, too far from the best there"
        undefined = "the metric is not defined" if objective.predict_limit is None else TOO_SLOW
        row = replace(row, error=f"on {rows:,} training rows {reached if math.isfinite(loss) else undefined}")
    if trial.state is not TrialState.COMPLETE:
        return row
    record = objective.records.of(trial.config)
    return replace(row, rounds=record.rounds, predict_ms=record.predict_ms, losses=tuple(record.losses))


def run_study(
    study: Study,
    objective: CrossValidation,
    budget: Budget,
    closing: StoppingRule,
    target: int | None,
    callbacks: Sequence[Callable[[Study, Trial], None]],
) -> None:
    """Run trials until `target` trials have ended, or only the time for the final fits is left."""
    if budget.trials is not None and target is not None:
        target = min(target, budget.trials)
    ended = sum(trial.state in _ENDED for trial in study.trials)
    if closing.should_end() or (target and ended >= target):
        return
    left, more = budget.remaining, max(closing.warm_up, _WARM_UP) + objective.climbing_seconds
    study.optimize(
        objective,
        trials=target,
        time_limit=left,
        workers=budget.workers,
        trial_time_limit=left if budget.trials else budget.trial_seconds + more,
        trial_memory=budget.trial_memory,
        callbacks=callbacks,
        progress=False,
        stop=closing.should_end,
        remaining=closing.remaining if budget.trials is None else None,
    )
    ended = sum(trial.state in _ENDED for trial in study.trials)
    if budget.trials and target and ended < target and not (budget.stop() or closing.asked):
        if closing.should_end() or budget.remaining <= 0.1 * budget.seconds < math.inf:
            text = "the time limit of %g s ended the search before %d trials, so the result depends on it."
            logger.warning(text, budget.seconds, budget.trials)
        else:
            logger.info(
                "the search ends after %d of %d trials: there are no more configurations to try.", ended, budget.trials
            )
