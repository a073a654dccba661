"""Session: tag, private folder and watchdog process, shared by all workers of this driver process."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from seasoned.errors import StorageError
from seasoned.execution._system.process_tree import TAG
from seasoned.execution.workers.process_handle import Kind, environment_of, interpreter, kind_of

if TYPE_CHECKING:
    from seasoned.execution.base import Limits

__all__ = ["Session"]

_OWN_FRAMES = (f"{os.sep}workers{os.sep}worker.py", "<frozen runpy>")
_PATIENCE = 5.0  # seconds that the watchdog may take to clean up


class Session:
    """Watchdog process and the data that it shares with the driver; ends with the last worker and executor.

    Attributes:
        tag: Prefix of each worker's tag; nested in this process's tag, if this process is a worker.
        folder: Private folder of this user; the watchdog removes it, even after a kill of this process.
        generation: Number of replaced watchdogs. After a change the running tasks must be watched again.
    """

    def __init__(self) -> None:
        outer = os.environ.get(TAG)
        token = secrets.token_hex(8)
        self.tag = f"{outer}/{token}" if outer else token
        try:
            self.folder = tempfile.mkdtemp(prefix="seasoned-")
        except OSError as error:
            raise StorageError(
                f"no temporary folder can be made ({error}): free space, or set TMPDIR to a folder that can be written"
            ) from error
        self.generation = 0
        self._numbers = itertools.count()
        self._guard = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        kind: Kind = kind_of(1)
        return subprocess.Popen(
            [*interpreter("seasoned.execution.workers.watchdog"), self.tag, self.folder, str(os.getpid())],
            env=environment_of(kind),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            bufsize=0,  # a command is one write, so threads need no lock
            start_new_session=True,  # Ctrl-C interrupts the driver only
        )

    def new_number(self) -> int:
        """Return a number for a worker or a file, unique in this session."""
        return next(self._numbers)

    def new_path(self) -> str:
        """Return an unused path in the folder."""
        return str(Path(self.folder) / f"{self.new_number()}.parcel")

    def watch(self, worker: int, pid: int, task: int, limits: Limits) -> None:
        """Order the watchdog to enforce `limits` for a task that starts now; every `watch` needs a `done`."""
        seconds = "-" if limits.seconds is None else repr(float(limits.seconds))
        memory = "-" if limits.memory is None else str(int(limits.memory))
        self._say(f"watch {worker} {pid} {task} {seconds} {memory}\n")

    def done(self, worker: int) -> None:
        """Report the end of the task to the watchdog, which drops its limits."""
        self._say(f"done {worker}\n")

    def ensure_guard(self) -> None:
        """Replace a dead watchdog (only a kill ends it early)."""
        if self._guard.poll() is not None:
            self._close_input()
            self._guard = self._start()
            self.generation += 1

    def verdict(self, worker: int) -> tuple[int, str, float] | None:
        """Return task, limit (`time` or `memory`) and amount of the watchdog's kill of this worker.

        None without a kill.
        """
        try:
            task, what, amount = self._file("verdict", worker).read_text().split()
        except (OSError, ValueError):  # no verdict, or a full disk cut it short
            return None
        return int(task), what, float(amount)

    def words_path(self, worker: int) -> str:
        """Return the path of the worker's stack file."""
        return str(self._file("words", worker))

    def last_words(self, worker: int) -> str | None:
        """Return the worker's stack at a crash or at its time limit, without frames of this package.

        None if unknown.
        """
        try:
            lines = self._file("words", worker).read_text(errors="replace").splitlines()
        except OSError:
            return None
        return "\n".join(line for line in lines if not any(own in line for own in _OWN_FRAMES)).strip() or None

    def tidy(self, worker: int) -> None:
        """Remove the files of an ended worker from the folder."""
        for name in ("verdict", "words"):
            with contextlib.suppress(OSError):
                self._file(name, worker).unlink()

    def _file(self, name: str, worker: int) -> Path:
        return Path(self.folder) / f"{name}-{worker}"

    def end(self) -> None:
        """End the watchdog, which kills the remaining workers and removes the folder."""
        self._close_input()
        try:
            self._guard.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        shutil.rmtree(self.folder, ignore_errors=True)  # needed only after a kill of the watchdog

    def disown(self) -> None:
        """Drop the parent's watchdog in a forked child, without touching it."""
        self._close_input()
        self._guard.returncode = 0  # the process belongs to the parent: no wait and no warning here

    def _say(self, line: str) -> None:
        assert self._guard.stdin is not None
        with contextlib.suppress(OSError):  # the watchdog died; `ensure_guard` replaces it before the next task
            self._guard.stdin.write(line.encode())

    def _close_input(self) -> None:
        assert self._guard.stdin is not None
        with contextlib.suppress(OSError):
            self._guard.stdin.close()
