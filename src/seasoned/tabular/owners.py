"""Whose a run folder is: processes are known by machine, number and start time, and take folders one at a time."""

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
"""The file of a folder that says who is at work in it."""

_TOLERANCE: Final = 5.0  # seconds by which start times of one process may differ: the system's clock is set at times
_BEAT: Final = 30.0  # seconds between two words of who is at work
_ELSEWHERE: Final = 600.0  # seconds after its last word for which a process of another machine is taken to live
_TAKING: Final = 5.0  # seconds after which who was taking a folder has been killed; it takes milliseconds


def take(path: Path) -> None:
    """This process is at work in the folder from now on."""
    (path / OWNER).write_text(json.dumps(_identity(os.getpid())))


@contextlib.contextmanager
def at_work_in(path: Path) -> Iterator[None]:
    """While the block runs, its file says every half a minute that its owner lives: other machines see nothing else."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(_BEAT):
            with contextlib.suppress(OSError):  # the next one will do
                os.utime(path / OWNER)

    threading.Thread(target=beat, name="seasoned-owner", daemon=True).start()
    try:
        yield
    finally:
        over.set()


@contextlib.contextmanager
def one_at_a_time(root: Path) -> Iterator[None]:
    """Only one process looks for a folder to take; what one that was killed meanwhile has left is passed over."""
    mark, token = root / ".taking", os.urandom(8).hex()
    while True:
        try:
            with open(mark, "x") as file:  # noqa: PTH123 - "x" fails where there is one
                file.write(token)
            break
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):  # gone since
                if abs(time.time() - mark.stat().st_mtime) > _TAKING:  # also ahead, where a clock was set back
                    mark.unlink()
            time.sleep(0.01)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # it took too long, and another process has its own mark there
            if mark.read_text() == token:
                mark.unlink()


def _identity(pid: int) -> dict[str, Any] | None:
    """Machine, number and start time of a process, which together never come twice; None if it does not live."""
    import psutil

    try:
        return {"host": platform.node(), "pid": pid, "started": psutil.Process(pid).create_time()}
    except psutil.NoSuchProcess:
        return None


def has_other_owner(path: Path) -> bool:
    """Whether a living process, this one included, is at work in the folder.

    Of a process on another machine that shares the folder nothing is known but that it touches its file
    (`at_work_in`), so it counts as living for ten minutes after it last did. Start times are compared with some
    tolerance, for the system's clock may be set meanwhile.
    """
    try:
        owner = json.loads((path / OWNER).read_text())
        pid, started, host = owner["pid"], owner["started"], owner.get("host", platform.node())
        if host != platform.node():
            return time.time() - max(file.stat().st_mtime for file in path.iterdir()) < _ELSEWHERE
    except (OSError, ValueError, TypeError, KeyError):  # no folder, no owner, or one killed while it wrote its name
        return False
    found = _identity(pid)
    return found is not None and abs(found["started"] - started) < _TOLERANCE
