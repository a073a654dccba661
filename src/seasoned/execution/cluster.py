"""Tasks on all machines of a Ray cluster; the extra `ray`.

Ray starts a `Station` wherever it has room and carries tasks and news; what a task may do to its machine, and how it is
stopped, is the same as in `local.py`, for a station runs its tasks in the same workers under the same guard.
"""

from __future__ import annotations

import itertools
import os
import pickle
import sys
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from seasoned.errors import MissingExtra
from seasoned.execution.base import Ending, Limits, Outcome, check_limits, positive
from seasoned.execution.exchange import cancelled
from seasoned.execution.outcomes import read_message
from seasoned.execution.packing import CALLABLES, frozen
from seasoned.execution.station import Station

try:
    import ray
except ImportError as error:
    raise MissingExtra(f"{error.name} is not installed: run `pip install 'seasoned[ray]'`.") from error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seasoned.execution.exchange import News
    from seasoned.execution.parcel import Parcel

__all__ = ["RayExecutor"]

_NO_LIMITS = Limits()
_SLICE = 0.2  # seconds, so that Ctrl-C is heard
_LISTENING = 10.0  # seconds that a station waits for news before it says that there are none
_CALLS = 4  # to a station at the same time: one listens, the others tell it something
_PATIENCE = 30.0  # seconds that a station may take to end what it runs


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A task that no station has yet."""

    number: int
    function: tuple[int, Any]
    arguments: Parcel
    limits: Limits


@dataclass(slots=True, eq=False)
class _Post:
    """A station: what it was last asked, whether it has answered yet, and what it runs."""

    actor: Any
    asked: Any
    ready: bool = False
    task: int | None = None
    begun: float = 0.0


class RayExecutor:
    """Runs tasks on a Ray cluster; an `Executor`.

    All machines need the same Python and the same packages, this one included. Where no Ray runs in this process yet,
    it is started, or reached at `address`. Queued tasks begin while somebody waits.

    Args:
        workers: Tasks at the same time; by default as many as the cluster has processors for.
        threads: Threads of numerical libraries in each worker, and the processors that Ray keeps for it.
        address: Of the cluster, such as `"auto"` or `"ray://head:10001"`; None for what `ray.init()` finds or starts.

    Raises:
        InvalidInput: A number is not positive.

    Example:
        study.optimize(f, trials=1000, workers=RayExecutor(workers=64))
    """

    def __init__(self, workers: int | None = None, threads: int = 1, address: str | None = None) -> None:
        self._threads = positive("threads", threads)
        if workers is not None:
            positive("workers", workers)
        if not ray.is_initialized():
            ray.init(address=address, include_dashboard=None if address else False)
        processors = int(ray.cluster_resources().get("CPU", 1))
        self._workers = max(1, processors // threads) if workers is None else workers
        self._station = ray.remote(Station).options(num_cpus=threads, max_concurrency=_CALLS, max_restarts=0)
        self._pid = os.getpid()
        self._numbers = itertools.count()
        self._keys = itertools.count()
        self._functions: OrderedDict[int, tuple[Callable[..., Any], tuple[int, Any]]] = OrderedDict()
        self._answers: dict[int, Callable[[Any], Any]] = {}  # by task, while it is open
        self._queue: deque[_Waiting] = deque()
        self._posts: list[_Post] = []
        self._ended: list[Outcome] = []
        self._closed = False

    @property
    def workers(self) -> int:
        """How many tasks run at the same time."""
        return self._workers

    def submit(
        self,
        function: Callable[..., Any],
        *args: Any,
        limits: Limits = _NO_LIMITS,
        answer: Callable[[Any], Any] | None = None,
    ) -> int:
        """Queue `function(*args)`, start it if a station is free, and return the task's number.

        Raises:
            InvalidInput: The callable or an argument cannot be pickled, or a limit is not positive.
            RuntimeError: The executor is closed, or belongs to the process that forked this one.
        """
        self._check()
        check_limits(limits)
        packed = self._function(function), _portable(frozen(args, function))
        number = next(self._numbers)
        if answer is not None:
            self._answers[number] = answer
        self._queue.append(_Waiting(number, *packed, limits))
        self._assign()
        return number

    def _function(self, function: Callable[..., Any]) -> tuple[int, Any]:
        """A key of the callable, and its parcel in the cluster's memory, where it is put once."""
        place = id(function)
        if place not in self._functions:
            parcel = ray.put(_portable(frozen(function, function)))
            self._functions[place] = function, (next(self._keys), parcel)
            if len(self._functions) > CALLABLES:
                self._functions.popitem(last=False)
        self._functions.move_to_end(place)
        return self._functions[place][1]

    def wait(self, timeout: float | None = None) -> Sequence[Outcome]:
        """Block until at least one task has ended, and return all that have; answer what tasks ask meanwhile.

        Returns at once, empty, when no task is open; empty after `timeout` seconds.

        Raises:
            RuntimeError: The executor is closed, or belongs to the process that forked this one.
        """
        self._check()
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self._assign()
            left = _SLICE if deadline is None else min(_SLICE, max(0.0, deadline - time.monotonic()))
            self._look(0.0 if self._ended else left)
            late = deadline is not None and time.monotonic() >= deadline
            if self._ended or late or not (self._queue or any(post.task is not None for post in self._posts)):
                ended, self._ended = self._ended, []
                return ended

    def _assign(self) -> None:
        """Give queued tasks to free stations, and ask for stations for the rest."""
        for post in self._posts:
            if self._queue and post.ready and post.task is None:
                self._begin(post, self._queue.popleft())
        starting = sum(not post.ready for post in self._posts)
        while len(self._posts) < self._workers and starting < len(self._queue):
            actor = self._station.remote(self._threads, sys.path)
            self._posts.append(_Post(actor, actor.listen.remote(0.0)))
            starting += 1

    def _begin(self, post: _Post, task: _Waiting) -> None:
        key, parcel = task.function
        asks = task.number in self._answers
        post.task, post.begun = task.number, time.monotonic()
        post.actor.run.remote(task.number, key, parcel, task.arguments, task.limits, asks)
        post.asked = post.actor.listen.remote(_LISTENING)

    def _look(self, seconds: float) -> None:
        """Take in what stations say, within so many seconds."""
        asked = {post.asked: post for post in self._posts if post.asked is not None}
        if not asked:
            return
        told, _ = ray.wait(list(asked), num_returns=len(asked), timeout=0)
        told = told or ray.wait(list(asked), timeout=seconds)[0]
        for reference in told:
            post = asked[reference]
            try:
                news = ray.get(reference)
            except ray.exceptions.RayError as error:
                self._lose(post, error)
            else:
                self._hear(post, news)

    def _hear(self, post: _Post, news: News) -> None:
        post.ready = True
        for ending in news.endings:
            self._end(post, ending if isinstance(ending, Outcome) else read_message(ending))
        post.asked = None if post.task is None else post.actor.listen.remote(_LISTENING)
        for number, content in news.questions:  # last: what an answer raises leaves `wait`
            answer = self._answers[number](pickle.loads(content))  # noqa: S301 - from our own worker
            post.actor.answer.remote(number, pickle.dumps(answer, protocol=5))

    def _end(self, post: _Post, outcome: Outcome) -> None:
        post.task = None
        self._answers.pop(outcome.task, None)
        self._ended.append(outcome)

    def _lose(self, post: _Post, error: Exception) -> None:
        """A station is gone, with its machine perhaps; what it ran ends, or the next task if it never began."""
        self._posts.remove(post)
        cause = " ".join(str(error).split())
        if post.task is not None:
            reason = f"the machine or process that ran the task was lost: {cause}"
            seconds = time.monotonic() - post.begun
            self._end(post, Outcome(post.task, Ending.DIED, reason=reason, seconds=seconds))
        elif not post.ready and self._queue:
            reason = f"Ray could not start a worker for the task: {cause}"
            self._end(post, Outcome(self._queue.popleft().number, Ending.DIED, reason=reason))

    def cancel(self, task: int) -> None:
        """Kill the task's process tree (or forget it, if queued); nothing happens if it has ended.

        Raises:
            RuntimeError: The executor is closed, or belongs to the process that forked this one.
        """
        self._check()
        for waiting in self._queue:
            if waiting.number == task:
                self._queue.remove(waiting)
                self._answers.pop(task, None)
                self._ended.append(cancelled(task, 0.0))
                return
        for post in self._posts:
            if post.task == task:
                post.actor.cancel.remote(task)

    def close(self) -> None:
        """Cancel what runs and give the processors back; Ray goes on, and outcomes not waited for are dropped."""
        if self._closed:
            return
        self._closed = True
        self._queue.clear()
        if os.getpid() != self._pid or not ray.is_initialized():
            return
        ending = [post.actor.close.remote() for post in self._posts]
        if ending:
            ray.wait(ending, num_returns=len(ending), timeout=_PATIENCE)
        for post in self._posts:
            ray.kill(post.actor)
        self._posts.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self) -> None:
        if os.getpid() != self._pid:
            raise RuntimeError(
                f"this executor belongs to process {self._pid}, which forked this one: create a new executor here"
            )
        if self._closed:
            raise RuntimeError("this executor is closed: create a new one")


def _portable(parcel: Parcel) -> Parcel:
    """The parcel with buffers as arrays, which Ray hands to all processes of a machine without a copy."""
    data, buffers = parcel
    return bytes(data), [np.frombuffer(buffer, np.uint8) for buffer in buffers]  # type: ignore[misc]  # they are buffers
