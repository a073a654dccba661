"""Remote call from a task to its driver, worker's side: the task sends a question and waits for the answer."""

from __future__ import annotations

import pickle
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

__all__ = ["RpcClient"]


class RpcClient:
    """Questions of one task, at most one at a time.

    Args:
        channel: Connection to the driver, which sends nothing but answers while a task runs.
        task: The task's number.
    """

    def __init__(self, channel: Connection, task: int) -> None:
        self._channel = channel
        self._task = task
        self._lock = threading.Lock()
        self._open = True

    def ask(self, message: Any) -> Any:
        """Send a small plain message and return the answer.

        Raises:
            RuntimeError: The task has ended, or the driver has ended.
        """
        content = pickle.dumps(message, protocol=5)
        with self._lock:
            if not self._open:
                raise RuntimeError("the task that was given this function has ended: ask only while it runs")
            try:
                self._channel.send_bytes(pickle.dumps(("asks", self._task, content), protocol=5))
                _, answer = pickle.loads(self._channel.recv_bytes())  # noqa: S301 - from our own driver
            except (EOFError, OSError) as error:
                raise RuntimeError(
                    "nobody answers: the driver is gone, or this is a process forked by the task"
                ) from error
            return pickle.loads(answer)  # noqa: S301 - from our own driver

    def close(self) -> None:
        """Refuse further questions."""
        with self._lock:
            self._open = False
