"""Ctrl-C waits for the end of a transaction.

A Ctrl-C that strikes inside would leave the transaction open for as long as something refers to its connection, as the
exception's own traceback does. So the store would stay locked just while the caller cleans up, and give back no trial.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["held_back"]


@contextmanager
def held_back() -> Iterator[None]:
    """SIGINT's handler is called when the block ends, if the signal came within; at once from the second time on.

    Python calls handlers in the main thread only, so there is nothing to do in others, nor where the signal is ignored
    or its handler is not Python's.

    Example:
        >>> reached = []
        >>> try:
        ...     with held_back():
        ...         signal.raise_signal(signal.SIGINT)
        ...         reached.append("the end of the block")
        ... except KeyboardInterrupt:
        ...     reached.append("the handler")
        >>> reached
        ['the end of the block', 'the handler']
    """
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield
        return
    came: list[tuple[int, FrameType | None]] = []

    def keep(number: int, frame: FrameType | None) -> None:
        came.append((number, frame))
        if len(came) > 1:
            usual(number, frame)

    signal.signal(signal.SIGINT, keep)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if len(came) == 1:
            usual(*came.pop())
