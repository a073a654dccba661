"""The driver's end of one worker: start it, talk to it, end it."""

from __future__ import annotations

import contextlib
import os
import pickle
import site
import subprocess
import sys
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seasoned.execution._system.process_tree import TAG, await_death, kill_tagged, kill_tree
from seasoned.execution._system.resources import CPUS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.connection import Connection

__all__ = ["Handle", "Kind", "environment_of", "interpreter"]

_ROOT = str(Path(__file__).resolve().parents[3])  # the folder that holds the package
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
    "NPROC",  # XLA's
)
_BURIAL = 10.0  # seconds that a killed process may take to be gone
_PATIENCE = 1.0  # seconds that an idle worker may take to end by itself

# What must be equal for a worker to be reused: threads, environment, where its output goes
Kind = tuple[int, frozenset[tuple[str, str]], tuple[tuple[int, int], ...]]


def kind_of(threads: int) -> Kind:
    """The kind of worker that would be started now."""
    outputs = []
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):  # closed, as in a daemon
            status = os.fstat(descriptor)
            outputs.append((status.st_dev, status.st_ino))
    return threads, frozenset(os.environ.items()), tuple(outputs)


def interpreter(module: str) -> list[str]:
    """The command that runs a module of this package; -P keeps the working folder out of its imports."""
    return [sys.executable, "-P", "-m", module]


def environment_of(kind: Kind) -> dict[str, str]:
    """The driver's environment, with the package importable."""
    environment = dict(kind[1])
    if _ROOT not in (*site.getsitepackages(), site.getusersitepackages()):
        rest = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = _ROOT + os.pathsep + rest if rest else _ROOT
    return environment


def threads_of(environment: Mapping[str, str], threads: int) -> dict[str, str]:
    """The threads of each numerical library in a worker: its share, or fewer where the user has set fewer.

    Args:
        environment: The driver's; OMP_NUM_THREADS limits all libraries, other names their own.
        threads: The worker's share of the cores.
    """

    def own(name: str) -> int:
        value = environment.get(name, "").strip()
        return int(value) if value.isdigit() and int(value) else threads

    most = min(threads, own(_THREADS[0]))
    return {name: str(min(most, own(name))) for name in _THREADS}


class Handle:
    """A worker process, its channel and its tag.

    Attributes:
        number: Unique within the driver; the last part of the tag.
        kind: What it may be reused for.
        channel: Where messages go and come from.
        proven: Whether it was ever ready; if it ends before that, its start has failed.
        leftover: Messages that it wrote before it ended and nobody had read.
        sentinel: A descriptor that is ready when the process has ended, or None where the system has none.
    """

    def __init__(self, number: int, tag: str, kind: Kind, words: str) -> None:
        self.number = number
        self.kind = kind
        self.tag = f"{tag}/{number}"
        environment = environment_of(kind) | {TAG: self.tag, CPUS: str(kind[0])}
        environment |= threads_of(environment, kind[0])
        self.leftover: list[tuple[Any, ...]] = []
        self.proven = False
        self.channel, theirs = Pipe()
        with theirs:
            self.process = _start(theirs, words, environment)
        self.sentinel: int | None = None
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # an old kernel or a sandbox: the end of the channel must do instead
                self.sentinel = os.pidfd_open(self.process.pid)

    def setup(self) -> None:
        """Tell the worker where modules and files are; it answers ("ready",)."""
        try:
            folder = os.getcwd()  # noqa: PTH109 - may fail, and then there is no path
        except OSError:
            folder = None
        self.send("setup", sys.path, folder, dict(self.kind[1]).get("PYTHONPATH"))

    def send(self, *message: Any) -> bool:
        """Send a message; false if the worker is gone."""
        try:
            self.channel.send_bytes(pickle.dumps(message, protocol=5))
        except OSError:
            return False
        return True

    def receive(self) -> tuple[Any, ...] | None:
        """The message that waits, or None at the channel's end."""
        try:
            return tuple(pickle.loads(self.channel.recv_bytes()))  # noqa: S301 - from our own worker
        except (EOFError, OSError):
            return None

    def drain(self) -> list[tuple[Any, ...]]:
        """All messages that a worker wrote before it ended and nobody has read."""
        messages = []
        with contextlib.suppress(OSError):
            while self.channel.poll(0):
                message = self.receive()
                if message is None:
                    break
                messages.append(message)
        return messages

    def kill(self) -> None:
        """Kill the process and all that it started, and reap it."""
        alive = self.process.poll() is None
        doomed = kill_tree(self.process.pid, self.tag) if alive else kill_tagged(self.tag)
        with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in the kernel: its end cannot be waited for
            self.process.wait(_BURIAL)
        await_death(doomed, _PATIENCE)

    def dismiss(self) -> None:
        """Ask an idle worker to end by itself: it runs its exit handlers; `finish` must follow."""
        self.channel.close()

    def finish(self) -> None:
        """Reap a worker that was dismissed or has ended, kill what is left, and free the descriptors."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_PATIENCE)
        self.kill()
        self.leftover = self.drain()
        self.release()

    def release(self) -> None:
        """Close the descriptors; in a fork()ed child, all that may be done to the parent's worker."""
        self.channel.close()
        if self.sentinel is not None:
            os.close(self.sentinel)
            self.sentinel = None

    def disown(self) -> None:
        """In a fork()ed child: forget the parent's worker without touching it."""
        self.release()
        self.process.returncode = 0  # it is not ours to wait for, nor to warn about


def _start(channel: Connection, words: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = interpreter("seasoned.execution.workers.worker")
    if sys.platform == "win32":
        number = channel.fileno()
        os.set_handle_inheritable(number, True)
        startup = subprocess.STARTUPINFO(lpAttributeList={"handle_list": [number]})
        return subprocess.Popen(
            [*command, str(number), words],
            env=environment,
            stdin=subprocess.DEVNULL,
            startupinfo=startup,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
        )
    return subprocess.Popen(
        [*command, str(channel.fileno()), words],
        env=environment,
        stdin=subprocess.DEVNULL,
        pass_fds=(channel.fileno(),),
        start_new_session=True,  # Ctrl-C is the driver's
    )
