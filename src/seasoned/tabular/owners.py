"""Which process owns a run folder: processes are known by host, PID and start time, and take folders one at a time."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import threading
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["OWNER", "at_work_in", "has_other_owner", "one_at_a_time", "take"]

OWNER: Final = "owner.json"
"""The file of a folder that says which process is at work in it."""

_TOLERANCE: Final = 5.0  # seconds by which start times of one process may differ: the system clock may be adjusted
_BEAT: Final = 30.0  # seconds between two heartbeats of the owner
_ELSEWHERE: Final = 150.0  # seconds after its last heartbeat for which a process of another machine counts as alive
_TAKING: Final = 5.0  # seconds after which a process taking a folder must have been killed: it takes milliseconds


def take(path: Path) -> None:
    """Record that this process is at work in the folder from now on."""
    (path / OWNER).write_text(json.dumps(_identity(os.getpid())))


@contextlib.contextmanager
def at_work_in(path: Path) -> Iterator[None]:
    """While the block runs, touch the owner's file every half a minute: other machines can see nothing else."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(_BEAT):
            with contextlib.suppress(OSError):  # the next heartbeat will do
                os.utime(path / OWNER)

    threading.Thread(target=beat, name="seasoned-owner", daemon=True).start()
    try:
        yield
    finally:
        over.set()


@contextlib.contextmanager
def one_at_a_time(root: Path) -> Iterator[None]:
    """A lock under which one process looks for a folder to take; the lock of a killed process is removed."""
    mark, token = root / ".taking", os.urandom(8).hex()
    while True:
        try:
            with open(mark, "x") as file:  # noqa: PTH123 - "x" fails where there is one
                file.write(token)
            break
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):  # released meanwhile, or removed by another process
                _remove_stale(mark, root / f".taking.{token}")
            time.sleep(0.01)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # it took too long, and another process has its own mark there
            if mark.read_text() == token:
                mark.unlink()


def _remove_stale(mark: Path, own: Path) -> None:
    """Remove the mark of a process that must have been killed.

    Ages are by the clock of the file system, which on a shared disk is not this machine's. Of several processes that
    find the same old mark only one renames it; a mark that was made just before that is put back.
    """
    try:
        own.touch()
        token = mark.read_text()
        if abs(own.stat().st_mtime - mark.stat().st_mtime) <= _TAKING:  # the future counts, too: clocks are set back
            return
        mark.replace(own)
        if (taken := own.read_text()) != token:
            with contextlib.suppress(FileExistsError), mark.open("x") as file:
                file.write(taken)
    finally:
        own.unlink(missing_ok=True)


def _identity(pid: int) -> dict[str, Any] | None:
    """Host, PID and start time of a process, which together are unique; None if it is not running."""
    import psutil

    try:
        return {"host": platform.node(), "pid": pid, "started": psutil.Process(pid).create_time()}
    except psutil.NoSuchProcess:
        return None


def _now(root: Path) -> float:
    """The time by the clock of the file system, which on a shared disk is not this machine's."""
    probe = root / f".now.{os.urandom(8).hex()}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:  # a folder that can only be read
        return time.time()
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)


def has_other_owner(path: Path) -> bool:
    """Whether a living process, this one included, is at work in the folder.

    All that is known of a process on another machine that shares the folder is that it touches its file
    (`at_work_in`), so it counts as living for two and a half minutes after it last did. Start times are compared with
    some tolerance, because the system clock may be adjusted meanwhile.
    """
    try:
        owner = json.loads((path / OWNER).read_text())
        pid, started, host = owner["pid"], owner["started"], owner.get("host", platform.node())
        if host != platform.node():
            return abs(_now(path.parent) - max(file.stat().st_mtime for file in path.iterdir())) < _ELSEWHERE
    except (OSError, ValueError, TypeError, KeyError):  # no folder, no owner, or one killed while it wrote this file
        return False
    found = _identity(pid)
    return found is not None and abs(found["started"] - started) < _TOLERANCE
