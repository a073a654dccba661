"""A child process that answers one JSON line for each; used for evaluators and for frameworks. Only needs Python."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


FROM_OUTSIDE = {-signal.SIGHUP, -signal.SIGINT, -signal.SIGKILL, -signal.SIGTERM}


class ServiceError(RuntimeError):
    """The child answered with an error, or ended.

    Args:
        reason: What happened.
        stopped: Whether somebody else ended it (or the system, for want of memory): no fault of its own.
    """

    def __init__(self, reason: str, *, stopped: bool = False) -> None:
        super().__init__(reason)
        self.stopped = stopped


class Service:
    """A child process; `ask` sends a request and waits for its answer.

    Args:
        command: What to start. It runs in a process group of its own, with one thread for linear algebra.
        log: Where its standard error goes; discarded if left out.
    """

    def __init__(self, command: Sequence[str | Path], log: Path | None = None) -> None:
        self._log = subprocess.DEVNULL if log is None else log.open("ab")
        self._process = subprocess.Popen(
            [os.fspath(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **dict.fromkeys(THREADS, "1")},
            start_new_session=True,
        )

    @property
    def group(self) -> int:
        """The process group: the child and all that it started."""
        return self._process.pid

    def ask(self, request: dict[str, Any]) -> Any:
        """The answer. Raises ServiceError if the child says so or is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self._process.wait()
            raise ServiceError(f"the process ended with code {code}", stopped=code in FROM_OUTSIDE)
        answer = json.loads(line)
        if "error" in answer:
            raise ServiceError(answer["error"])
        return answer["answer"]

    def close(self) -> None:
        """End it: by closing its input, then by force."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        if self._log is not subprocess.DEVNULL:
            self._log.close()  # type: ignore[union-attr]
