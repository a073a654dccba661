"""What it means to run a callable elsewhere, under limits.

The protocol knows tasks and outcomes, nothing of trials: `submit` a task, `wait` for outcomes, `cancel` what is not
needed any more. A task may ask its submitter while it runs, and ends in exactly one `Outcome`, whatever it does:
return, raise, exit, crash, hang or eat memory.
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
    """How a task ended."""

    RETURNED = "returned"  # the callable returned; `Outcome.value` holds what
    RAISED = "raised"  # an exception left the callable, SystemExit included
    TIMED_OUT = "timed_out"  # killed at its wall-time limit
    OUT_OF_MEMORY = "out_of_memory"  # killed at its memory limit, or MemoryError
    DIED = "died"  # the process ended under it: os._exit, a signal, a crash in C
    CANCELLED = "cancelled"  # `cancel` was called


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one task; None means none.

    Attributes:
        seconds: Wall time from the start of the task until its process tree is killed.
        memory: Bytes of memory (PSS where the system tells it, else RSS) of the worker's whole process tree.
    """

    seconds: float | None = None
    memory: int | None = None


def check_limits(limits: Limits) -> None:
    """Refuses a limit that is not positive."""
    for name, limit in (("seconds", limits.seconds), ("memory", limits.memory)):
        if limit is not None and not limit > 0:
            raise InvalidInput(f"limits.{name}={limit!r} must be positive: use None for no limit")


def positive(name: str, value: int) -> int:
    """The value; refuses what is not a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInput(f"{name}={value!r} must be a whole number of at least 1")
    return value


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one task.

    Attributes:
        task: The number that `submit` returned.
        ending: How it ended.
        value: What the callable returned, for `Ending.RETURNED`.
        reason: One sentence for every other ending; it names the limit and the peak where a limit was hit.
        exception: The exception itself, for `Ending.RAISED`, if it could be pickled.
        traceback: The worker's traceback as text, where there is one.
        seconds: Wall time that the task ran, in seconds.
    """

    task: int
    ending: Ending
    value: Any = None
    reason: str | None = None
    exception: BaseException | None = None
    traceback: str | None = None
    seconds: float = 0.0


class Executor(Protocol):
    """Runs tasks somewhere else."""

    @property
    def workers(self) -> int:
        """How many tasks run at the same time."""
        ...

    def submit(
        self,
        function: Callable[..., Any],
        *args: Any,
        limits: Limits = Limits(),
        answer: Callable[[Any], Any] | None = None,
    ) -> int:
        """Start `function(*args)` and return the task's number at once.

        The callable travels to a worker once, however often it is submitted (identity decides). Submitting more
        tasks than there are workers queues the rest; a task's wall time counts from when it starts.

        With `answer` the task may ask: it gets one more argument, a function that sends a small plain message and
        returns what `answer(message)` returned. `answer` is called by `wait`, in the thread of its caller; its errors
        propagate from `wait`. The task waits for as long as that takes, under its limits, and asks from one thread.
        """
        ...

    def wait(self, timeout: float | None = None) -> Sequence[Outcome]:
        """Block until at least one task has ended, and return all that have; empty after `timeout` seconds."""
        ...

    def cancel(self, task: int) -> None:
        """Kill the task's process tree (or forget it, if queued); its outcome is `Ending.CANCELLED`.

        A result that was already written when the kill came is kept and wins.
        """
        ...

    def close(self) -> None:
        """Cancel what runs and free the workers; outcomes not yet waited for are dropped."""
        ...
