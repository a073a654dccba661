"""Tasks on all machines of a Ray cluster; needs the extra `ray`.

Ray starts a `Station` wherever it has room and carries tasks and news; what a task may do to its machine, and how it is
stopped, is the same as in `local.py`, because a station runs its tasks in the same workers under the same guard.
"""

from __future__ import annotations

import atexit
import itertools
import sys
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import MissingExtra
from seasoned.execution.base import Ending, Outcome, positive
from seasoned.execution.ray.actor import Station
from seasoned.execution.workers.client import Caller
from seasoned.execution.workers.event_loop import Loop
from seasoned.execution.workers.packing import Recent, frozen

try:
    import ray
except ImportError as error:
    raise MissingExtra.of("ray", "RayExecutor") from error

if TYPE_CHECKING:
    from collections.abc import Callable

    from seasoned.execution.workers.queues import News, Task
    from seasoned.execution.workers.shared_file import Parcel

__all__ = ["RayExecutor"]

_GLANCE = 0.02  # seconds between two looks at the exchange while stations are listened to
_LISTENING = 10.0  # seconds that a station waits for news before it says that there are none
_CALLS = 4  # to a station at the same time: one listens, the others bring it tasks, answers and so on
_PATIENCE = 30.0  # seconds that stations may take to end what they run


class RayExecutor(Caller):
    """Runs tasks on a Ray cluster; an `Executor`.

    All machines need the same Python and the same packages, this one included. If Ray does not run in this process yet,
    it is started, or joined at `address`; it keeps running when the executor closes. If a machine is lost, the tasks
    that it ran end.

    Args:
        workers: Tasks at the same time; by default as many as the cluster has processors for.
        threads: Threads of numerical libraries in each worker, and the processors that Ray reserves for it.
        address: The cluster's, such as `"auto"` or `"ray://head:10001"`; None for what `ray.init()` finds or starts.

    Raises:
        InvalidInput: A number is not positive.

    Example:
        study.optimize(f, trials=1000, workers=RayExecutor(workers=64))
    """

    def __init__(self, workers: int | None = None, threads: int = 1, address: str | None = None) -> None:
        positive("threads", threads)
        if workers is not None:
            positive("workers", workers)
        if not ray.is_initialized():
            ray.init(address=address, include_dashboard=None if address else False)
        if workers is None:
            workers = max(1, int(ray.cluster_resources().get("CPU", 1)) // threads)
        super().__init__(_Stations(workers, threads))

    def _new_packing(self) -> _Packing:
        return _Packing()


class _Packing:
    """Callables in Ray's object store, where each is put once; identity decides."""

    def __init__(self) -> None:
        self._keys = itertools.count()
        self._recent: Recent[tuple[Callable[..., Any], int, Any]] = Recent()

    def function(self, function: Callable[..., Any]) -> tuple[int, Any]:
        """A key of the callable, and where it lies."""
        return self._recent.get(id(function), lambda: self._stored(function))[1:]

    def _stored(self, function: Callable[..., Any]) -> tuple[Callable[..., Any], int, Any]:
        return function, next(self._keys), ray.put(_portable(frozen(function, function)))

    def arguments(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Parcel:
        """The arguments, in the message."""
        return _portable(frozen(arguments, function))


def _portable(parcel: Parcel) -> Parcel:
    """The parcel with buffers as arrays, which Ray hands to all processes of a machine without a copy."""
    data, buffers = parcel
    return bytes(data), [np.frombuffer(buffer, np.uint8) for buffer in buffers]  # type: ignore[misc]  # they are buffers


@dataclass(slots=True, eq=False)
class _Post:
    """A station: what it was last asked, whether it has answered yet, and what it runs."""

    actor: Any
    asked: Any
    ready: bool = False
    task: Task | None = None
    begun: float = 0.0


class _Stations(Loop):
    """Asks Ray for stations, gives them tasks, and hears what becomes of these."""

    def __init__(self, workers: int, threads: int) -> None:
        super().__init__(workers)
        self._threads = threads
        self._station = ray.remote(Station).options(num_cpus=threads, max_concurrency=_CALLS, max_restarts=0)
        self._posts: list[_Post] = []
        atexit.register(self.stop)  # before Ray, which ends at exit, too
        self._thread.start()

    def _go_round(self) -> None:
        self._pass_on()
        self._assign()
        self._look()

    def _pass_on(self) -> None:
        """Pass the caller's cancellations and answers on to the stations."""
        running = {post.task.number: post for post in self._posts if post.task is not None}
        for number in self.exchange.take_cancelled():
            if number in running:
                running[number].actor.cancel.remote(number)
        for number, content in self.exchange.take_answers():
            if number in running:
                running[number].actor.answer.remote(number, content)

    def _assign(self) -> None:
        """Give queued tasks to free stations, and ask for stations for the rest."""
        free = [post for post in self._posts if post.ready and post.task is None]
        while free and (task := self.exchange.take()):
            self._begin(free.pop(), task)
        starting = sum(not post.ready for post in self._posts)
        while len(self._posts) < self.workers and starting < self.exchange.queued:
            actor = self._station.remote(self._threads, sys.path)
            self._posts.append(_Post(actor, actor.listen.remote(0.0)))
            starting += 1

    def _begin(self, post: _Post, task: Task) -> None:
        post.task, post.begun = task, time.monotonic()
        key, function = task.function
        post.asked = post.actor.run.remote(replace(task, function=key), function, _LISTENING)

    def _look(self) -> None:
        """Take in what stations report; wait for that, or for the bell."""
        asked = {post.asked: post for post in self._posts if post.asked is not None}
        rung = bool(wait([self.exchange.bell], 0.0 if asked else None))
        if rung:
            self.exchange.silence()
        if asked:
            told, _ = ray.wait(list(asked), num_returns=len(asked), timeout=0)
            for reference in told or ray.wait(list(asked), timeout=0 if rung else _GLANCE)[0]:
                self._read(asked[reference])

    def _read(self, post: _Post) -> None:
        try:
            news = ray.get(post.asked)
        except ray.exceptions.RayError as error:
            self._lose(post, error)
        else:
            self._hear(post, news)

    def _hear(self, post: _Post, news: News) -> None:
        post.ready = True
        for ending in news.endings:
            post.task = None
            self.exchange.end(ending)
        for number, content in news.questions:
            self.exchange.ask(number, content)
        post.asked = None if post.task is None else post.actor.listen.remote(_LISTENING)

    def _lose(self, post: _Post, error: Exception) -> None:
        """A station is gone, perhaps with its machine: its task ends, or the next queued one if it never began."""
        self._posts.remove(post)
        ray.kill(post.actor)  # if only a call to it failed, it lives on and would keep its processors
        cause = " ".join(str(getattr(error, "cause", None) or error).split())
        if post.task is not None:
            reason = f"the task was lost with the process or machine that was to run it: {cause}"
            seconds = time.monotonic() - post.begun
            self.exchange.end(Outcome(post.task.number, Ending.DIED, reason=reason, seconds=seconds))
        elif not post.ready and (task := self.exchange.take()):
            reason = f"Ray could not start a worker for the task: {cause}"
            self.exchange.end(Outcome(task.number, Ending.DIED, reason=reason))

    def _disband(self) -> None:
        atexit.unregister(self.stop)
        ending = [post.actor.close.remote() for post in self._posts]
        if ending:
            ray.wait(ending, num_returns=len(ending), timeout=_PATIENCE)
        for post in self._posts:
            ray.kill(post.actor)
        self._posts.clear()
