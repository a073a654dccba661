"""Tasks in worker processes of this machine."""

from __future__ import annotations

import itertools
import math
import os
import pickle
import time
import weakref
from typing import TYPE_CHECKING, Any, Self

from seasoned.execution.base import Limits, Outcome, check_limits, positive
from seasoned.execution.crew import Crew
from seasoned.execution.exchange import Task
from seasoned.execution.outcomes import read_message
from seasoned.execution.packing import Packer
from seasoned.execution.pool import POOL, release_workers
from seasoned.execution.resources import cpu_count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NO_LIMITS = Limits()

__all__ = ["LocalExecutor", "release_workers"]


class LocalExecutor:
    """Runs tasks in warm worker processes; an `Executor`.

    A task cannot harm its driver: when it breaks a limit it is killed with all that it started, and its worker is
    replaced. Callables and arguments travel by cloudpickle; their arrays are memory-mapped, read-only and shared by all
    workers. One thread at a time may use an executor.

    Args:
        workers: Tasks at the same time; by default one a core that this process may use.
        threads: Threads of numerical libraries in each worker; by default the cores divided among the workers.

    Raises:
        InvalidInput: A number is not positive.
    """

    def __init__(self, workers: int | None = None, threads: int | None = None) -> None:
        cores = cpu_count()
        self._workers = positive("workers", cores if workers is None else workers)
        self._threads = positive("threads", max(1, cores // self._workers) if threads is None else threads)
        self._numbers = itertools.count()
        self._crew = Crew(self._workers, self._threads)
        self._packer: Packer | None = None
        self._answers: dict[int, Callable[[Any], Any]] = {}  # by task, while it is open
        self._finalizer = weakref.finalize(self, self._crew.ask_to_stop)
        self._finalizer.atexit = False  # the pool sees to that, in its order

    @property
    def workers(self) -> int:
        """How many tasks run at the same time."""
        return self._workers

    @property
    def threads(self) -> int:
        """Threads of numerical libraries in each worker."""
        return self._threads

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
        if self._packer is None:
            self._packer = Packer(POOL.session)
        packed = self._packer.function(function), self._packer.arguments(function, args)
        number = next(self._numbers)
        if answer is not None:
            self._answers[number] = answer
        self._crew.exchange.add(Task(number, *packed, limits, asks=answer is not None))
        return number

    def wait(self, timeout: float | None = None) -> Sequence[Outcome]:
        """Block until at least one task has ended, and return all that have; answer what tasks ask meanwhile.

        Returns at once, empty, when no task is open; empty after `timeout` seconds.

        Raises:
            RuntimeError: The executor is closed, or belongs to the process that forked this one.
        """
        self._check()
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            news = self._crew.exchange.listen(deadline)
            for task, content in news.questions:
                self._answer(task, content)
            if news.endings or not news.questions:
                return [self._outcome(ending) for ending in news.endings]

    def _answer(self, task: int, content: bytes) -> None:
        answer = self._answers[task](pickle.loads(content))  # noqa: S301 - from our own worker
        self._crew.exchange.answer(task, pickle.dumps(answer, protocol=5))

    def _outcome(self, ending: Outcome | tuple[Any, ...]) -> Outcome:
        outcome = ending if isinstance(ending, Outcome) else read_message(ending)
        self._answers.pop(outcome.task, None)
        return outcome

    def cancel(self, task: int) -> None:
        """Kill the task's process tree (or forget it, if queued); nothing happens if it has ended.

        Raises:
            RuntimeError: The executor is closed, or belongs to the process that forked this one.
        """
        self._check()
        self._crew.exchange.cancel(task)

    def close(self) -> None:
        """Cancel what runs and leave idle workers to the next executor; outcomes not yet waited for are dropped."""
        if self._finalizer.detach() is not None:
            self._packer = None  # its files go
            self._crew.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self) -> None:
        if os.getpid() != self._crew.pid:
            raise RuntimeError(
                f"this executor belongs to process {self._crew.pid}, which forked this one: create a new executor here"
            )
        if not self._finalizer.alive:
            raise RuntimeError("this executor is closed: create a new one")
