"""One fit from a clean frame to a fitted model: schema, run folder, column plan, folds, search."""

from __future__ import annotations

import hashlib
import logging
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.execution._system.resources import free_memory
from seasoned.execution.base import Ending, Limits
from seasoned.execution.local import LocalExecutor
from seasoned.knowledge.experience.locations import Places, places
from seasoned.tabular.budget.fit_summary import describe, notes_of, plan_of
from seasoned.tabular.budget.progress import FitProgress
from seasoned.tabular.budget.warm_workers import WarmWorkers
from seasoned.tabular.budget.worker_count import limit_workers
from seasoned.tabular.ensemble.finalize import finalize
from seasoned.tabular.ensemble.fitted_model import Fitted
from seasoned.tabular.ensemble.prediction_time import preparation_time
from seasoned.tabular.experience.record import ExperienceRecorder
from seasoned.tabular.features.inputs import save_texts
from seasoned.tabular.features.pipeline import LEVELS, NEEDS, starts_with_features, steps_for
from seasoned.tabular.fit.data_warnings import warn_of_groups, warn_of_models, warn_of_positive, warn_of_time
from seasoned.tabular.fit.leakage import warn_of_leaks
from seasoned.tabular.input.random_state import seed_of
from seasoned.tabular.metrics.code_hash import code_digest
from seasoned.tabular.metrics.registry import metric_key, resolve
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models._common.log_target import logarithm_for
from seasoned.tabular.models._common.target_transforms import CENTRE, SCALE
from seasoned.tabular.models.registry import MODELS, choose, for_quantile, joint_space
from seasoned.tabular.postprocessing.choose_threshold import searched
from seasoned.tabular.preprocessing.column_plan import ColumnPlan, foreseen_width
from seasoned.tabular.preprocessing.matrix_files import store
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.search.initial_configurations import affordable_folds, first_configurations, haste
from seasoned.tabular.search.search import search
from seasoned.tabular.search.user_configurations import check_starts, own_starts
from seasoned.tabular.search.user_spaces import bounded, declared
from seasoned.tabular.trial.arrays import Arrays, stored_folds, write_arrays
from seasoned.tabular.trial.cross_validation import CrossValidation
from seasoned.tabular.trial.run_folder import RunFolder, disk_errors, fingerprint
from seasoned.tabular.validation.declared import declared_folds
from seasoned.tabular.validation.folds import make_folds
from seasoned.tabular.validation.row_samples import levels_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.execution.base import Outcome
    from seasoned.space import Space
    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.budget.callbacks import FitCallbacks
    from seasoned.tabular.budget.fit_summary import FitSummary
    from seasoned.tabular.experience.advice import TaskAdvice
    from seasoned.tabular.input.sample_roles import Roles
    from seasoned.tabular.input.target import Target
    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.models._common.base import Model
    from seasoned.tabular.preprocessing.column_plan import Diet
    from seasoned.tabular.search.search import SearchResult
    from seasoned.tabular.validation.folds import Fold

__all__ = ["fit_table"]

logger = logging.getLogger("seasoned.tabular")

_PLAN_SHARE = 0.2  # largest time to learn text vectorisers, as a share of the time limit
_GLANCE = 0.2  # seconds between checks for a stop request
_DATA = "data.arrow"
_ANEW = "resume: found no run of this table, target and settings that is free to be resumed; starting a new one."
_BESIDE = "resume: another process is at work on this table, target and settings; starting a new run beside it."
_LEARNED = "texts.json"  # file with true if text columns have vectors in this run, else false
_RUNS = 7
"""Version of the meaning of stored trials: a run of another version is not resumed.

Before 7, the positive class was the one sorted last. Before 6, dates were counted from 2000. Before 5, numbers far from
0 had no origin of their own. Before 4, categories with many levels were text. Before 3, trees did not scale targets.
Before 2, no model learned the logarithm of the target.
"""


def fit_table(
    frame: pd.DataFrame,
    target: Target,
    roles: Roles,
    settings: Mapping[str, Any],
    budget: Budget,
    *,
    resume: bool,
    experience: str | None = None,
    audience: FitCallbacks | None = None,
) -> Fitted:
    """Fit a table: search, and fit the best configurations on all rows.

    Args:
        frame: The features, one row per target value.
        target: The target.
        roles: Weights and groups of the rows.
        settings: Parameters of the estimator: metric, models, features, folds, spaces, starts, calibrate,
            predict_limit, validation and random_state.
        budget: Time, trials, workers and memory.
        resume: Whether to resume a run of the same data, target and settings.
        experience: Experience to read, and where this fit is stored (`knowledge/experience/locations.py`).
        audience: The user's callbacks, and whether to show progress.

    Raises:
        InvalidInput: If a setting or the table is invalid.
    """
    models = choose(settings["models"])
    metric = resolve(settings["metric"], target.task, len(target.classes), target.classes, target.values)
    if metric.quantile is not None:
        models = for_quantile(models, settings["models"])
    warn_of_positive(metric, target)
    models = bounded(models, settings["spaces"], target.task)
    check_starts(settings["starts"], models, target.task)
    shown = None if audience is None else audience.progress
    with closing(WarmWorkers(budget, models)) as warming, FitProgress(metric, budget, shown=shown) as watching:
        return _fitted(
            frame,
            target,
            roles,
            settings,
            budget,
            models=models,
            metric=metric,
            warming=warming,
            how=_How(resume, experience, audience, watching),
        )


def _fitted(
    frame: pd.DataFrame,
    target: Target,
    roles: Roles,
    settings: Mapping[str, Any],
    budget: Budget,
    *,
    models: Sequence[Model],
    metric: Measure,
    warming: WarmWorkers,
    how: _How,
) -> Fitted:
    """Fit while workers warm up: read the table, search, fit the best on all rows, finalise."""
    schema = Schema.infer(frame, settings["validation"])
    canonical = schema.apply(frame)
    warn_of_leaks(canonical, target)
    warn_of_models(models, roles, metric)
    validation = _materialised(settings["validation"])
    warn_of_time(canonical, roles, validation)
    warn_of_groups(canonical, roles, validation)
    size = (len(frame), foreseen_width(schema), len(target.classes) if target.task == "multiclass" else 1)
    hashed = _textual(settings, target.task, validation, roles, how.experience)
    if metric.function is not None:  # a user's function can depend on the labels
        hashed["classes"] = target.classes.tolist()
    key = fingerprint(canonical, target.values, hashed)
    seed, usual = seed_of(settings["random_state"]), affordable_folds(*size, budget.fits_seconds)
    run = _opened(key, frame, target, {"seed": seed, "folds": usual, "fits_seconds": budget.fits_seconds}, how)
    own = {model.name: model for model in models if model.name not in MODELS}
    with _at_work(run):
        usual = int(run.about.get("folds", usual))  # missing in older runs
        declared = declared_folds(validation, settings["folds"], frame, target, roles, default=usual)
        folds = _dealt(declared, target, run, usual)
        summary = how.watching.show(describe(target, metric, schema, folds, roles, validation))
        plan = _plan(canonical, schema, run, budget, warming)
        steps = _steps(steps_for(settings["features"], len(frame)), schema)
        _write(run, (canonical, target, roles), folds, plan, models)
        budget = limit_workers(budget, models, Arrays(run.path), plan, target, warming.close)
        budget.check_memory()  # again, because all forms of the table are now in memory
        job = _job(run, target, metric, plan, budget, len(folds))
        pace = _pace(settings["predict_limit"], plan, frame, warming)
        limits = budget.trial_memory, levels_of(len(folds[0][0]), len(folds)), free_memory() // (budget.workers + 1)
        objective = CrossValidation(Arrays(run.path), job, searched(metric), (*own.values(),), pace, *limits)
        _check_judged(objective, target)
        space = _space(models, metric, job, steps, levels=bool(_steps([LEVELS], schema)))
        starts = _first(models, target, size, _begun(job, run, len(folds)), space)
        asked = own_starts(settings["starts"], space, starts)
        memory = ExperienceRecorder.of(how.experience, canonical, target, objective)
        memory = memory.within(_least(job, run, len(folds)), [*starts, *asked])
        guide = memory.guide(run.path, space, budget.seconds)
        planned = plan_of(models, settings["models"], budget, _past(how.experience, guide))
        summary = how.watching.show(replace(summary, **planned))
        del canonical  # frees memory: only the matrices on disk are needed from here on
        also: Any = {"fresh": warming.ready(), "own": asked, "audience": how.audience, "watching": how.watching}
        found = search(objective, space, starts, run.storage, budget, guide, **also)
        members = tuple(replace(member, own=own.get(member.name)) for member in found.members)
        fitted = Fitted(target.task, target.classes, metric, plan, members, (), rows=len(frame))
        fitted = finalize(fitted, objective, frame, settings, budget)
    _settle(run, memory, found, guide, budget)
    fitted = replace(fitted, grouped=roles.groups is not None, experience=None if guide is None else guide.told())
    return _completed(fitted, found, budget, summary, how.watching)


def _completed(
    fitted: Fitted, found: SearchResult, budget: Budget, summary: FitSummary, watching: FitProgress
) -> Fitted:
    """Model with all trials, the seconds of the fit, and a summary with notes on resumed and skipped work."""
    trials = tuple(replace(trial, error=budget.explain(trial.error)) for trial in found.trials)
    summary = watching.show(replace(summary, notes=(*found.notes, *notes_of(trials))))
    seconds = time.monotonic() - (budget.deadline - budget.seconds)
    return replace(fitted, trials=trials, seconds=seconds, idle=found.idle, fit_summary=summary)


class _How(NamedTuple):
    """Arguments of a fit besides its table and settings; see `fit_table`."""

    resume: bool
    experience: str | None
    audience: FitCallbacks | None
    watching: FitProgress


def _opened(key: str, frame: pd.DataFrame, target: Target, about: Mapping[str, Any], how: _How) -> RunFolder:
    """Open the run folder. Log a warning if a resume was requested and no run can be resumed."""
    told = {"rows": len(frame), "columns": frame.shape[1], "task": target.task, **about}
    run = RunFolder.open(key, told, resume=how.resume)
    if how.resume and not run.resumed:
        logger.warning(_BESIDE if run.beside else _ANEW)
    return run


def _past(experience: str | None, guide: TaskAdvice | None) -> str:
    """Past tasks that guide the search, as a phrase."""
    found = places(experience)
    if found == Places(False, None):
        return "none is used"
    read = " and ".join(["what ships"] * found.ships + ["a store of earlier fits"] * (found.store is not None))
    if guide is None:
        return f"{read}, of which nothing fits this table"
    return f"{read}: {guide.told()['tasks']:,} past tasks"


def _settle(
    run: RunFolder, memory: ExperienceRecorder, found: SearchResult, guide: TaskAdvice | None, budget: Budget
) -> None:
    """Finish the run and store its experience. After a stop or a storage failure, only release it for a resume."""
    if budget.stop() or found.failed:
        run.release()
        return
    left = budget.deadline - time.monotonic()
    run.finish(memory.keep(found.trials, guide, left, instead=run.about.get("kept")))  # a run counts once as experience


@contextmanager
def _at_work(run: RunFolder) -> Iterator[None]:
    """Context of a fit: after an error the run is released for a resume; a run of invalid input is abandoned."""
    try:
        yield
    except InvalidInput:
        run.abandon()
        raise
    except BaseException:
        run.release()
        raise


def _check_judged(objective: CrossValidation, target: Target) -> None:
    """Refuse validation rows of one class alone if the metric is undefined on such rows."""
    rows = objective.data.known_rows()
    if not len(target.classes) or len(codes := np.unique(target.values[rows])) > 1:
        return
    if objective.baseline_loss() is None:
        raise InvalidInput(
            f"all {len(rows)} validation rows are of class {target.classes.tolist()[codes[0]]!r}, for which "
            f"{objective.metric.name} is undefined; choose other rows with validation=, or another metric."
        )


def _write(
    run: RunFolder,
    rows: tuple[pd.DataFrame, Target, Roles],
    folds: list[Fold],
    plan: ColumnPlan,
    models: Sequence[Model],
) -> None:
    """Write the arrays that trials read, in the families' input formats."""
    canonical, target, roles = rows
    diets: set[Diet] = {"codes", *(model.diet for model in models)}
    with disk_errors(run.path):
        store(plan, canonical, run.path, sorted(diets))
        write_arrays(run.path, target.values, folds, {}, roles.weights, together=roles.groups)
        save_texts(run.path, plan, canonical)


def _dealt(declared: int | list[Fold] | None, target: Target, run: RunFolder, usual: int) -> list[Fold]:
    """Folds of the run.

    A resumed run keeps its folds, because its finished trials belong to them. A splitter without a seed would give
    other folds.
    """
    return stored_folds(run.path) or make_folds(declared, target, int(run.about["seed"]), default=usual)


def _space(models: Sequence[Model], metric: Measure, job: Job, steps: Sequence[str], *, levels: bool) -> Space:
    """Joint space of the families, with the choices that the target and the metric allow."""
    offered = job.logarithm is not None and not job.logarithm.always
    return joint_space(models, job.task, steps, levels=levels, logarithm=offered, absolute=metric.absolute)


def _first(models: Sequence[Model], target: Target, size: tuple[int, int, int], job: Job, space: Space) -> Any:
    """Initial configurations of the families, for the size of the table and the time of a fit."""
    found = first_configurations(models, target.task, haste(*size, job.seconds), size[0])
    return starts_with_features(SCALE.starts(CENTRE.starts(found, space), space), space)


def _least(job: Job, run: RunFolder, folds: int) -> float | None:
    """Time limit for the fit of a fold in the shortest call of this run, in seconds; None for no limit.

    With this limit, experience recognises trials that were cut off.
    """
    limits = [limit for limit in (run.about.get("least_seconds"), job.seconds and job.seconds * folds) if limit]
    run.note(least_seconds=min(limits, default=None))
    return min(limits) / folds if limits else None


def _pace(limit: float | None, plan: ColumnPlan, frame: pd.DataFrame, warming: WarmWorkers) -> float | None:
    """Latency limit for the models alone, in milliseconds per row; None for no limit."""
    if limit is None:
        return None
    warming.ready()  # importing workers would slow down the measurement
    return limit - preparation_time(plan, frame)


def _begun(job: Job, run: RunFolder, folds: int) -> Job:
    """Job with the time limit of the run's first call, so that a resumed run has the same initial configurations."""
    first = run.about.get("fits_seconds", job.seconds and job.seconds * folds)  # missing in older runs
    return replace(job, seconds=None if first is None else first / folds)


def _job(run: RunFolder, target: Target, metric: Measure, plan: ColumnPlan, budget: Budget, folds: int) -> Job:
    return Job(
        target.task,
        len(target.classes),
        int(run.about["seed"]),
        categorical=plan.categorical,
        many=plan.many,
        seconds=None if budget.fits_seconds is None else budget.fits_seconds / folds,
        cyclic=plan.cyclic,
        quantile=metric.quantile,
        relative=metric.relative,
        logarithm=None if len(target.classes) else logarithm_for(metric, target.values),
    )


def _plan(canonical: pd.DataFrame, schema: Schema, run: RunFolder, budget: Budget, warming: WarmWorkers) -> ColumnPlan:
    """Learn the column plan. Text vectorisers can take long, so a worker learns them and is killed at its limit.

    With a trial budget, text vectorisers may take half of the time left. A resumed run must have the text vectorisers
    of its finished trials; otherwise the fit ends with an error.

    Raises:
        InvalidInput: If text vectorisers of a resumed run cannot be learned again.
        KeyboardInterrupt: If a stop is requested while text vectorisers of a resumed run are learned.
    """
    folder, seed = run.path, int(run.about["seed"])
    if all(column.kind != "text" for column in schema.used):
        return ColumnPlan.fit(canonical, schema, seed=seed)
    learned = run.read_json(_LEARNED)
    if learned is False:
        return ColumnPlan.fit(canonical, schema, seed=seed, vectors=False)
    warming.ready()  # a warm worker learns the vectorisers
    with disk_errors(folder):
        canonical.to_feather(folder / _DATA, compression="uncompressed")
    timed = learned is None and budget.trials is None
    seconds = _PLAN_SHARE * budget.seconds if timed else (0.9 if learned else 0.5) * budget.remaining
    limits = Limits(seconds=max(seconds, 1.0), memory=budget.trial_memory)
    with LocalExecutor(budget.workers) as executor:
        executor.submit(_plan_from_file, str(folder / _DATA), schema, seed, limits=limits)
        ended: Sequence[Outcome] = ()
        while not ended and not budget.stop():
            ended = executor.wait(_GLANCE)
    if ended and ended[0].ending is Ending.RETURNED:
        run.write_json(_LEARNED, content=True)
        return cast("ColumnPlan", ended[0].value)
    reason = budget.explain(ended[0].reason) if ended else "the fit was asked to stop"
    if learned and ended:
        raise InvalidInput(
            f"text columns, which this run's trials had, could not be learned again ({reason}); give it more time or "
            "memory, or resume=False."
        )
    if learned:
        raise KeyboardInterrupt
    if ended:  # not after a stop: a resumed run may still learn the vectorisers
        run.write_json(_LEARNED, content=False)
    logger.warning("text columns are used by their frequency only: %s", reason)
    return ColumnPlan.fit(canonical, schema, seed=seed, vectors=False)


def _plan_from_file(path: str, schema: Schema, seed: int) -> ColumnPlan:
    import pandas as pd

    return ColumnPlan.fit(pd.read_feather(path), schema, seed=seed)


def _steps(names: Sequence[str], schema: Schema) -> list[str]:
    """Feature steps that apply to the columns of this table."""
    kinds = {column.kind for column in schema.used}
    return [name for name in names if name not in NEEDS or NEEDS[name] in kinds]


def _materialised(validation: Any) -> Any:
    """Pairs of row indices as a list, because a generator can be read only once."""
    if validation is None or isinstance(validation, int | str) or hasattr(validation, "split"):
        return validation
    try:
        pairs = [(np.asarray(train), np.asarray(test)) for train, test in validation]
    except (TypeError, ValueError):
        return validation  # no pairs: refused with a message where folds are made
    if not pairs:
        raise InvalidInput(
            "validation holds no pairs; what `split` gives can be read only once: pass list(kf.split(X, y))."
        )
    return pairs


def _textual(
    settings: Mapping[str, Any], task: str, validation: Any, roles: Roles, experience: str | None
) -> dict[str, Any]:
    """Settings that identify a run, as text that is the same in every process."""
    given = {**settings, "task": task, "metric": metric_key(settings["metric"]), "validation": _key(validation)}
    digests = {name: _digest([rows]) for name, rows in roles.arrays().items()}
    told = places(experience) != Places(False, None)  # a search without advice cannot be resumed with advice
    told_of = {"spaces": declared(settings["spaces"] or {}), "starts": settings["starts"]}
    given = {name: value for name, value in (given | told_of).items() if name not in told_of or value}
    if (models := settings["models"]) is not None:
        given["models"] = [model if isinstance(model, str) else code_digest(model) for model in models]
    return {**given, **digests, "experience": told, "version": _RUNS}


def _key(validation: Any) -> str:
    """Text that identifies a declaration of validation."""
    if isinstance(validation, list):
        try:
            return _digest(np.asarray(rows) for pair in validation for rows in pair)
        except (TypeError, ValueError):  # no pairs: refused with a message where folds are made
            return repr(validation)
    return code_digest(validation) if hasattr(validation, "split") else repr(validation)


def _digest(arrays: Iterable[NDArray[Any]]) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for array in arrays:
        digest.update(array.tobytes() + b"|")
    return digest.hexdigest()
