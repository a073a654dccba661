"""Base of the background thread behind an executor, for all kinds of workers."""

from __future__ import annotations

import logging
import os
import threading
from abc import ABC, abstractmethod

from seasoned.execution.workers.queues import TaskQueues

__all__ = ["EventLoop"]

_LOG = logging.getLogger("seasoned.execution")


class EventLoop(ABC):
    """Event loop of an executor: takes tasks from its exchange and returns their endings to the exchange.

    All communication with workers happens in the thread of the loop. Ctrl-C in the caller's thread therefore never
    interrupts a message halfway, and queued tasks start while the caller computes.

    Args:
        workers: Number of tasks at the same time.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.pid = os.getpid()
        self.exchange = TaskQueues()
        self._thread = threading.Thread(target=self._run, name="seasoned-executor", daemon=True)

    # ---- called from the caller's thread

    def ask_to_stop(self) -> None:
        """Request the end of the thread, which kills running tasks and returns the workers.

        No effect in a forked child. The call does not wait, so a garbage collection may run it in any thread, with any
        lock held.
        """
        if os.getpid() == self.pid:
            self.exchange.ask_to_stop()

    def stop(self) -> None:
        """Request the end of the thread, and wait for it."""
        if os.getpid() == self.pid:
            self.exchange.ask_to_stop()
            self._thread.join()

    # ---- the thread

    def _run(self) -> None:
        try:
            while not self.exchange.stopping:
                self._go_round()
        except Exception as error:  # noqa: BLE001 - a bug here must reach the caller, who would else wait for ever
            _LOG.exception("the executor's thread failed")
            self.exchange.fail(error)
        finally:
            try:
                self._disband()
            finally:
                self.exchange.close()

    @abstractmethod
    def _go_round(self) -> None:
        """Handle requests and events; wait for them, but return when the exchange's bell rings."""

    @abstractmethod
    def _disband(self) -> None:
        """Kill the running tasks and return the workers."""
