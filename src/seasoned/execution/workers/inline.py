"""Inline executor: tasks run in this process, one at a time, without limits, isolation or overhead."""

from __future__ import annotations

import time
import traceback
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from seasoned.execution.base import Ending, Limits, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["InlineExecutor"]


class InlineExecutor:
    """Runs each task inside `wait`, so that prints, closures, debuggers and notebooks work.

    A KeyboardInterrupt propagates from `wait`; every other exception, SystemExit included, is the outcome of the task.
    Limits are not enforced, because a process cannot kill a task that runs inside it.

    Example:
        >>> executor = InlineExecutor()
        >>> task = executor.submit(max, 1, 2)
        >>> executor.wait()[0].value
        2
    """

    workers = 1

    def __init__(self) -> None:
        self._queue: deque[tuple[int, Callable[..., Any], tuple[Any, ...]]] = deque()
        self._broken: BaseException | None = None  # exception of `answer`, an error of the caller
        self._cancelled: list[Outcome] = []
        self._next = 0

    def submit(
        self,
        function: Callable[..., Any],
        *args: Any,
        limits: Limits = Limits(),  # noqa: ARG002, B008 - see above; Limits is frozen
        answer: Callable[[Any], Any] | None = None,
    ) -> int:
        """Queue the task."""
        more = () if answer is None else (partial(self._ask, answer),)
        self._queue.append((self._next, function, (*args, *more)))
        self._next += 1
        return self._next - 1

    def wait(self, timeout: float | None = None) -> Sequence[Outcome]:  # noqa: ARG002 - a task cannot be interrupted
        """Return the outcomes of cancelled tasks, if any; otherwise run the oldest task and return its outcome."""
        if self._cancelled:
            cancelled, self._cancelled = self._cancelled, []
            return cancelled
        if not self._queue:
            return []
        task, function, args = self._queue.popleft()
        began = time.monotonic()
        try:
            value = function(*args)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a task does is its outcome
            text = traceback.format_exc()
            seconds = time.monotonic() - began
            self._raise_broken()
            return [Outcome(task, Ending.RAISED, None, describe(error), error, text, seconds)]
        self._raise_broken()
        return [Outcome(task, Ending.RETURNED, value, seconds=time.monotonic() - began)]

    def _ask(self, answer: Callable[[Any], Any], message: Any) -> Any:
        try:
            return answer(message)
        except BaseException as error:
            self._broken = error
            raise

    def _raise_broken(self) -> None:
        if self._broken is not None:
            error, self._broken = self._broken, None
            raise error

    def cancel(self, task: int) -> None:
        """Drop the task, if it has not run yet."""
        kept = deque(item for item in self._queue if item[0] != task)
        if len(kept) < len(self._queue):
            self._cancelled.append(Outcome(task, Ending.CANCELLED, reason="the task was cancelled"))
        self._queue = kept

    def close(self) -> None:
        """Drop all tasks."""
        self._queue.clear()
        self._cancelled.clear()


def describe(error: BaseException) -> str:
    """Return an exception as one line of text."""
    if isinstance(error, SystemExit):
        return f"the task called sys.exit({error.code!r})"
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # noqa: BLE001 - a foreign exception's __str__ must not hide what happened
        lines = []
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
