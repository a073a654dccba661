"""How a running fit is asked to come to its end: by Ctrl-C, a notebook's interrupt, or SIGTERM."""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Stop"]

_PATIENCE: Final = 1.5  # seconds for the last fits; with what comes around them, who asked waits less than 3


class Stop:
    """Whether somebody asked; a signal sets it, and those at work look at it several times a second.

    Nothing is interrupted where it stands, so a signal at any moment leaves a fit whole. Who asks twice gives up: then
    KeyboardInterrupt is raised.

    Example:
        >>> stop = Stop()
        >>> stop.ask("SIGTERM")
        >>> stop(), stop.name, stop.deadline < time.monotonic() + 3
        (True, 'SIGTERM', True)
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self.deadline = math.inf

    def __call__(self) -> bool:
        """Whether it was asked for."""
        return self.name is not None

    def ask(self, name: str) -> None:
        """Ask for it, in the name of a signal.

        Raises:
            KeyboardInterrupt: If it was asked for before.
        """
        if self.name is not None:
            raise KeyboardInterrupt
        self.deadline = time.monotonic() + _PATIENCE
        self.name = name

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """For as long as the block runs, SIGINT and SIGTERM ask.

        Only in the main thread, where Python has signals, and only where a handler is the system's or Python's own: a
        program that has handlers of its own, or ignores a signal, knows why. They are put back at the end.
        """
        before: dict[signal.Signals, Any] = {}
        try:
            if threading.current_thread() is threading.main_thread():
                for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
                    if signal.getsignal(number) is usual:
                        before[number] = signal.signal(number, self._handle)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, _: object) -> None:
        self.ask(signal.Signals(number).name)
