"""Executor protocol: callables run in another process, under limits.

The protocol contains tasks and outcomes, and nothing about trials. The caller passes a task to `submit`, receives
outcomes from `wait`, and stops a task with `cancel`. A task may send questions to its caller while it runs. Each task
ends in exactly one `Outcome`: after a return, an exception, an exit, a crash, a hang, or too much memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Ending", "Executor", "Limits", "Outcome", "check_limits", "positive"]


class Ending(StrEnum):
    """Kind of the end of a task."""

    RETURNED = "returned"  # the callable returned; `Outcome.value` holds the result
    RAISED = "raised"  # the callable raised an exception, SystemExit included
    TIMED_OUT = "timed_out"  # killed at its wall-time limit
    OUT_OF_MEMORY = "out_of_memory"  # killed at its memory limit, or MemoryError
    DIED = "died"  # the process ended during the task: os._exit, a signal, a crash in C
    CANCELLED = "cancelled"  # `cancel` was called


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one task; None means no limit.

    Attributes:
        seconds: Wall time in seconds, from the start of the task until its process tree is killed.
        memory: Memory of the worker's whole process tree in bytes: PSS, or RSS on systems without PSS.
    """

    seconds: float | None = None
    memory: int | None = None


def check_limits(limits: Limits) -> None:
    """Refuse a limit that is not positive."""
    for name, limit in (("seconds", limits.seconds), ("memory", limits.memory)):
        if limit is not None and not limit > 0:
            raise InvalidInput(f"limits.{name}={limit!r} must be positive: use None for no limit")


def positive(name: str, value: int) -> int:
    """Return the value; refuse anything but a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInput(f"{name}={value!r} must be a whole number of at least 1")
    return value


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one task.

    Attributes:
        task: Task number that `submit` returned.
        ending: Kind of the end.
        value: Return value of the callable, for `Ending.RETURNED`.
        reason: One sentence for every other ending; it contains the limit and the peak after a broken limit.
        exception: The exception, for `Ending.RAISED`, if it can be pickled.
        traceback: The worker's traceback as text, if available.
        seconds: Wall time of the task in seconds.
    """

    task: int
    ending: Ending
    value: Any = None
    reason: str | None = None
    exception: BaseException | None = None
    traceback: str | None = None
    seconds: float = 0.0


class Executor(Protocol):
    """Protocol of an executor: runs tasks in other processes."""

    @property
    def workers(self) -> int:
        """Number of tasks that run at the same time."""
        ...

    def submit(
        self,
        function: Callable[..., Any],
        *args: Any,
        limits: Limits = Limits(),
        answer: Callable[[Any], Any] | None = None,
    ) -> int:
        """Start `function(*args)` and return the task's number at once.

        Each worker receives a callable once, even if the callable is submitted many times (compared by identity). Tasks
        beyond the number of workers are queued. The wall time of a task counts from its start, not from its submission.

        With `answer` the task gets one more argument: a function that sends a small plain message and returns the
        result of `answer(message)`. The call of `answer` happens inside `wait`, in the thread of the caller; its errors
        propagate from `wait`. The task waits for the answer under its limits. A task must send its questions from one
        thread.
        """
        ...

    def wait(self, timeout: float | None = None) -> Sequence[Outcome]:
        """Block until at least one task has ended; return all ended tasks, or nothing after `timeout` seconds."""
        ...

    def cancel(self, task: int) -> None:
        """Kill the task's process tree, or drop a queued task; the outcome is `Ending.CANCELLED`.

        A result that was written before the kill is the outcome instead.
        """
        ...

    def close(self) -> None:
        """Cancel the running tasks and free the workers; outcomes that `wait` has not returned yet are dropped."""
        ...
