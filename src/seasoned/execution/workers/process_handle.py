"""Handle of one worker process in the driver: start, messages, end."""

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

_ROOT = str(Path(__file__).resolve().parents[3])  # folder that contains the package
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
_BURIAL = 10.0  # seconds that a killed process may take to end
_PATIENCE = 1.0  # seconds that an idle worker may take to end by itself

# Reuse key of a worker: number of threads, environment, and the files of stdout and stderr (device, inode)
Kind = tuple[int, frozenset[tuple[str, str]], tuple[tuple[int, int], ...]]


def kind_of(threads: int) -> Kind:
    """Return the reuse key of a worker that is started now."""
    outputs = []
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):  # a closed descriptor, for example in a daemon
            status = os.fstat(descriptor)
            outputs.append((status.st_dev, status.st_ino))
    return threads, frozenset(os.environ.items()), tuple(outputs)


def interpreter(module: str) -> list[str]:
    """Return the command that runs a module of this package; -P excludes the working folder from its imports."""
    return [sys.executable, "-P", "-m", module]


def environment_of(kind: Kind) -> dict[str, str]:
    """Return the driver's environment, extended so that the package can be imported."""
    environment = dict(kind[1])
    if _ROOT not in (*site.getsitepackages(), site.getusersitepackages()):
        rest = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = _ROOT + os.pathsep + rest if rest else _ROOT
    return environment


def threads_of(environment: Mapping[str, str], threads: int) -> dict[str, str]:
    """Return the thread limits of each numerical library in a worker: its share, or fewer if the user set fewer.

    Args:
        environment: Environment of the driver. OMP_NUM_THREADS limits all libraries, each other name its own library.
        threads: The worker's share of the cores.
    """

    def own(name: str) -> int:
        value = environment.get(name, "").strip()
        return int(value) if value.isdigit() and int(value) else threads

    most = min(threads, own(_THREADS[0]))
    return {name: str(min(most, own(name))) for name in _THREADS}


class Handle:
    """Worker process with its channel and its tag.

    Attributes:
        number: Number of the worker, unique within the driver; the last part of the tag.
        kind: Reuse key of the worker.
        channel: Connection to the worker, in both directions.
        proven: True after the worker was ready once. If the worker ends before that, its start has failed.
        leftover: Messages that the worker wrote before its end and the driver had not read.
        sentinel: Descriptor that becomes readable at the end of the process; None on systems without one.
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
            with contextlib.suppress(OSError):  # an old kernel or a sandbox: the closed channel signals the end instead
                self.sentinel = os.pidfd_open(self.process.pid)

    def setup(self) -> None:
        """Send the module path and the working folder to the worker; the worker replies ("ready",)."""
        try:
            folder = os.getcwd()  # noqa: PTH109 - may fail, and then there is no path
        except OSError:
            folder = None
        self.send("setup", sys.path, folder, dict(self.kind[1]).get("PYTHONPATH"))

    def send(self, *message: Any) -> bool:
        """Send a message; return False if the worker has ended."""
        try:
            self.channel.send_bytes(pickle.dumps(message, protocol=5))
        except OSError:
            return False
        return True

    def receive(self) -> tuple[Any, ...] | None:
        """Return the next message, or None at the end of the channel."""
        try:
            return tuple(pickle.loads(self.channel.recv_bytes()))  # noqa: S301 - from our own worker
        except (EOFError, OSError):
            return None

    def drain(self) -> list[tuple[Any, ...]]:
        """Return all unread messages that a worker wrote before its end."""
        messages = []
        with contextlib.suppress(OSError):
            while self.channel.poll(0):
                message = self.receive()
                if message is None:
                    break
                messages.append(message)
        return messages

    def kill(self) -> None:
        """Kill the process and its whole tree, and reap it."""
        alive = self.process.poll() is None
        doomed = kill_tree(self.process.pid, self.tag) if alive else kill_tagged(self.tag)
        with contextlib.suppress(subprocess.TimeoutExpired):  # stuck in the kernel: waiting for the end is impossible
            self.process.wait(_BURIAL)
        await_death(doomed, _PATIENCE)

    def dismiss(self) -> None:
        """Request the end of an idle worker, which then runs its exit handlers; `finish` must follow."""
        self.channel.close()

    def finish(self) -> None:
        """Reap a worker that was dismissed or has ended, kill the rest of its tree, and free the descriptors."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_PATIENCE)
        self.kill()
        self.leftover = self.drain()
        self.release()

    def release(self) -> None:
        """Close the descriptors; in a forked child the only permitted action on the parent's worker."""
        self.channel.close()
        if self.sentinel is not None:
            os.close(self.sentinel)
            self.sentinel = None

    def disown(self) -> None:
        """Drop the parent's worker in a forked child, without touching the worker."""
        self.release()
        self.process.returncode = 0  # the process belongs to the parent: no wait and no warning here


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
        start_new_session=True,  # Ctrl-C interrupts the driver only
    )
