"""Caller's side of an executor that works in a background thread."""

from __future__ import annotations

import itertools
import math
import os
import pickle
import time
import weakref
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol, Self

from seasoned.execution.base import Limits, Outcome, check_limits
from seasoned.execution.workers.outcomes import read_message
from seasoned.execution.workers.queues import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seasoned.execution.workers.event_loop import EventLoop

__all__ = ["ExecutorClient", "Packing"]

_NO_LIMITS = Limits()


class Packing(Protocol):
    """Packs callables and arguments into the form that is sent to workers."""

    def function(self, function: Callable[..., Any]) -> Any:
        """Return the packed callable, the same object each time.

        Raises InvalidInput if the callable cannot be pickled.
        """

    def arguments(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Return the packed arguments of one call. Raises InvalidInput if an argument cannot be pickled."""


class ExecutorClient(ABC):
    """Base of executors: passes tasks to its loop, waits for endings, and answers questions of tasks.

    Args:
        loop: The running loop; it ends with this object.
    """

    def __init__(self, loop: EventLoop) -> None:
        self.scheduler = loop
        self._numbers = itertools.count()
        self._packing: Packing | None = None
        self._answers: dict[int, Callable[[Any], Any]] = {}  # `answer` functions of open tasks, by task number
        self._heard: deque[tuple[int, bytes]] = deque()  # questions to answer: task, message
        self._ended: list[Outcome | tuple[Any, ...]] = []  # endings that `wait` has not returned yet
        self._finalizer = weakref.finalize(self, loop.ask_to_stop)
        self._finalizer.atexit = False  # at exit the worker pool or Ray stops the loop, in the right order

    @abstractmethod
    def _new_packing(self) -> Packing:
        """Create the packing; called for the first submitted task."""

    @property
    def workers(self) -> int:
        """Number of tasks that run at the same time."""
        return self.scheduler.workers

    def submit(
        self,
        function: Callable[..., Any],
        *args: Any,
        limits: Limits = _NO_LIMITS,
        answer: Callable[[Any], Any] | None = None,
    ) -> int:
        """Start `function(*args)` and return the task's number at once.

        Raises:
            InvalidInput: The callable or an argument cannot be pickled, or a limit is not positive.
            StorageError: The temporary folder is full.
            RuntimeError: The executor is closed, or belongs to the process that forked this one.
        """
        self._check()
        check_limits(limits)
        if self._packing is None:
            self._packing = self._new_packing()
        packed = self._packing.function(function), self._packing.arguments(function, args)
        number = next(self._numbers)
        if answer is not None:
            self._answers[number] = answer
        self.scheduler.exchange.add(Task(number, *packed, limits, asks=answer is not None))
        return number

    def wait(self, timeout: float | None = None) -> Sequence[Outcome]:
        """Block until at least one task has ended, and return all ended tasks; answer questions of tasks meanwhile.

        Returns an empty sequence at once if no task is open, and after `timeout` seconds without an ending.

        Raises:
            RuntimeError: The executor is closed, or belongs to the process that forked this one.
        """
        self._check()
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            quiet = False
            if not self._heard and not self._ended:
                news = self.scheduler.exchange.listen(deadline)
                self._heard.extend(news.questions)
                self._ended += news.endings
                quiet = not news.questions
            while self._heard:
                self._answer(*self._heard.popleft())  # an exception leaves the rest for the next call
            if self._ended or quiet:
                found, self._ended = self._ended, []
                return [self._outcome(ending) for ending in found]

    def _answer(self, task: int, content: bytes) -> None:
        answer = self._answers[task](pickle.loads(content))  # noqa: S301 - from our own worker
        self.scheduler.exchange.answer(task, pickle.dumps(answer, protocol=5))

    def _outcome(self, ending: Outcome | tuple[Any, ...]) -> Outcome:
        outcome = ending if isinstance(ending, Outcome) else read_message(ending)
        self._answers.pop(outcome.task, None)
        return outcome

    def cancel(self, task: int) -> None:
        """Kill the task's process tree, or drop a queued task; no effect on an ended task.

        Raises:
            RuntimeError: The executor is closed, or belongs to the process that forked this one.
        """
        self._check()
        self.scheduler.exchange.cancel(task)

    def close(self) -> None:
        """Cancel the running tasks and return idle workers to the pool.

        Outcomes not yet returned by `wait` are dropped.
        """
        if self._finalizer.detach() is not None:
            self._packing = None  # frees the packed callables
            self.scheduler.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self) -> None:
        if os.getpid() != self.scheduler.pid:
            raise RuntimeError(
                f"this executor belongs to process {self.scheduler.pid}, which forked this one: "
                "create a new executor here"
            )
        if not self._finalizer.alive:
            raise RuntimeError("this executor is closed: create a new one")
