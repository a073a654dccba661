"""Ray actor: one worker on a machine of the cluster, a scheduler with a single worker under remote control."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from seasoned.execution.workers.packing import Packed, Recent, in_file, packed
from seasoned.execution.workers.pool import POOL
from seasoned.execution.workers.scheduler import LocalScheduler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.execution.workers.queues import News, Task
    from seasoned.execution.workers.shared_file import Parcel

__all__ = ["WorkerActor"]


class WorkerActor:
    """Runs one task at a time in a worker process of its machine, under the same watchdog as local workers.

    Several threads may call the methods at once: one thread listens while another cancels.

    Args:
        threads: Threads of numerical libraries in the worker.
        path: The driver's `sys.path`, appended to the actor's path.
    """

    def __init__(self, threads: int, path: Sequence[str]) -> None:
        sys.path.extend(entry for entry in path if entry not in sys.path)
        self._crew = LocalScheduler(1, threads)
        self._recent: Recent[Packed] = Recent()
        self._cancelled: set[int] = set()

    def run(self, task: Task, function: Parcel, seconds: float) -> News:
        """Start a task and listen; `task.function` is the key of the callable, which is unpacked once.

        Raises:
            StorageError: The temporary folder of this machine is full.
        """
        callable_ = self._recent.get(task.function, lambda: in_file(function, POOL.session))
        arguments = packed(task.arguments, POOL.session)
        self._crew.exchange.add(replace(task, function=callable_, arguments=arguments))
        if task.number in self._cancelled:  # `cancel` was called before `run`
            self._crew.exchange.cancel(task.number)
        return self.listen(seconds)

    def listen(self, seconds: float) -> News:
        """Return the new endings and questions; wait for them for at most `seconds`."""
        return self._crew.exchange.listen(time.monotonic() + seconds)

    def answer(self, number: int, content: bytes) -> None:
        """Answer a question of a task."""
        self._crew.exchange.answer(number, content)

    def cancel(self, number: int) -> None:
        """Kill the task."""
        self._cancelled.add(number)
        self._crew.exchange.cancel(number)

    def close(self) -> None:
        """Kill the running task, and end the worker."""
        self._crew.stop()
        POOL.shutdown()
