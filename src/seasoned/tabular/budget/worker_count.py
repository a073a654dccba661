"""How many trials at a time a table leaves room for, where the user has not said."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from seasoned.execution._system.resources import free_memory
from seasoned.execution.local import release_workers
from seasoned.tabular.trial.memory_estimate import SHARE, Extent, foreseen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.input.target import Target
    from seasoned.tabular.models._common.base import Model
    from seasoned.tabular.preprocessing.column_plan import ColumnPlan
    from seasoned.tabular.trial.arrays import Arrays

__all__ = ["with_room", "with_room_for"]

logger = logging.getLogger("seasoned.tabular")

_MOST_FAMILIES: Final = 0.7  # share of the families that must fit into a worker's share of the memory


def with_room(
    budget: Budget,
    models: Sequence[Model],
    arrays: Arrays,
    plan: ColumnPlan,
    target: Target,
    release: Callable[[], None] = lambda: None,
) -> Budget:
    """The budget with the most workers that leave each the memory that most families' defaults take; one at least.

    One worker per core is best for small tables. On a large one only the smallest families would fit into a share,
    while fewer workers have more threads each.

    Args:
        budget: With one worker per core, or as many as the user set, which stay.
        models: The families.
        arrays: Their matrices and the folds.
        plan: Which columns hold levels.
        target: What is to be predicted.
        release: Gives back workers that were started before this was known; they end, as their memory share is wrong.
    """
    if budget.told or budget.workers == 1:
        return budget
    needs = sorted(_need(model, arrays, plan, target) for model in models)
    usual, free = needs[math.ceil(_MOST_FAMILIES * len(needs)) - 1], free_memory()
    for workers in range(budget.workers, 0, -1):
        found = replace(budget, workers=workers)
        share = free // (workers + 1)  # one more fits the early model
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
    """The budget with the most workers for which the largest of these fit into memory together; one at least.

    Args:
        budget: With one worker per core, or as many as the user set, which stay.
        needs: Bytes that each fit takes.
    """
    if budget.told:
        return budget
    largest, room, workers = sorted(needs, reverse=True), SHARE * free_memory(), budget.workers
    while workers > 1 and (sum(largest[:workers]) > room or _is_above(largest, replace(budget, workers=workers))):
        workers -= 1
    if workers < budget.workers:
        logger.info("%d fit(s) at a time rather than %d, because memory has no room for more.", workers, budget.workers)
    return replace(budget, workers=workers)


def _is_above(largest: Sequence[int], budget: Budget) -> bool:
    """Whether the largest fit would be killed at a worker's share of the memory limit."""
    return budget.trial_memory is not None and bool(largest) and largest[0] > SHARE * budget.trial_memory


def _need(model: Model, arrays: Arrays, plan: ColumnPlan, target: Target) -> int:
    """Bytes that a family's default takes on the largest fold."""
    train, valid = max(arrays.folds, key=lambda fold: len(fold[0]))
    levels = (len(plan.categorical), len(plan.many)) if model.diet == "codes" else (0, 0)
    columns, held = arrays.matrix(model.diet).shape[1], len(arrays.known_rows())
    at = Extent(len(train), len(valid), columns, len(target.classes), *levels, held)
    return foreseen(model.name, model.space(target.task).default, at)
