"""The worker: a process that runs one task after another for a driver, and never sees the driver's `__main__`.

Started as `python -m seasoned.execution.workers.worker <descriptor of its channel> <file for its last words>`.
Messages are pickled tuples:

    driver to worker                                     worker to driver
    ("rest",): let go of callables                       nothing
    ("setup", sys.path, working directory, PYTHONPATH)   ("ready",)
    ("run", task, file of the callable, arguments,       ("ended", task, ending, value, reason, exception, traceback,
            memory limit, whether it may ask)                      seconds, whether the worker should be replaced)
    ("answer", pickled)                                  ("asks", task, pickled): wait for an answer
                                                         ("stale", task): replace me, then run the task elsewhere

The callable stays alive between tasks, so what it caches stays warm. The worker ends when its channel does.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import pickle
import signal
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any

from seasoned.execution._system.process_tree import KILL, LINUX, descendants, is_service, private, signal_all
from seasoned.execution.workers.inline import describe
from seasoned.execution.workers.rpc import Line
from seasoned.execution.workers.shared_file import open_parcel, pack, thaw

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection as Channel
else:
    from multiprocessing.connection import Connection as Channel

if TYPE_CHECKING:
    from collections.abc import Callable

    from seasoned.execution.workers.shared_file import Parcel

__all__ = ["main"]

_CALLABLES = 16  # kept alive; the least recently used goes first
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
_OOM_SCORE = "800"  # of 1000: when memory runs out, the kernel kills a worker, never the driver
_GRAIN = 0.05  # seconds by which a file's time may lie behind the clock: the kernel's tick, and what network disks add
_BURIAL = 1.0  # seconds that killed processes may take to end

Reply = tuple[Any, ...]


class Worker:
    """The worker's channel, the callables it keeps, and its loop."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.pid = os.getpid()
        self.born = time.time() - _GRAIN
        self.folder: str | None = None
        self.used = False
        self.callables: dict[str, Callable[..., Any]] = {}

    def serve(self) -> None:
        """Answer messages until the driver closes the channel or is gone."""
        while True:
            try:
                kind, *content = pickle.loads(self.channel.recv_bytes())  # noqa: S301 - from our own driver
            except (EOFError, OSError):
                return
            if kind == "rest":
                self._rest()
                continue
            reply = self._setup(*content) if kind == "setup" else self._run(*content)
            try:
                self.channel.send_bytes(pickle.dumps(reply, protocol=5))
            except OSError:
                return

    def _setup(self, path: list[str], folder: str | None, pythonpath: str | None) -> Reply:
        sys.path[:] = path
        self.folder = folder
        if pythonpath is None:
            os.environ.pop("PYTHONPATH", None)
        else:
            os.environ["PYTHONPATH"] = pythonpath
        return ("ready",)

    def _rest(self) -> None:
        """Let go of everything but the imported modules."""
        self.callables.clear()
        _trim()

    def _run(self, task: int, path: str, arguments: str | Parcel, memory: int | None, asks: bool) -> Reply:
        begun = time.perf_counter()
        if path not in self.callables and self._stale():
            return ("stale", task)
        if self.folder is not None:
            with contextlib.suppress(OSError):  # deleted meanwhile: only a task that needs it fails
                os.chdir(self.folder)  # the last task may have left it
        self.used = True
        line = Line(self.channel, task)
        try:
            function = self._callable(path)
            values = open_parcel(arguments) if isinstance(arguments, str) else thaw(arguments)
            result = function(*values, line.ask) if asks else function(*values)
            ending, value = "returned", _portable(result)
            reply: Reply = (ending, value, None, None, None)
            del values, result
        except BaseException as error:  # noqa: BLE001 - whatever leaves the task is its outcome, SystemExit too
            reply = _failure(error)
        line.close()
        seconds = time.perf_counter() - begun
        _flush()
        if os.getpid() != self.pid:
            os._exit(0)  # the task forked and its child came back here too: only the parent answers
        worn = reply[0] == "out_of_memory" or _leftovers() or _bloated(memory)
        return ("ended", task, *reply, seconds, worn)

    def _callable(self, path: str) -> Callable[..., Any]:
        function: Callable[..., Any] = self.callables.pop(path) if path in self.callables else open_parcel(path)
        self.callables[path] = function  # the last entry is the most recently used
        while len(self.callables) > _CALLABLES:
            del self.callables[next(iter(self.callables))]
        return function

    def _stale(self) -> bool:
        """Whether a module that this worker holds was edited since it started (a fresh worker holds none)."""
        if not self.used:
            return False
        installed = (sys.prefix + os.sep, sys.base_prefix + os.sep)
        for module in tuple(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if not isinstance(file, str) or file.startswith(installed):
                continue
            try:
                if os.stat(file).st_mtime > self.born:  # noqa: PTH116 - pathlib is slow to import
                    return True
            except OSError:  # inside a zip, or deleted
                continue
        return False


def _portable(result: Any) -> bytes:
    """The result pickled; a class or function of the driver's `__main__` needs cloudpickle, the rest is faster without.

    Raises:
        _UnpicklableError: It cannot be pickled.
    """
    try:
        return pickle.dumps(result, protocol=5)
    except Exception:  # noqa: BLE001 - pickling runs code of the result's classes, which may raise anything
        try:
            return pack(result)
        except Exception as error:
            raise _UnpicklableError(f"{type(error).__name__}: {error}") from error


class _UnpicklableError(Exception):
    """The task returned something that cannot be pickled."""


def _failure(error: BaseException) -> Reply:
    """Ending, value, reason, exception and traceback for what left a task."""
    if isinstance(error, _UnpicklableError):
        cause = f"the task returned a value that cannot be sent back ({error}): return plain data instead"
        return ("raised", None, cause, None, None)
    frames = error.__traceback__ and error.__traceback__.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    reason = describe(error)
    if isinstance(error, MemoryError):
        return ("out_of_memory", None, f"the task ran out of memory ({reason})", None, text)
    if isinstance(error, SystemExit):
        reason = f"the task called sys.exit({error.code!r})"
    try:
        exception = pack(error)
    except Exception:  # noqa: BLE001 - pickling an exception may raise anything; its text travels all the same
        exception = None
    return ("raised", None, reason, exception, text)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):  # the task closed or replaced it: its own affair
            continue


def _leftovers() -> bool:
    """Kill what the task left running, reap it, and tell whether there was any.

    The worker adopts the orphans of its tree, so one system call tells whether there is anything to look for. A worker
    that lost children this way is replaced: what it remembers of them, such as a pool, is broken.
    """
    if not _reap():
        return False
    found = False
    deadline = time.monotonic() + _BURIAL
    while living := {pid for pid in descendants(os.getpid()) if not is_service(pid)}:
        found = True
        signal_all(living, KILL)
        if time.monotonic() > deadline:  # stuck in the kernel, or another user's
            break
        time.sleep(0.001)
        _reap()
    _reap()  # those that ended between the last look and the last reaping
    return found


def _reap() -> bool:
    """Reap the children that have ended; tell whether others are left, as far as the system tells."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return False
    except (AttributeError, OSError):  # no such call on this system
        return True
    return True


def _bloated(memory: int | None) -> bool:
    """Whether what this task left behind would count too much against the next one's limit of `memory` bytes."""
    if memory is None or private(os.getpid()) <= memory // 4:
        return False
    _trim()
    return private(os.getpid()) > memory // 2


def _trim() -> None:
    """Give memory that is free back to the system."""
    gc.collect()
    if LINUX:
        import ctypes

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:  # glibc only
            trim(0)


def _prepare(channel: Channel, words: str) -> None:
    """Prepare this process: adopt orphans, be killed first, say where it died, keep its channel to itself."""
    _record_last_words(words)
    if sys.platform != "win32":
        os.set_inheritable(channel.fileno(), False)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=channel.close)
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(line_buffering=True)  # a killed task's prints are not lost
    if not LINUX:
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - pathlib is slow to import
            file.write(_OOM_SCORE)
    except OSError:  # a sandbox forbids it: the kernel then chooses by size
        return


def _record_last_words(path: str) -> None:
    """Have the stack written to the file when C code crashes, or when the guard signals before it kills."""
    try:
        file = open(path, "w")  # noqa: PTH123, SIM115 - pathlib is slow to import; open as long as the process lives
    except OSError:  # a full disk: where it died stays unknown
        return
    faulthandler.enable(file, all_threads=False)
    if hasattr(faulthandler, "register"):
        # chained to the default action, so that the task does not go on after its last words
        faulthandler.register(signal.SIGUSR1, file, all_threads=False, chain=True)


def main(descriptor: int, words: str) -> None:
    """Serve the driver at the other end of `descriptor`; the file `words` gets the stack if the process crashes."""
    channel = Channel(descriptor)
    _prepare(channel, words)
    Worker(channel).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
