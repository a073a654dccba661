"""Queues between the caller of an executor and its background thread: tasks and answers in, endings and questions out.

Ctrl-C raises KeyboardInterrupt in the caller's thread at any function start, call end or loop iteration, and must not
leave the lock taken. Lock and bell are therefore objects written in C that are acquired in one step. A `Condition` is
not safe: it acquires and releases its lock in Python code, and an interrupt between two steps leaves the lock taken for
ever.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Pipe
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from seasoned.execution.base import Ending, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.execution.base import Limits

__all__ = ["News", "Task", "TaskQueues", "cancelled"]

_SLICE = 0.2  # seconds of one blocking wait; short, because a Ctrl-C just before the wait is only handled after it


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One call: its callable and arguments, packed for the loop's workers."""

    number: int
    function: Any
    arguments: Any
    limits: Limits
    asks: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """Events since the caller's last read.

    Attributes:
        endings: Ends of tasks: an `Outcome`, or the worker's message, which the caller's thread decodes.
        questions: Questions of tasks: task number and pickled message.
    """

    endings: Sequence[Outcome | tuple[Any, ...]]
    questions: Sequence[tuple[int, bytes]]


class TaskQueues:
    """Queues in both directions, each with a bell that wakes the other side.

    Attributes:
        bell: Connection that is readable when the thread has requests to handle.
        stopping: True if the thread is to end, or has ended.
    """

    def __init__(self) -> None:
        self.bell, self._ring = Pipe(duplex=False)
        self.stopping = False
        self._lock = threading.RLock()
        self._rung = False
        self._queue: deque[Task] = deque()
        self._taken = 0  # number of tasks that have left the queue and not ended
        self._cancelled: set[int] = set()
        self._answers: deque[tuple[int, bytes]] = deque()
        self._endings: deque[Outcome | tuple[Any, ...]] = deque()
        self._questions: deque[tuple[int, bytes]] = deque()
        self._failure: BaseException | None = None
        self._heard: SimpleQueue[None] = SimpleQueue()  # holds one item while the caller has events to read

    # ---- the caller's side

    def add(self, task: Task) -> None:
        """Queue a task."""
        with self._lock:
            self._queue.append(task)
            self._wake()

    def cancel(self, number: int) -> None:
        """Drop the task if it is queued, otherwise request its kill; no effect on an ended task."""
        with self._lock:
            self._cancelled.add(number)
            self._wake()

    def answer(self, number: int, content: bytes) -> None:
        """Send an answer to the task that waits for it; no effect on an ended task."""
        with self._lock:
            self._answers.append((number, content))
            self._wake()

    def ask_to_stop(self) -> None:
        """Request the end of the thread; queued tasks are dropped."""
        with self._lock:
            self.stopping = True
            self._queue.clear()
            self._wake()

    def listen(self, deadline: float) -> News:
        """Return the new events.

        Wait for them until `deadline` (`time.monotonic`), or until no event can occur any more.

        Raises:
            RuntimeError: The thread failed.
        """
        while not self._is_due() and (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(Empty):
                self._heard.get(timeout=min(left, _SLICE))
        with self._lock:
            if self._failure is not None:
                raise RuntimeError("the executor failed: close it and use another") from self._failure
            news = News(tuple(self._endings), tuple(self._questions))
            self._endings.clear()
            self._questions.clear()
            return news

    def _is_due(self) -> bool:
        with self._lock:
            waits = bool(self._queue) or self._taken > 0
            return bool(self._endings or self._questions) or not waits or self.stopping

    def _wake(self) -> None:
        if not self._rung and not self._ring.closed:
            self._ring.send_bytes(b"!")
            self._rung = True  # last: a Ctrl-C before this line causes a second ring, which is harmless

    # ---- the thread's side

    def silence(self) -> None:
        """Reset the bell after a ring; call it before reading the queues."""
        with self._lock:
            self.bell.recv_bytes()
            self._rung = False

    @property
    def queued(self) -> int:
        """Number of queued tasks."""
        return len(self._queue)

    def take(self) -> Task | None:
        """Return the next task, or None; `end` or `put_back` must follow."""
        with self._lock:
            if not self._queue:
                return None
            self._taken += 1
            return self._queue.popleft()

    def put_back(self, task: Task) -> None:
        """Return a taken task to the front of the queue."""
        with self._lock:
            self._queue.appendleft(task)
            self._taken -= 1

    def end(self, ending: Outcome | tuple[Any, ...]) -> None:
        """Report the end of a taken task."""
        with self._lock:
            self._endings.append(ending)
            self._taken -= 1
            self._tell()

    def ask(self, number: int, content: bytes) -> None:
        """Pass a task's question to the caller."""
        with self._lock:
            self._questions.append((number, content))
            self._tell()

    def take_cancelled(self) -> set[int]:
        """Return the numbers of the tasks to kill; tasks that are still queued end here."""
        with self._lock:
            numbers, self._cancelled = self._cancelled, set()
            dropped = [task for task in self._queue if task.number in numbers]
            for task in dropped:
                self._queue.remove(task)
                self._taken += 1
                self.end(cancelled(task.number, 0.0))
            return numbers - {task.number for task in dropped}

    def take_answers(self) -> Sequence[tuple[int, bytes]]:
        """Return the answers to send."""
        with self._lock:
            answers, self._answers = self._answers, deque()
            return answers

    def fail(self, error: BaseException) -> None:
        """Report an internal error to the caller, who would otherwise wait for ever."""
        with self._lock:
            self._failure = error

    def close(self) -> None:
        """Mark the thread as ended."""
        with self._lock:
            self.stopping = True
            self.bell.close()
            self._ring.close()
            self._tell()

    def _tell(self) -> None:
        if self._heard.empty():
            self._heard.put(None)


def cancelled(number: int, seconds: float) -> Outcome:
    """Return the outcome of a task that was cancelled after so many seconds."""
    return Outcome(number, Ending.CANCELLED, reason="the task was cancelled", seconds=seconds)
