"""Worker process: runs one task after another for a driver, and never imports the driver's `__main__`.

Start: `python -m seasoned.execution.workers.worker <descriptor of its channel> <file for its stack>`.
Messages are pickled tuples:

    driver to worker                                     worker to driver
    ("rest",): drop the callables                        nothing
    ("setup", sys.path, working directory, PYTHONPATH)   ("ready",)
    ("run", task, file of the callable, arguments,       ("ended", task, ending, value, reason, exception, traceback,
            memory limit, whether it may ask)                      seconds, whether the worker should be replaced)
    ("answer", pickled)                                  ("asks", task, pickled): wait for an answer
                                                         ("stale", task): replace me, then run the task elsewhere

Callables and their caches stay alive between tasks. The worker ends when its channel is closed.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

from seasoned.execution._system.process_tree import KILL, LINUX, descendants, is_service, private, signal_all
from seasoned.execution.workers.inline import describe
from seasoned.execution.workers.shared_file import open_parcel, pack, thaw

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection as Channel
else:
    from multiprocessing.connection import Connection as Channel

if TYPE_CHECKING:
    from collections.abc import Callable

    from seasoned.execution.workers.shared_file import Parcel

__all__ = ["main"]

_CALLABLES = 16  # number of callables kept alive; the least recently used is dropped first
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
_OOM_SCORE = "800"  # out of 1000: the kernel kills a worker, not the driver, when memory runs out
_GRAIN = 0.05  # maximum delay of a file's time against the clock, in seconds: kernel tick and network disks
_BURIAL = 1.0  # seconds that killed processes may take to end

Reply = tuple[Any, ...]


class Worker:
    """Channel, cached callables and main loop of the worker."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.pid = os.getpid()
        self.born = time.time() - _GRAIN
        self.folder: str | None = None
        self.used = False
        self.callables: dict[str, Callable[..., Any]] = {}

    def serve(self) -> None:
        """Process messages until the driver closes the channel or ends."""
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
        """Drop everything but the imported modules."""
        self.callables.clear()
        _trim()

    def _run(self, task: int, path: str, arguments: str | Parcel, memory: int | None, asks: bool) -> Reply:
        begun = time.perf_counter()
        if path not in self.callables and self._stale():
            return ("stale", task)
        if self.folder is not None:
            with contextlib.suppress(OSError):  # the folder was deleted: only a task that needs the folder fails
                os.chdir(self.folder)  # the previous task may have changed the folder
        self.used = True
        line = _RpcClient(self.channel, task)
        try:
            function = self._callable(path)
            values = open_parcel(arguments) if isinstance(arguments, str) else thaw(arguments)
            result = function(*values, line.ask) if asks else function(*values)
            ending, value = "returned", _portable(result)
            reply: Reply = (ending, value, None, None, None)
            del values, result
        except BaseException as error:  # noqa: BLE001 - whatever leaves the task is its outcome, SystemExit too
            reply = failure(error)
        line.close()
        seconds = time.perf_counter() - begun
        _flush()
        if os.getpid() != self.pid:
            os._exit(0)  # the task forked and the child returned here as well: only the parent replies
        worn = reply[0] == "out_of_memory" or _leftovers() or _bloated(memory)
        return ("ended", task, *reply, seconds, worn)

    def _callable(self, path: str) -> Callable[..., Any]:
        function: Callable[..., Any] = self.callables.pop(path) if path in self.callables else open_parcel(path)
        self.callables[path] = function  # the last entry is the most recently used
        while len(self.callables) > _CALLABLES:
            del self.callables[next(iter(self.callables))]
        return function

    def _stale(self) -> bool:
        """Return True if an imported module was edited after the start of this worker.

        An unused worker is never stale.
        """
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
            except OSError:  # inside a zip file, or deleted
                continue
        return False


class _RpcClient:
    """Remote call from a task to its driver: the task sends a question and waits for the answer, one at a time.

    Args:
        channel: Connection to the driver, which sends nothing but answers while a task runs.
        task: The task's number.
    """

    def __init__(self, channel: Channel, task: int) -> None:
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


def _portable(result: Any) -> bytes:
    """Pickle the result with pickle, or with cloudpickle (slower) for objects of the driver's `__main__`.

    Raises:
        _UnpicklableError: The result cannot be pickled.
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


def failure(error: BaseException) -> Reply:
    """Return ending, value, reason, exception and traceback for an exception of a task."""
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
        except (AttributeError, OSError, ValueError):  # the task closed or replaced the stream
            continue


def _leftovers() -> bool:
    """Kill and reap the processes that the task left running; return True if any existed.

    The worker adopts the orphans of its tree, so one system call detects remaining children. A worker whose children
    were killed is replaced, because its references to them, such as a pool, are broken.
    """
    if not _reap():
        return False
    found = False
    deadline = time.monotonic() + _BURIAL
    while living := {pid for pid in descendants(os.getpid()) if not is_service(pid)}:
        found = True
        signal_all(living, KILL)
        if time.monotonic() > deadline:  # stuck in the kernel, or a process of another user
            break
        time.sleep(0.001)
        _reap()
    _reap()  # processes that ended between the last check and the last reaping
    return found


def _reap() -> bool:
    """Reap the ended children; return True if others remain, or if the system cannot report it."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    except ChildProcessError:
        return False
    except (AttributeError, OSError):  # systems without waitpid
        return True
    return True


def _bloated(memory: int | None) -> bool:
    """Return True if the memory left over from this task is too large for the next task's limit of `memory` bytes."""
    if memory is None or private(os.getpid()) <= memory // 4:
        return False
    _trim()
    return private(os.getpid()) > memory // 2


def _trim() -> None:
    """Return free memory to the system."""
    gc.collect()
    if LINUX:
        import ctypes

        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:  # glibc only
            trim(0)


def _prepare(channel: Channel, words: str) -> None:
    """Prepare this process: adopt orphans, prefer it for OOM kills, record its stack at death, protect its channel."""
    _record_last_words(words)
    if sys.platform != "win32":
        os.set_inheritable(channel.fileno(), False)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=channel.close)
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(line_buffering=True)  # keeps the prints of a killed task
    if not LINUX:
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        with open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - pathlib is slow to import
            file.write(_OOM_SCORE)
    except OSError:  # forbidden in a sandbox: the kernel then chooses by size
        return


def _record_last_words(path: str) -> None:
    """Write the stack to the file when C code crashes, or when the watchdog signals before a kill."""
    try:
        file = open(path, "w")  # noqa: PTH123, SIM115 - pathlib is slow to import; open as long as the process lives
    except OSError:  # a full disk: the place of death stays unknown
        return
    faulthandler.enable(file, all_threads=False)
    if hasattr(faulthandler, "register"):
        # chained to the default action, so that the task does not continue after the stack is written
        faulthandler.register(signal.SIGUSR1, file, all_threads=False, chain=True)


def main(descriptor: int, words: str) -> None:
    """Serve the driver at the other end of `descriptor`; the file `words` receives the stack after a crash."""
    channel = Channel(descriptor)
    _prepare(channel, words)
    Worker(channel).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
