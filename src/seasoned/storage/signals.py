"""Delay of Ctrl-C until the end of a transaction.

A Ctrl-C inside a transaction would leave it open as long as its connection is referenced, and the exception's traceback
references it. So the store would stay locked while the caller cleans up, and no trial could be released.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["delay_interrupt"]


@contextmanager
def delay_interrupt() -> Iterator[None]:
    """Delay the first SIGINT until the end of the block; from the second signal, call its handler at once.

    Python calls handlers only in the main thread, so the block has no effect in other threads. It also has no effect if
    the signal is ignored or its handler is not a Python function.

    Example:
        >>> reached = []
        >>> try:
        ...     with delay_interrupt():
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
