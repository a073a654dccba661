"""Background thread of a local executor: starts workers, assigns tasks, receives outcomes.

The watchdog process enforces limits, because computations of the driver can delay this thread.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from seasoned.execution.base import Ending, Limits, Outcome
from seasoned.execution.workers.event_loop import EventLoop
from seasoned.execution.workers.outcomes import Death, outcome_of_death, start_failure
from seasoned.execution.workers.pool import POOL
from seasoned.execution.workers.process_handle import Handle, kind_of
from seasoned.execution.workers.queues import Task, cancelled

__all__ = ["LocalScheduler"]

_LOG = logging.getLogger("seasoned.execution")
_START_SECONDS = 120.0  # maximum start time of a worker, in seconds
_STARTING = -1  # task number under which the watchdog limits the start of a worker
_ROUND = 1.0  # seconds between two checks that the watchdog is alive


@dataclass(slots=True, eq=False)
class _Member:
    """One worker of the scheduler, with its task."""

    handle: Handle
    ready: bool = False
    task: Task | None = None
    begun: float = 0.0

    @property
    def watched(self) -> bool:
        return not self.ready or (self.task is not None and self.task.limits != Limits())


class LocalScheduler(EventLoop):
    """Scheduler of local workers: takes tasks from its exchange and returns their endings to the exchange."""

    def __init__(self, workers: int, threads: int) -> None:
        super().__init__(workers)
        self.threads = threads
        self._members: list[_Member] = []
        self._generation = 0
        POOL.enter(self)
        self._thread.start()

    def _go_round(self) -> None:
        self._kill_cancelled()
        self._send_answers()
        self._assign()
        self._serve()

    def _assign(self) -> None:
        """Assign queued tasks to free workers, and start workers for the rest."""
        free = [member for member in self._members if member.ready and member.task is None]
        while free and (task := self.exchange.take()):
            self._begin(free.pop(), task)
        starting = sum(not member.ready for member in self._members)
        while len(self._members) < self.workers and starting < self.exchange.queued:
            self._hire()
            starting += 1

    def _hire(self) -> None:
        try:
            handle = POOL.take(kind_of(self.threads))
        except OSError as error:
            self._give_up(f"no worker process could be started: {error}")
            return
        self._members.append(_Member(handle))
        self._watch(self._members[-1], _STARTING, Limits(seconds=_START_SECONDS))

    def _begin(self, member: _Member, task: Task) -> None:
        member.task = task
        member.begun = time.monotonic()
        if member.watched:
            self._watch(member, task.number, task.limits)
        arguments = task.function.content, task.arguments.content, task.limits.memory, task.asks
        if not member.handle.send("run", task.number, *arguments):
            self._requeue(member)  # the worker ended while idle; its sentinel reports the end

    def _watch(self, member: _Member, number: int, limits: Limits) -> None:
        POOL.session.watch(member.handle.number, member.handle.process.pid, number, limits)

    @staticmethod
    def _unwatch(member: _Member) -> None:
        """End the watch before the process is reaped, because a reaped id may belong to another process."""
        if member.watched:
            POOL.session.done(member.handle.number)

    def _kill_cancelled(self) -> None:
        numbers = self.exchange.take_cancelled()
        for member in tuple(self._members):
            if member.task is not None and member.task.number in numbers:
                self._unwatch(member)
                member.handle.kill()
                self._lose(member, by_caller=True)

    def _send_answers(self) -> None:
        for number, content in self.exchange.take_answers():
            for member in self._members:
                if member.task is not None and member.task.number == number:
                    member.handle.send("answer", content)

    def _serve(self) -> None:
        """Wait for events and handle them."""
        watched = any(member.watched for member in self._members)
        if watched:
            self._check_guard()
        sources: list[Any] = [self.exchange.bell]
        for member in self._members:
            sources.append(member.handle.channel)
            if member.handle.sentinel is not None:
                sources.append(member.handle.sentinel)
        events = set(wait(sources, _ROUND if watched else None))
        if self.exchange.bell in events:
            self.exchange.silence()
        for member in tuple(self._members):
            if member.handle.channel in events:
                self._hear(member)
            elif member.handle.sentinel in events:
                self._lose(member)

    def _check_guard(self) -> None:
        session = POOL.session
        session.ensure_guard()
        if session.generation == self._generation:
            return
        self._generation = session.generation
        for member in self._members:
            if not member.ready:
                self._watch(member, _STARTING, Limits(seconds=_START_SECONDS))
            elif member.task is not None and member.watched:
                seconds = member.task.limits.seconds
                left = None if seconds is None else max(0.0, member.begun + seconds - time.monotonic())
                self._watch(member, member.task.number, Limits(left, member.task.limits.memory))

    def _hear(self, member: _Member) -> None:
        message = member.handle.receive()
        if message is None:
            self._lose(member)
        elif message[0] == "ready":
            POOL.session.done(member.handle.number)
            member.ready = member.handle.proven = True
        elif message[0] == "asks":
            self.exchange.ask(message[1], message[2])
        elif message[0] == "stale":
            self._requeue(member)
            self._retire(member)
        else:
            self._finish(member, message)

    def _finish(self, member: _Member, message: tuple[Any, ...]) -> None:
        """Handle the worker's message about the end of its task."""
        if member.watched:
            POOL.session.done(member.handle.number)
        member.task = None
        self.exchange.end(message)
        if message[-1]:  # the worker requests its replacement
            self._retire(member)

    def _lose(self, member: _Member, *, by_caller: bool = False) -> None:
        """Handle the end of a worker's process or channel."""
        worker = member.handle.number
        self._members.remove(member)
        self._unwatch(member)
        member.handle.finish()
        death = Death(member.handle.process.returncode, POOL.session.verdict(worker), POOL.session.last_words(worker))
        POOL.forget(member.handle)
        for message in member.handle.leftover:
            if message[0] == "ended" and member.task is not None:
                self.exchange.end(message)
                return
        if not member.ready and not member.handle.proven:
            self._give_up(start_failure(death.code))
        elif member.task is None:
            _LOG.debug("worker %s ended while idle", member.handle.tag)
        elif death.verdict is not None and death.verdict[0] != member.task.number and not by_caller:
            self._requeue(member)  # the verdict belongs to the previous task, whose result arrived at the same moment
        else:
            self._settle(member, member.task, death, by_caller)

    def _settle(self, member: _Member, task: Task, death: Death, by_caller: bool) -> None:
        seconds = time.monotonic() - member.begun
        if by_caller and (death.verdict is None or death.verdict[0] != task.number):
            outcome = cancelled(task.number, seconds)
        else:
            outcome = outcome_of_death(task.number, task.limits, seconds, death)
        self.exchange.end(outcome)

    def _give_up(self, reason: str) -> None:
        """End the next task with the reason, because no worker can be started for it."""
        task = self.exchange.take()
        if task is not None:
            self.exchange.end(Outcome(task.number, Ending.DIED, reason=reason))

    def _requeue(self, member: _Member) -> None:
        assert member.task is not None
        if member.watched:
            POOL.session.done(member.handle.number)
        self.exchange.put_back(member.task)
        member.task = None

    def _retire(self, member: _Member) -> None:
        self._members.remove(member)
        POOL.retire(member.handle)

    def _disband(self) -> None:
        for member in tuple(self._members):
            if member.ready and member.task is None:
                POOL.park(member.handle)
            else:
                self._unwatch(member)
                member.handle.kill()
                member.handle.finish()
                POOL.forget(member.handle)
        self._members.clear()
        POOL.leave(self)
