"""What an executor's caller and the thread behind it hand each other: tasks and answers in, endings and questions out.

Ctrl-C raises in the caller's thread wherever a function begins, a call ends or a loop goes round, and must not leave
the lock taken. So the lock and the bell are objects written in C, taken and heard in one step, and not a `Condition`:
that one enters and leaves its lock in Python code, where an interrupt between two steps keeps the lock for ever.
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

__all__ = ["Exchange", "News", "Task", "cancelled"]

_SLICE = 0.2  # seconds: Ctrl-C is lost when it comes just before the interpreter blocks, so it does not block for long


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One call: its callable and arguments, packed as its loop's workers want them."""

    number: int
    function: Any
    arguments: Any
    limits: Limits
    asks: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """What happened since the caller last looked.

    Attributes:
        endings: Of tasks: an `Outcome`, or the worker's message, to be read by the caller's thread.
        questions: Of tasks: which one, and what it asks, pickled.
    """

    endings: Sequence[Outcome | tuple[Any, ...]]
    questions: Sequence[tuple[int, bytes]]


class Exchange:
    """Queues in both directions, each with a bell that wakes the other side.

    Attributes:
        bell: Readable when the thread has something to look at.
        stopping: Whether the thread ends, or has ended.
    """

    def __init__(self) -> None:
        self.bell, self._ring = Pipe(duplex=False)
        self.stopping = False
        self._lock = threading.RLock()
        self._rung = False
        self._queue: deque[Task] = deque()
        self._taken = 0  # tasks that have left the queue and not ended
        self._cancelled: set[int] = set()
        self._answers: deque[tuple[int, bytes]] = deque()
        self._endings: deque[Outcome | tuple[Any, ...]] = deque()
        self._questions: deque[tuple[int, bytes]] = deque()
        self._failure: BaseException | None = None
        self._heard: SimpleQueue[None] = SimpleQueue()  # holds one item when the caller has something to look at

    # ---- the caller's side

    def add(self, task: Task) -> None:
        """Queue a task."""
        with self._lock:
            self._queue.append(task)
            self._wake()

    def cancel(self, number: int) -> None:
        """Have the task dropped if it is queued, else killed; nothing happens if it has ended."""
        with self._lock:
            self._cancelled.add(number)
            self._wake()

    def answer(self, number: int, content: bytes) -> None:
        """Send an answer to the task that waits for it; nothing happens if it has ended meanwhile."""
        with self._lock:
            self._answers.append((number, content))
            self._wake()

    def ask_to_stop(self) -> None:
        """Have the thread end; what is queued is dropped."""
        with self._lock:
            self.stopping = True
            self._queue.clear()
            self._wake()

    def listen(self, deadline: float) -> News:
        """What happened; waits for it until `deadline` (`time.monotonic`), or until nothing can happen any more.

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
            self._rung = True  # last: Ctrl-C in between rings twice, which does no harm

    # ---- the thread's side

    def silence(self) -> None:
        """Reset the bell once it was heard; call it before looking."""
        with self._lock:
            self.bell.recv_bytes()
            self._rung = False

    @property
    def queued(self) -> int:
        """Tasks that nobody has taken."""
        return len(self._queue)

    def take(self) -> Task | None:
        """The next task; `end` or `put_back` must follow."""
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
        """Report the end of a task that was taken."""
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
        """The tasks to kill; those still queued are ended here."""
        with self._lock:
            numbers, self._cancelled = self._cancelled, set()
            dropped = [task for task in self._queue if task.number in numbers]
            for task in dropped:
                self._queue.remove(task)
                self._taken += 1
                self.end(cancelled(task.number, 0.0))
            return numbers - {task.number for task in dropped}

    def take_answers(self) -> Sequence[tuple[int, bytes]]:
        """The answers to send."""
        with self._lock:
            answers, self._answers = self._answers, deque()
            return answers

    def fail(self, error: BaseException) -> None:
        """Let the caller know of a bug of ours; otherwise it would wait for ever."""
        with self._lock:
            self._failure = error

    def close(self) -> None:
        """Say that the thread ends."""
        with self._lock:
            self.stopping = True
            self.bell.close()
            self._ring.close()
            self._tell()

    def _tell(self) -> None:
        if self._heard.empty():
            self._heard.put(None)


def cancelled(number: int, seconds: float) -> Outcome:
    """The outcome of a task that was cancelled after so many seconds."""
    return Outcome(number, Ending.CANCELLED, reason="the task was cancelled", seconds=seconds)
