"""Borrowed executor: a wrapper for temporary use of another owner's executor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seasoned.execution.base import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seasoned.execution.base import Executor, Outcome

__all__ = ["BorrowedExecutor"]

_NO_LIMITS = Limits()


class BorrowedExecutor:
    """Wrapper of an executor: `close` ends only the tasks that were submitted through this object; an `Executor`.

    Args:
        executor: The owner's executor, which stays open. The owner submits no task to it until this object is closed.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._open: set[int] = set()

    @property
    def workers(self) -> int:
        """Number of tasks that run at the same time."""
        return self._executor.workers

    def submit(
        self,
        function: Callable[..., Any],
        *args: Any,
        limits: Limits = _NO_LIMITS,
        answer: Callable[[Any], Any] | None = None,
    ) -> int:
        """See `Executor`."""
        number = self._executor.submit(function, *args, limits=limits, answer=answer)
        self._open.add(number)
        return number

    def wait(self, timeout: float | None = None) -> Sequence[Outcome]:
        """See `Executor`; outcomes of tasks that an earlier, interrupted borrower submitted are skipped."""
        outcomes = [outcome for outcome in self._executor.wait(timeout) if outcome.task in self._open]
        self._open.difference_update(outcome.task for outcome in outcomes)
        return outcomes

    def cancel(self, task: int) -> None:
        """See `Executor`."""
        self._executor.cancel(task)

    def close(self) -> None:
        """Cancel the open tasks of this object, and wait for their end."""
        for task in tuple(self._open):
            self._executor.cancel(task)
        while self._open and (ended := self._executor.wait()):
            self._open.difference_update(outcome.task for outcome in ended)
        self._open.clear()
