"""Stop requests to a running fit: Ctrl-C, a notebook's interrupt, SIGTERM, a closed terminal, the setting `stop`."""

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
_PATIENCE: Final = 1.5  # seconds for the last fits after a stop request; the whole stop then takes less than 3 s


class Stop:
    """Stop request: a signal sets it, and the fit polls it several times a second.

    A stop request interrupts no step midway, so that the fit stays consistent. A second request abandons the fit: it
    raises KeyboardInterrupt.

    Args:
        wanted: The caller's function; once it returns True, a stop is requested under the name "stop".

    Raises:
        InvalidInput: If `wanted` is not callable.

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
        """Return True if a stop was requested."""
        if self.name is None and self._wanted is not None and self._is_wanted(self._wanted):
            self._request("stop")
        return self.name is not None

    def _is_wanted(self, wanted: Callable[[], bool]) -> bool:
        """Return the result of the caller's function; a function that raises is logged and not called again."""
        try:
            return bool(wanted())
        except Exception as error:  # noqa: BLE001 - a stranger's code
            logger.warning("stop= failed (%s: %s) and is asked no more; the fit goes on.", type(error).__name__, error)
            self._wanted = None
            return False

    def ask(self, name: str) -> None:
        """Request a stop under the name of a signal.

        A repeated SIGHUP is ignored: a closed terminal sends SIGHUP, and its shell often sends it again.

        Raises:
            KeyboardInterrupt: If a stop was requested before.
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
        """Context manager: SIGINT, SIGTERM and SIGHUP request a stop while the block runs.

        Handlers are set in the main thread only, because Python handles signals there. A signal whose handler the
        program has changed, or that the program ignores, keeps its handler. The end of the block restores the handlers.
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
    """Redirect outputs with a closed terminal to the null device: otherwise the next write would end the fit."""
    for file in files:
        asked = select.poll()
        asked.register(file, 0)
        if any(event & select.POLLHUP for _, event in asked.poll(0)):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, file)
            os.close(nothing)
