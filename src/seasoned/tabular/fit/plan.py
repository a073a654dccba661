"""Plan of a search: folds, column plan, feature steps and limits, with all arrays of the trials in the run folder."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from seasoned.errors import InvalidInput, StorageError
from seasoned.execution._system.resources import free_memory
from seasoned.execution.base import Ending, Limits
from seasoned.tabular.budget.worker_count import limit_workers
from seasoned.tabular.ensemble.prediction_time import preparation_time
from seasoned.tabular.features.inputs import save_texts
from seasoned.tabular.features.pipeline import NEEDS, steps_for
from seasoned.tabular.fit.score_texts import scores_of_run
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models._common.log_target import logarithm_for
from seasoned.tabular.postprocessing.choose_threshold import searched
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.preprocessing.matrix_files import store
from seasoned.tabular.trial.arrays import Arrays, stored_folds, write_arrays
from seasoned.tabular.trial.cross_validation import CrossValidation
from seasoned.tabular.trial.run_folder import disk_errors
from seasoned.tabular.validation.declared import declared_folds
from seasoned.tabular.validation.folds import make_folds
from seasoned.tabular.validation.row_samples import levels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.budget.warm_workers import WarmWorkers
    from seasoned.tabular.budget.worker_pool import WorkerPool
    from seasoned.tabular.fit.description import Description, Problem, Table
    from seasoned.tabular.fit.parameters import FitSettings
    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.preprocessing.column_plan import Diet
    from seasoned.tabular.schema.schema import Schema
    from seasoned.tabular.trial.run_folder import RunFolder
    from seasoned.tabular.validation.folds import Fold

__all__ = ["Plan", "make_plan", "split", "steps_of"]

logger = logging.getLogger("seasoned.tabular")

_PLAN_SHARE = 0.2  # largest time of the text vocabulary, as a share of the time limit
_DATA = "data.arrow"
_LEARNED = "texts.json"  # file with true if text columns have vectors in this run, else false


@dataclass(frozen=True, slots=True)
class Plan:
    """Plan of a search.

    Attributes:
        columns: Column plan.
        steps: Feature steps that the search may use.
        objective: Cross-validation of a configuration.
        pool: The workers, with the budget that the table's memory allows.
    """

    columns: ColumnPlan
    steps: Sequence[str]
    objective: CrossValidation
    pool: WorkerPool


def split(table: Table, description: Description, settings: FitSettings, run: RunFolder, default: int) -> list[Fold]:
    """Return the folds. A resumed run keeps its folds, because its trials belong to them.

    Args:
        table: The table.
        description: Description of its columns, with the declared validation.
        settings: The declared number of folds.
        run: The run folder.
        default: Number of folds where none is declared.
    """
    declared = declared_folds(
        description.validation, settings.folds, table.frame, table.target, table.roles, default=default
    )
    return stored_folds(run.path) or make_folds(declared, table.target, int(run.about["seed"]), default=default)


def make_plan(
    table: Table,
    description: Description,
    problem: Problem,
    settings: FitSettings,
    run: RunFolder,
    folds: list[Fold],
    *,
    pool: WorkerPool,
    warm: WarmWorkers,
) -> Plan:
    """Learn the column plan, and write the arrays of the trials to the run folder.

    Raises:
        InvalidInput: If the memory limit is too small, or all validation rows are of one class.
    """
    columns = _column_plan(description, run, pool, warm)
    columns = _write(run, table, description, folds, columns, problem=problem, pool=pool)
    budget = limit_workers(pool.budget, problem.models, Arrays(run.path), columns, table.target, warm.close)
    budget.check_memory()  # again, because the table is now in memory in all its forms
    job = _job(run, table, problem.metric, columns, budget, len(folds))
    objective = CrossValidation(
        Arrays(run.path),
        job,
        searched(problem.metric),
        tuple(problem.own.values()),
        _prediction_limit(settings.predict_limit, table, columns, warm),
        budget.trial_memory,
        levels_of(len(folds[0][0]), len(folds)),
        free_memory() // (budget.workers + 1),
    )
    _check_judged(objective, table)
    steps = steps_of(steps_for(settings.features, len(table.frame)), description.schema)
    return Plan(columns, steps, objective, replace(pool, budget=budget))


def steps_of(names: Sequence[str], schema: Schema) -> list[str]:
    """Feature steps that apply to the columns of this table."""
    kinds = {column.kind for column in schema.used}
    return [name for name in names if name not in NEEDS or NEEDS[name] in kinds]


def _write(
    run: RunFolder,
    table: Table,
    description: Description,
    folds: list[Fold],
    plan: ColumnPlan,
    *,
    problem: Problem,
    pool: WorkerPool,
) -> ColumnPlan:
    """Write the arrays that trials read, in the families' input formats; return the plan with scores of its texts."""
    canonical, target, roles = description.canonical, table.target, table.roles
    diets: set[Diet] = {"codes", *(model.diet for model in problem.models)}
    with disk_errors(run.path):
        write_arrays(run.path, target.values, folds, {}, roles.weights, together=roles.groups)
        save_texts(run.path, plan, canonical)
        values = None
        texts = bool(plan.text_columns) and len(target.classes) > 0  # scores of numbers brought no gain
        if texts and (found := scores_of_run(run, len(target.classes), int(run.about["seed"]), pool)):
            plan, values = plan.with_scores(*found), found[1]
        store(plan, canonical, run.path, sorted(diets), values)
    return plan


def _job(run: RunFolder, table: Table, metric: Measure, plan: ColumnPlan, budget: Budget, folds: int) -> Job:
    target = table.target
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


def _prediction_limit(limit: float | None, table: Table, plan: ColumnPlan, warm: WarmWorkers) -> float | None:
    """Latency limit for the models alone, in milliseconds per row; None for no limit."""
    if limit is None:
        return None
    warm.ready()  # importing workers would slow down the measurement
    return limit - preparation_time(plan, table.frame)


def _check_judged(objective: CrossValidation, table: Table) -> None:
    """Refuse validation rows of one class alone if the metric is undefined on such rows."""
    target, rows = table.target, objective.data.known_rows()
    if not len(target.classes) or len(codes := np.unique(target.values[rows])) > 1:
        return
    if objective.baseline_loss() is None:
        raise InvalidInput(
            f"all {len(rows)} validation rows are of class {target.classes.tolist()[codes[0]]!r}, for which "
            f"{objective.metric.name} is undefined; choose other rows with validation=, or another metric."
        )


def _column_plan(description: Description, run: RunFolder, pool: WorkerPool, warm: WarmWorkers) -> ColumnPlan:
    """Learn the column plan. Text vectorisers can take long, so a worker learns them and is killed at its limit.

    With a trial budget, text vectorisers may take half of the time left. A resumed run must have the text vectorisers
    of its finished trials; otherwise the fit ends with an error.

    Raises:
        InvalidInput: If text vectorisers of a resumed run cannot be learned again.
        StorageError: If no worker can be started, as on a full disk.
        KeyboardInterrupt: If a stop is requested while text vectorisers of a resumed run are learned.
    """
    canonical, schema, budget = description.canonical, description.schema, pool.budget
    folder, seed = run.path, int(run.about["seed"])
    if all(column.kind != "text" for column in schema.used):
        return ColumnPlan.fit(canonical, schema, seed=seed)
    learned = run.read_json(_LEARNED)
    if learned is False:
        return ColumnPlan.fit(canonical, schema, seed=seed, vectors=False)
    warm.ready()  # a warm worker learns the vectorisers
    with disk_errors(folder):
        canonical.to_feather(folder / _DATA, compression="uncompressed")
    timed = learned is None and budget.trials is None
    seconds = _PLAN_SHARE * budget.seconds if timed else (0.9 if learned else 0.5) * budget.remaining
    limits = Limits(seconds=max(seconds, 1.0), memory=budget.trial_memory)
    calls = [(str(folder / _DATA), schema, seed)]
    running = pool.run_all(plan_from_file, calls, lambda: 0.0 if budget.stop() else math.inf, limits)
    ended = [outcome for _, outcome in running]
    if not ended and not budget.stop():
        raise StorageError(
            "text columns could not be learned, because no worker could be started; make room on the disk, or set "
            "SEASONED_CACHE to another folder, and fit again."
        )
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


def plan_from_file(path: str, schema: Schema, seed: int) -> ColumnPlan:
    import pandas as pd

    return ColumnPlan.fit(pd.read_feather(path), schema, seed=seed)
