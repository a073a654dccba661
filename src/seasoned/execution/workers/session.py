"""What all workers of this driver process share: a tag, a private folder, and the guard."""

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
_PATIENCE = 5.0  # seconds that the guard may take to clear up


class Session:
    """The guard process and what it shares with the driver; ends when no worker and no executor is left.

    Attributes:
        tag: Prefix of each worker's tag; itself below this process's tag, if this process is a worker.
        folder: Private to this user; the guard removes it, even if this process is killed.
        generation: Grows when a guard that died was replaced: running tasks must be watched anew.
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
            start_new_session=True,  # Ctrl-C is the driver's
        )

    def new_number(self) -> int:
        """A number for a worker or a file, unique in this session."""
        return next(self._numbers)

    def new_path(self) -> str:
        """A path in the folder that nothing has yet."""
        return str(Path(self.folder) / f"{self.new_number()}.parcel")

    def watch(self, worker: int, pid: int, task: int, limits: Limits) -> None:
        """Have the guard enforce `limits` for the task that starts now; every `watch` needs its `done`."""
        seconds = "-" if limits.seconds is None else repr(float(limits.seconds))
        memory = "-" if limits.memory is None else str(int(limits.memory))
        self._say(f"watch {worker} {pid} {task} {seconds} {memory}\n")

    def done(self, worker: int) -> None:
        """Tell the guard that the task has ended, and its limits with it."""
        self._say(f"done {worker}\n")

    def ensure_guard(self) -> None:
        """Replace a guard that died (nothing but a kill ends it early)."""
        if self._guard.poll() is not None:
            self._close_input()
            self._guard = self._start()
            self.generation += 1

    def verdict(self, worker: int) -> tuple[int, str, float] | None:
        """The task, limit (`time` or `memory`) and amount for which the guard killed this worker; None if not."""
        try:
            task, what, amount = self._file("verdict", worker).read_text().split()
        except (OSError, ValueError):  # no verdict, or a full disk cut it short
            return None
        return int(task), what, float(amount)

    def words_path(self, worker: int) -> str:
        """Where the worker writes its last words."""
        return str(self._file("words", worker))

    def last_words(self, worker: int) -> str | None:
        """The worker's stack when it crashed or hit its time limit, without our own frames; None if unknown."""
        try:
            lines = self._file("words", worker).read_text(errors="replace").splitlines()
        except OSError:
            return None
        return "\n".join(line for line in lines if not any(own in line for own in _OWN_FRAMES)).strip() or None

    def tidy(self, worker: int) -> None:
        """Remove what a worker that has ended left in the folder."""
        for name in ("verdict", "words"):
            with contextlib.suppress(OSError):
                self._file(name, worker).unlink()

    def _file(self, name: str, worker: int) -> Path:
        return Path(self.folder) / f"{name}-{worker}"

    def end(self) -> None:
        """End the guard, and with it all that is left of the workers and the folder."""
        self._close_input()
        try:
            self._guard.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        shutil.rmtree(self.folder, ignore_errors=True)  # the guard's work, unless it was killed

    def disown(self) -> None:
        """In a fork()ed child: forget the parent's guard without touching it."""
        self._close_input()
        self._guard.returncode = 0  # it is not ours to wait for, nor to warn about

    def _say(self, line: str) -> None:
        assert self._guard.stdin is not None
        with contextlib.suppress(OSError):  # it died: `ensure_guard` comes before the next task
            self._guard.stdin.write(line.encode())

    def _close_input(self) -> None:
        assert self._guard.stdin is not None
        with contextlib.suppress(OSError):
            self._guard.stdin.close()
