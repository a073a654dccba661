"""The thread behind an executor, whatever its workers are: it goes round until it is told to stop."""

from __future__ import annotations

import logging
import os
import threading
from abc import ABC, abstractmethod

from seasoned.execution.workers.queues import Exchange

__all__ = ["Loop"]

_LOG = logging.getLogger("seasoned.execution")


class Loop(ABC):
    """Takes tasks from its exchange and returns their endings there.

    All talk with workers happens in its thread, so Ctrl-C in the caller's thread never cuts a message in two, and
    queued tasks begin while the caller computes.

    Args:
        workers: Tasks at the same time.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.pid = os.getpid()
        self.exchange = Exchange()
        self._thread = threading.Thread(target=self._run, name="seasoned-executor", daemon=True)

    # ---- called by the executor's thread

    def ask_to_stop(self) -> None:
        """Have the thread kill what runs, give back the workers and end; does nothing in a fork()ed child.

        It does not wait, so a garbage collection may call it in any thread, whatever locks that thread holds.
        """
        if os.getpid() == self.pid:
            self.exchange.ask_to_stop()

    def stop(self) -> None:
        """Ask to stop, and wait until it is done."""
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
        """Handle what was asked and what happened; wait for it, but not past a ring of the exchange's bell."""

    @abstractmethod
    def _disband(self) -> None:
        """Kill what runs and give back the workers."""
