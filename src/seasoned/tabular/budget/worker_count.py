"""Number of workers: reduced for large tables, unless the user sets it, so that the fits have enough memory."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from seasoned.execution._system.resources import free_memory
from seasoned.execution.local import release_workers
from seasoned.tabular.trial.memory_estimate import SHARE, DataShape, estimate_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.input.target import Target
    from seasoned.tabular.models._common.base import Model
    from seasoned.tabular.preprocessing.column_plan import ColumnPlan
    from seasoned.tabular.trial.arrays import Arrays

__all__ = ["limit_workers", "with_room_for"]

logger = logging.getLogger("seasoned.tabular")

_MOST_FAMILIES: Final = 0.7  # share of the families whose default must fit into the memory of a worker


def limit_workers(
    budget: Budget,
    models: Sequence[Model],
    arrays: Arrays,
    plan: ColumnPlan,
    target: Target,
    release: Callable[[], None] = lambda: None,
) -> Budget:
    """Return the budget with as many workers as possible, so that most families' defaults fit into a worker's memory.

    One worker per core is best for small tables. On a large table, only the smallest families would fit into a
    worker's memory; fewer workers have more memory and more threads each. At least one worker remains.

    Args:
        budget: Budget with one worker per core, or with the user's number of workers, which does not change.
        models: Model families of the search.
        arrays: Input matrices and folds.
        plan: Column plan, which lists the columns of level codes.
        target: The target.
        release: Function that releases workers of an earlier start; they are then ended, because their memory limit is
            wrong.
    """
    if budget.explicit_workers or budget.workers == 1:
        return budget
    needs = sorted(default_bytes(model, arrays, plan, target) for model in models)
    usual, free = needs[math.ceil(_MOST_FAMILIES * len(needs)) - 1], free_memory()
    for workers in range(budget.workers, 0, -1):
        found = replace(budget, workers=workers)
        share = free // (workers + 1)  # one additional worker fits the early model
        share = share if found.trial_memory is None else min(share, found.trial_memory)
        if usual <= SHARE * share:
            break
    if found.workers < budget.workers:
        told = "%d worker(s) rather than %d, so that most families fit into the memory of each."
        logger.info(told, found.workers, budget.workers)
        release()
        release_workers()
    return found


def with_room_for(budget: Budget, needs: Sequence[int]) -> Budget:
    """Return the budget with as many workers as possible, so that the largest fits run at the same time in memory.

    At least one worker remains.

    Args:
        budget: Budget with one worker per core, or with the user's number of workers, which does not change.
        needs: Memory of each fit in bytes.
    """
    if budget.explicit_workers:
        return budget
    largest, room, workers = sorted(needs, reverse=True), SHARE * free_memory(), budget.workers
    while workers > 1 and (sum(largest[:workers]) > room or _is_above(largest, replace(budget, workers=workers))):
        workers -= 1
    if workers < budget.workers:
        logger.info("%d fit(s) at a time rather than %d, because memory has no room for more.", workers, budget.workers)
    return replace(budget, workers=workers)


def _is_above(largest: Sequence[int], budget: Budget) -> bool:
    """Return True if the largest fit would exceed the memory limit of a worker."""
    return budget.trial_memory is not None and bool(largest) and largest[0] > SHARE * budget.trial_memory


def default_bytes(model: Model, arrays: Arrays, plan: ColumnPlan, target: Target) -> int:
    """Return the memory in bytes of a family's default configuration on the largest fold."""
    train, valid = max(arrays.folds, key=lambda fold: len(fold[0]))
    levels = (len(plan.categorical), len(plan.many)) if model.diet == "codes" else (0, 0)
    columns, held = arrays.matrix(model.diet).shape[1], len(arrays.known_rows())
    at = DataShape(len(train), len(valid), columns, len(target.classes), *levels, held)
    return estimate_bytes(model.name, model.space(target.task).default, at)
