"""Ray executor: tasks run on all machines of a Ray cluster; needs the extra `ray`.

Ray starts a `WorkerActor` on each free slot, and transports tasks, endings and questions. An actor runs its tasks in
the same worker processes under the same watchdog as the local executor. Limits and isolation are therefore the same.
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
from seasoned.execution.ray.actor import WorkerActor
from seasoned.execution.workers.client import ExecutorClient
from seasoned.execution.workers.event_loop import EventLoop
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

_GLANCE = 0.02  # seconds between two checks of the exchange while `ray.wait` blocks
_LISTENING = 10.0  # seconds until a call of `WorkerActor.listen` returns without news
_CALLS = 4  # concurrent calls of a station: one listens, the others deliver tasks, answers and cancellations
_PATIENCE = 30.0  # seconds that stations may take to end their tasks at shutdown


class RayExecutor(ExecutorClient):
    """Runs tasks on a Ray cluster; an `Executor`.

    All machines, this one included, need the same Python and the same packages. If Ray does not run in this process
    yet, the constructor starts Ray, or joins the cluster at `address`. Ray keeps running after `close`. The loss of a
    machine ends the tasks that ran on it.

    Args:
        workers: Number of tasks at the same time; by default the number of processors of the cluster divided by
            `threads`.
        threads: Threads of numerical libraries in each worker, and the number of processors that Ray reserves for the
            worker.
        address: Address of the cluster, such as `"auto"` or `"ray://head:10001"`; None uses the default of
            `ray.init()`.

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
    """Callables in Ray's object store; each callable (compared by identity) is stored once."""

    def __init__(self) -> None:
        self._keys = itertools.count()
        self._recent: Recent[tuple[Callable[..., Any], int, Any]] = Recent()

    def function(self, function: Callable[..., Any]) -> tuple[int, Any]:
        """Return a key of the callable and its reference in the object store."""
        return self._recent.get(id(function), lambda: self._stored(function))[1:]

    def _stored(self, function: Callable[..., Any]) -> tuple[Callable[..., Any], int, Any]:
        return function, next(self._keys), ray.put(_portable(frozen(function, function)))

    def arguments(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Parcel:
        """Return the packed arguments, which are part of the message."""
        return _portable(frozen(arguments, function))


def _portable(parcel: Parcel) -> Parcel:
    """Return the parcel with buffers as arrays, which Ray shares without a copy among all processes of a machine."""
    data, buffers = parcel
    return bytes(data), [np.frombuffer(buffer, np.uint8) for buffer in buffers]  # type: ignore[misc]  # they are buffers


@dataclass(slots=True, eq=False)
class _Post:
    """State of a station: its pending call, its readiness, and its task."""

    actor: Any
    asked: Any
    ready: bool = False
    task: Task | None = None
    begun: float = 0.0


class _Stations(EventLoop):
    """Starts stations on Ray, assigns tasks to them, and receives endings and questions."""

    def __init__(self, workers: int, threads: int) -> None:
        super().__init__(workers)
        self._threads = threads
        self._station = ray.remote(WorkerActor).options(num_cpus=threads, max_concurrency=_CALLS, max_restarts=0)
        self._posts: list[_Post] = []
        atexit.register(self.stop)  # atexit runs in reverse order, so the stations end before Ray
        self._thread.start()

    def _go_round(self) -> None:
        self._pass_on()
        self._assign()
        self._look()

    def _pass_on(self) -> None:
        """Forward the caller's cancellations and answers to the stations."""
        running = {post.task.number: post for post in self._posts if post.task is not None}
        for number in self.exchange.take_cancelled():
            if number in running:
                running[number].actor.cancel.remote(number)
        for number, content in self.exchange.take_answers():
            if number in running:
                running[number].actor.answer.remote(number, content)

    def _assign(self) -> None:
        """Assign queued tasks to free stations, and start stations for the rest."""
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
        """Read the reports of stations; wait for a report or for the bell."""
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
        """Handle the loss of a station, perhaps with its machine.

        The task of the station ends. If the station never started, the next queued task ends.
        """
        self._posts.remove(post)
        ray.kill(post.actor)  # after a failed call alone the actor is still alive and would occupy its processors
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
