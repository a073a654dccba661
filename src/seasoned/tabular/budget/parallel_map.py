"""Parallel map: calls of one function in worker processes, with a deadline."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import StorageError
from seasoned.execution.base import Ending, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seasoned.execution.local import LocalExecutor
    from seasoned.tabular.budget.budget import Budget

__all__ = ["parallel_map"]

logger = logging.getLogger("seasoned.tabular")

_GLANCE: Final = 0.2  # seconds between two checks of the deadline


def parallel_map(
    executor: LocalExecutor, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], budget: Budget, end: float
) -> dict[int, Any] | None:
    """Call a function in parallel; return the results by the index of the call, without failed calls.

    The result is None if a call is unfinished at the deadline, at a stop request or at the memory limit, or if the
    calls cannot be submitted.

    Args:
        executor: Executor of the calls; callers reuse it, because its workers are warm.
        function: The function, one object for all calls, because each worker then receives it only once.
        calls: Arguments of each call.
        budget: Memory limit of each call, and the user's stop request.
        end: Deadline, in seconds on the clock of `time.monotonic`.
    """
    limits = Limits(memory=budget.trial_memory)
    try:
        tasks = {executor.submit(function, *call, limits=limits): place for place, call in enumerate(calls)}
    except StorageError as error:
        logger.warning("further fits in parallel are left out: %s", error)
        return None
    found: dict[int, Any] = {}
    while tasks:
        left = end - time.monotonic()
        if left <= 0 or budget.full or budget.stop():
            return None
        for outcome in executor.wait(min(_GLANCE, left)):
            place = tasks.pop(outcome.task)
            if outcome.ending is Ending.RETURNED:
                found[place] = outcome.value
            else:
                logger.debug("call %d beside the search failed: %s", place, budget.explain(outcome.reason))
    return dict(sorted(found.items()))
