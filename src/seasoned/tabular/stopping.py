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

_PATIENCE: Final = 1.5  # seconds for the last fits; with all that surrounds them, stopping takes less than 3


class Stop:
    """Whether a stop was requested; a signal sets it, and code at work looks at it several times a second.

    Nothing is interrupted midway, so a signal at any moment leaves a fit whole. A second request gives up the fit: it
    raises KeyboardInterrupt.

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
        """Whether a stop was requested."""
        return self.name is not None

    def ask(self, name: str) -> None:
        """Request a stop, in the name of a signal.

        Raises:
            KeyboardInterrupt: If it was requested before.
        """
        if self.name is not None:
            raise KeyboardInterrupt
        self.deadline = time.monotonic() + _PATIENCE
        self.name = name

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """While the block runs, SIGINT and SIGTERM request a stop.

        Only in the main thread, where Python has signals, and only where a handler is the system's or Python's own: a
        program that has handlers of its own, or ignores a signal, has a reason. The handlers are restored at the end.
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
