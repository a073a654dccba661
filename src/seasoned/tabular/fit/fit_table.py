"""The way of a table: one fit, from a clean frame to the fitted model.

read -> describe -> split -> plan -> start -> search -> finalize -> remember
"""

from __future__ import annotations

import logging
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from seasoned.errors import InvalidInput
from seasoned.tabular.budget.callbacks import FitCallbacks
from seasoned.tabular.budget.fit_summary import describe, notes_of, plan_of
from seasoned.tabular.budget.progress import FitProgress
from seasoned.tabular.budget.warm_workers import WarmWorkers
from seasoned.tabular.budget.worker_pool import WorkerPool
from seasoned.tabular.ensemble.finalize import finalize
from seasoned.tabular.ensemble.fitted_model import Fitted
from seasoned.tabular.fit.description import describe_table, fingerprint_of, problem_of
from seasoned.tabular.fit.plan import make_plan, split
from seasoned.tabular.fit.search_start import past_tasks, start_search
from seasoned.tabular.input.random_state import seed_of
from seasoned.tabular.search.initial_configurations import affordable_folds
from seasoned.tabular.search.search import search
from seasoned.tabular.trial.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.budget.fit_summary import FitSummary
    from seasoned.tabular.ensemble.fitted_model import Member
    from seasoned.tabular.experience.advice import TaskAdvice
    from seasoned.tabular.experience.record import ExperienceRecorder
    from seasoned.tabular.fit.description import Description, Problem, Table
    from seasoned.tabular.fit.parameters import FitSettings
    from seasoned.tabular.preprocessing.column_plan import ColumnPlan
    from seasoned.tabular.search.search import SearchResult

__all__ = ["FitRequest", "fit_table"]

logger = logging.getLogger("seasoned.tabular")

_ANEW = "resume: found no run of this table, target and settings that is free to be resumed; starting a new one."
_BESIDE = "resume: another process is at work on this table, target and settings; starting a new run beside it."


@dataclass(frozen=True, slots=True)
class FitRequest:
    """Request of a fit, beside the table and the settings.

    Attributes:
        resume: Whether to resume a run of the same data, target and settings.
        experience: Experience to read, and where this fit is stored (`knowledge/experience/locations.py`).
        callbacks: The user's callbacks, and whether to show progress.
    """

    resume: bool = False
    experience: str | None = None
    callbacks: FitCallbacks = field(default_factory=FitCallbacks)


def fit_table(table: Table, settings: FitSettings, budget: Budget, request: FitRequest) -> Fitted:
    """Fit a table: search, and fit the best configurations on all rows.

    Args:
        table: Features, target, weights and groups.
        settings: Settings of the estimator.
        budget: Time, trials, workers and memory.
        request: Resumption, experience and callbacks.

    Raises:
        InvalidInput: If a setting or the table is invalid.
    """
    problem, pool = problem_of(table, settings), WorkerPool(budget)
    with (
        closing(WarmWorkers(pool, problem.models)) as warm,
        FitProgress(problem.metric, budget, shown=request.callbacks.progress) as progress,
    ):
        return _fit(table, problem, settings, request, pool=pool, warm=warm, progress=progress)


def _fit(
    table: Table,
    problem: Problem,
    settings: FitSettings,
    request: FitRequest,
    *,
    pool: WorkerPool,
    warm: WarmWorkers,
    progress: FitProgress,
) -> Fitted:
    """Fit while the workers warm up: describe the table, search, fit the best models on all rows, finalize."""
    description = describe_table(table, problem, settings)
    run = _opened(table, problem, description, settings, pool.budget, request)
    with _released(run):
        folds = split(table, description, settings, run, int(run.about["folds"]))
        summary = describe(table.target, problem.metric, description.schema, folds, table.roles, description.validation)
        summary = progress.show(summary)
        plan = make_plan(table, description, problem, settings, run, folds, pool=pool, warm=warm)
        start, recorder = start_search(table, description, problem, settings, plan, run, experience=request.experience)
        past = past_tasks(request.experience, start.advice)
        planned = plan_of(problem.models, settings.models, plan.pool.budget, past)
        summary = progress.show(replace(summary, **planned))
        del description  # frees memory: only the matrices on disk are needed from here on
        result = search(plan.objective, start, run.storage, plan.pool, request.callbacks, progress, warm=warm)
        members = tuple(replace(member, own=problem.own.get(member.name)) for member in result.members)
        fitted = _unfinished(table, problem, plan.columns, members)
        fitted = finalize(fitted, plan.objective, table.frame, settings.calibrate, settings.predict_limit, plan.pool)
    _remember(run, recorder, start.advice, result, plan.pool.budget)
    advice = None if start.advice is None else start.advice.summary()
    fitted = replace(fitted, grouped=table.roles.groups is not None, experience=advice)
    return _completed(fitted, result, plan.pool.budget, summary, progress)


def _unfinished(table: Table, problem: Problem, columns: ColumnPlan, members: tuple[Member, ...]) -> Fitted:
    """Fitted model without postprocessing and trials."""
    target = table.target
    return Fitted(target.task, target.classes, problem.metric, columns, members, (), rows=len(table.frame))


def _opened(
    table: Table,
    problem: Problem,
    description: Description,
    settings: FitSettings,
    budget: Budget,
    request: FitRequest,
) -> RunFolder:
    """Open the folder of the run; log a warning if a run cannot be resumed as requested."""
    key = fingerprint_of(table, problem, description, settings, request.experience)
    rows, columns = table.frame.shape
    facts = {
        "rows": rows,
        "columns": columns,
        "task": table.target.task,
        "seed": seed_of(settings.random_state),
        "folds": affordable_folds(*description.size, budget.fits_seconds),
        "fits_seconds": budget.fits_seconds,
    }
    run = RunFolder.open(key, facts, resume=request.resume)
    if request.resume and not run.resumed:
        logger.warning(_BESIDE if run.beside else _ANEW)
    return run


@contextmanager
def _released(run: RunFolder) -> Iterator[None]:
    """Context of a fit: after an error the run is released for a resume; a run of invalid input is abandoned."""
    try:
        yield
    except InvalidInput:
        run.abandon()
        raise
    except BaseException:
        run.release()
        raise


def _remember(
    run: RunFolder, recorder: ExperienceRecorder, advice: TaskAdvice | None, result: SearchResult, budget: Budget
) -> None:
    """Store the experience of the fit, and keep what can be resumed later."""
    if budget.stop() or result.failed:
        run.release()
        return
    left = budget.deadline - time.monotonic()
    instead = run.about.get("kept")  # one run is one record of experience
    run.finish(recorder.keep(result.trials, advice, left, instead=instead))


def _completed(
    fitted: Fitted, result: SearchResult, budget: Budget, summary: FitSummary, progress: FitProgress
) -> Fitted:
    """Model with all trials, the seconds of the fit, and a summary with notes on resumed and skipped work."""
    trials = tuple(replace(trial, error=budget.explain(trial.error)) for trial in result.trials)
    summary = progress.show(replace(summary, notes=(*result.notes, *notes_of(trials))))
    seconds = time.monotonic() - (budget.deadline - budget.seconds)
    return replace(fitted, trials=trials, seconds=seconds, idle=result.idle, fit_summary=summary)
