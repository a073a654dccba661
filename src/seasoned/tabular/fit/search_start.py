"""Start of a search: the joint space, the first configurations, and the advice of past tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from seasoned._util.blas_threads import one_thread
from seasoned.knowledge.experience.locations import Places, places
from seasoned.tabular.experience.record import ExperienceRecorder
from seasoned.tabular.features.pipeline import LEVELS, starts_with_features
from seasoned.tabular.fit.plan import steps_of
from seasoned.tabular.models._common.target_transforms import CENTRE, SCALE
from seasoned.tabular.models.registry import joint_space
from seasoned.tabular.search.initial_configurations import first_configurations, haste
from seasoned.tabular.search.search import SearchStart
from seasoned.tabular.search.user_configurations import own_starts

if TYPE_CHECKING:
    from seasoned.space import Space
    from seasoned.tabular.experience.advice import TaskAdvice
    from seasoned.tabular.fit.description import Description, Problem, Table
    from seasoned.tabular.fit.parameters import FitSettings
    from seasoned.tabular.fit.plan import Plan
    from seasoned.tabular.models._common.base import Job
    from seasoned.tabular.trial.run_folder import RunFolder

__all__ = ["past_tasks", "start_search"]


@one_thread("blas")  # the cores belong to the workers, which load their packages
@one_thread("openmp")
def start_search(
    table: Table,
    description: Description,
    problem: Problem,
    settings: FitSettings,
    plan: Plan,
    run: RunFolder,
    *,
    experience: str | None,
) -> tuple[SearchStart, ExperienceRecorder]:
    """Build the joint space, choose the first configurations, and read the advice of past tasks.

    Returns:
        The start of the search, and the recorder that stores its experience.
    """
    objective, job = plan.objective, plan.objective.job
    space = _space(problem, plan, levels=bool(steps_of([LEVELS], description.schema)))
    begun = _begun(job, run, objective.folds)
    defaults = _first(problem, table, description.size, begun, space)
    own = own_starts(settings.starts, space, defaults)
    recorder = ExperienceRecorder.of(experience, description.canonical, table.target, objective)
    recorder = recorder.for_search(_least(job, run, objective.folds), [*defaults, *own])
    advice = recorder.guide(run.path, space, plan.pool.budget.seconds)
    return SearchStart(space, defaults, own, advice), recorder


def _space(problem: Problem, plan: Plan, *, levels: bool) -> Space:
    """Joint space of the families, with the target transforms that target and metric permit."""
    job = plan.objective.job
    offered = job.logarithm is not None and not job.logarithm.always
    absolute = problem.metric.absolute
    return joint_space(problem.models, job.task, plan.steps, levels=levels, logarithm=offered, absolute=absolute)


def _first(problem: Problem, table: Table, size: tuple[int, int, int], job: Job, space: Space) -> Any:
    """First configurations of the families, for the size of the table and the time of a fit."""
    found = first_configurations(problem.models, table.target.task, haste(*size, job.seconds), size[0])
    return starts_with_features(SCALE.starts(CENTRE.starts(found, space), space), space)


def _least(job: Job, run: RunFolder, folds: int) -> float | None:
    """Time limit for the fit of a fold in the shortest call of this run, in seconds; None for no limit.

    With this limit, experience recognises trials that were cut off.
    """
    limits = [limit for limit in (run.about.get("least_seconds"), job.seconds and job.seconds * folds) if limit]
    run.note(least_seconds=min(limits, default=None))
    return min(limits) / folds if limits else None


def _begun(job: Job, run: RunFolder, folds: int) -> Job:
    """Job with the time limit of the run's first call, so that a resumed run has the same initial configurations."""
    first = run.about.get("fits_seconds", job.seconds and job.seconds * folds)  # missing in older runs
    return replace(job, seconds=None if first is None else first / folds)


def past_tasks(experience: str | None, guide: TaskAdvice | None) -> str:
    """Past tasks that guide the search, as a phrase."""
    found = places(experience)
    if found == Places(False, None):
        return "none is used"
    read = " and ".join(["what ships"] * found.ships + ["a store of earlier fits"] * (found.store is not None))
    if guide is None:
        return f"{read}, of which nothing fits this table"
    return f"{read}: {guide.summary()['tasks']:,} past tasks"
