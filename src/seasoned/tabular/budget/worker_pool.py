"""Worker pool of a fit: calls run in parallel in worker processes, under the limits of the budget."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import StorageError
from seasoned.execution.base import Ending, Limits
from seasoned.execution.local import LocalExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from seasoned.execution.base import Outcome
    from seasoned.tabular.budget.budget import Budget

__all__ = ["WorkerPool"]

logger = logging.getLogger("seasoned.tabular")

_GLANCE: Final = 0.2  # seconds between two checks of the time left


@dataclass(frozen=True, slots=True)
class WorkerPool:
    """Workers of one fit.

    Idle workers stay warm between two uses of the pool (`execution/workers/pool.py`).

    Attributes:
        budget: Number of workers, memory of a call, time, and the user's stop request.
    """

    budget: Budget

    def executor(self, workers: int | None = None, threads: int | None = None) -> LocalExecutor:
        """Return an executor: of the budget's number of workers, unless another number is passed."""
        return LocalExecutor(self.budget.workers if workers is None else workers, threads)

    def run_all(
        self,
        function: Callable[..., Any],
        calls: Iterable[tuple[Any, ...]],
        left: Callable[[], float],
        limits: Limits | None = None,
    ) -> Iterator[tuple[int, Outcome]]:
        """Run calls of a function in parallel; yield the index and the outcome of each call that ends in time.

        The next call is taken from `calls` when a worker is free. `calls` may therefore be a generator that depends on
        earlier outcomes. Calls that are unfinished at the end of the time are killed.

        Args:
            function: The function, one object for all calls, because each worker receives it only once.
            calls: Arguments of each call.
            left: Seconds left, read several times a second; the run ends at 0.
            limits: Limits of each call; by default the memory of the budget.
        """
        limits = Limits(memory=self.budget.trial_memory) if limits is None else limits
        waiting, tasks = enumerate(calls), dict[int, int]()
        with self.executor() as executor:
            while (seconds := left()) > 0:
                while len(tasks) < self.budget.workers and (following := next(waiting, None)) is not None:
                    index, arguments = following
                    try:
                        tasks[executor.submit(function, *arguments, limits=limits)] = index
                    except StorageError as error:  # the disk is full; finished calls are of use without the others
                        logger.warning("not all fits are started: %s", error)
                        waiting = enumerate(())
                if not tasks:
                    return
                for outcome in executor.wait(min(_GLANCE, seconds)):
                    yield tasks.pop(outcome.task), outcome

    def map(self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], end: float) -> dict[int, Any] | None:
        """Call a function in parallel; return the results by the index of the call, without failed calls.

        The result is None if a call is unfinished at the deadline, at a stop request or at the memory limit, or was not
        started.

        Args:
            function: The function, one object for all calls.
            calls: Arguments of each call.
            end: Deadline, in seconds on the clock of `time.monotonic`.
        """
        found: dict[int, Any] = {}
        failed = 0
        for index, outcome in self.run_all(function, calls, lambda: self.budget.until(end)):
            if outcome.ending is Ending.RETURNED:
                found[index] = outcome.value
            else:
                failed += 1
                logger.debug("call %d beside the search failed: %s", index, self.budget.explain(outcome.reason))
        return dict(sorted(found.items())) if len(found) + failed == len(calls) else None
