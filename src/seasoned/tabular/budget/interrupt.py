"""Requests that a running fit ends: Ctrl-C, a notebook's interrupt, SIGTERM, a closed terminal, the caller's word."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import select
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Stop", "leave_closed_terminal"]

logger = logging.getLogger("seasoned.tabular")

_HANGUP: Final = "SIGHUP"
_PATIENCE: Final = 1.5  # seconds for the last fits; with all that surrounds them, stopping takes less than 3


class Stop:
    """Whether a stop was requested; a signal sets it, and code at work looks at it several times a second.

    Nothing is interrupted midway, so a signal at any moment leaves a fit whole. A second request gives up the fit: it
    raises KeyboardInterrupt.

    Args:
        wanted: The caller's own word: once it returns True, a stop is requested in the name "stop".

    Raises:
        InvalidInput: If that cannot be called.

    Example:
        >>> stop = Stop()
        >>> stop.ask("SIGTERM")
        >>> stop(), stop.name, stop.deadline < time.monotonic() + 3
        (True, 'SIGTERM', True)
    """

    def __init__(self, wanted: Callable[[], bool] | None = None) -> None:
        if wanted is not None and not callable(wanted):
            raise InvalidInput(f"stop is {wanted!r}; give a function without arguments that returns True to stop.")
        self._wanted = wanted
        self.name: str | None = None
        self.deadline = math.inf

    def __call__(self) -> bool:
        """Whether a stop was requested."""
        if self.name is None and self._wanted is not None and self._is_wanted(self._wanted):
            self._request("stop")
        return self.name is not None

    def _is_wanted(self, wanted: Callable[[], bool]) -> bool:
        """The caller's word; whoever fails to give it is asked no more, because a fit must not be lost for that."""
        try:
            return bool(wanted())
        except Exception as error:  # noqa: BLE001 - a stranger's code
            logger.warning("stop= failed (%s: %s) and is asked no more; the fit goes on.", type(error).__name__, error)
            self._wanted = None
            return False

    def ask(self, name: str) -> None:
        """Request a stop, in the name of a signal.

        A closed terminal sends SIGHUP, and its shell often once more: a repeated one means nothing.

        Raises:
            KeyboardInterrupt: If it was requested before.
        """
        if self.name is not None:
            if name == _HANGUP:
                return
            raise KeyboardInterrupt
        self._request(name)

    def _request(self, name: str) -> None:
        self.deadline = time.monotonic() + _PATIENCE
        self.name = name

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """While the block runs, SIGINT, SIGTERM and SIGHUP request a stop.

        Only in the main thread, where Python has signals, and only where a handler is the system's or Python's own: a
        program that has handlers of its own, or ignores a signal, has a reason. The handlers are restored at the end.
        """
        before: dict[signal.Signals, Any] = {}
        try:
            if threading.current_thread() is threading.main_thread():
                usual: dict[signal.Signals, Any] = {signal.SIGINT: signal.default_int_handler}
                usual |= dict.fromkeys([signal.SIGTERM, getattr(signal, _HANGUP, signal.SIGTERM)], signal.SIG_DFL)
                for number, handler in usual.items():
                    if signal.getsignal(number) is handler:
                        before[number] = signal.signal(number, self._handle)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, _: object) -> None:
        name = signal.Signals(number).name
        if name == _HANGUP:
            leave_closed_terminal()
        self.ask(name)


def leave_closed_terminal(files: Iterable[int] = (1, 2)) -> None:
    """Connect outputs whose terminal is closed to nothing: else the next line written there would end the fit."""
    for file in files:
        asked = select.poll()
        asked.register(file, 0)
        if any(event & select.POLLHUP for _, event in asked.poll(0)):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, file)
            os.close(nothing)
