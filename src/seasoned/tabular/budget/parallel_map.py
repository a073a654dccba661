"""Calls of one function in parallel workers, until a deadline."""

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

__all__ = ["side_by_side"]

logger = logging.getLogger("seasoned.tabular")

_GLANCE: Final = 0.2  # seconds between two looks at the clock


def side_by_side(
    executor: LocalExecutor, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], budget: Budget, end: float
) -> dict[int, Any] | None:
    """What a function returns for the arguments of each call, by place, without the calls that failed.

    Args:
        executor: Where it runs; it is reused, because its workers are warm.
        function: The same object for all calls, so that it travels to a worker once.
        calls: The arguments of each call.
        budget: Its memory limits each call; a request to stop ends this, too.
        end: The deadline, on `time.monotonic`'s clock. None is returned where not all calls are done by then.
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
