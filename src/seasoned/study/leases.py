"""Leases of drivers on their trials, with heartbeats.

A living driver advances its heartbeat in the store. Another driver presumes it dead if the heartbeat has not advanced
for `LEASE` seconds of the other driver's monotonic clock. If the driver ran on this machine and its process has ended,
it is dead at once. No wall clock is read, so clock jumps and suspended machines end no lease.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seasoned.storage.base import EventLog

__all__ = ["LEASE", "Lease", "Verdicts", "new_driver"]

LEASE: Final = 30.0
"""Seconds without a heartbeat after which a driver counts as dead."""

_log = logging.getLogger("seasoned.leases")


def new_driver(kind: str) -> str:
    """Return a unique name of a driver, with its machine and process, for liveness checks on the same machine."""
    return f"{kind}|{_machine()}|{os.getpid()}|{_started(os.getpid())}|{uuid.uuid4().hex[:12]}"


def is_gone(driver: str) -> bool:
    """Return True if the driver is certainly dead: it ran on this machine and its process has ended."""
    parts = driver.split("|")
    if len(parts) != 5 or parts[1] != _machine():
        return False
    pid = int(parts[2])
    started = _started(pid)
    return started != parts[3] and not (started == "" and _is_hidden(pid))


def _machine() -> str:
    """Name of this machine, its boot and its process id namespace; process ids are valid only within it."""
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    if boot.exists() and namespace.is_symlink():
        return f"{boot.read_text().strip()}/{namespace.readlink()}"
    return f"{socket.gethostname()}/{round(psutil.boot_time())}"


def _started(pid: int) -> str:
    """Start time of a process, as text; empty for an absent process or a zombie."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return ""
        return "" if fields[0] in {"Z", "X"} else fields[19]  # ticks since boot, unaffected by clock changes
    try:
        return str(round(psutil.Process(pid).create_time()))
    except psutil.NoSuchProcess:
        return ""


def _is_hidden(pid: int) -> bool:
    """Return True if the process belongs to another user, on a machine that hides other users' processes."""
    if not Path("/proc/self/stat").exists():
        return False
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


class Verdicts:
    """Detector of dead drivers by their heartbeats.

    Only time with observations counts. After a gap in the observations (an unreachable store, a suspended machine), the
    count restarts.

    Args:
        lease: Seconds without a heartbeat after which a driver is dead.

    Example:
        >>> verdicts = Verdicts(lease=0.0)
        >>> verdicts.judge({"a": 1}), verdicts.judge({"a": 1}), verdicts.judge({"a": 2})
        (set(), {'a'}, set())
    """

    def __init__(self, lease: float = LEASE) -> None:
        self._lease = lease
        self._seen: dict[str, tuple[int, float]] = {}  # driver -> (heartbeat, time of its first observation)
        self._listened = time.monotonic()

    def judge(self, beats: Mapping[str, int]) -> set[str]:
        """Return the dead drivers among the drivers in `beats`."""
        now = time.monotonic()
        deaf = 0 < self._lease < 2 * (now - self._listened)
        self._listened = now
        seen = {driver: self._seen.get(driver, (-1, now)) for driver in beats}
        self._seen = {d: old if old[0] == beats[d] and not deaf else (beats[d], now) for d, old in seen.items()}
        stale = {d for d, (beat, since) in self._seen.items() if seen[d][0] == beat and now - since >= self._lease}
        return stale | {driver for driver in beats if is_gone(driver)}


class Lease:
    """Lease of one driver on its trials: a background heartbeat, and the state of the other drivers.

    Args:
        log: The study's log.
        kind: Kind of driver, the first part of its name.
        lease: Seconds without a heartbeat after which a driver counts as dead.
    """

    def __init__(self, log: EventLog, kind: str, lease: float = LEASE) -> None:
        self.driver = new_driver(kind)
        self.dead: frozenset[str] = frozenset()
        self.others: frozenset[str] = frozenset()  # other drivers with reserved trials
        self._log = log
        self._verdicts = Verdicts(lease)
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self.refresh()
        beat = threading.Thread(
            target=_beat, args=(weakref.ref(self), self._ended, lease / 6), name="seasoned-beat", daemon=True
        )
        beat.start()
        self._stop = weakref.finalize(self, self._ended.set)

    def refresh(self) -> None:
        """Send one heartbeat and update the state of the other drivers."""
        with self._lock:
            beats = self._log.renew(self.driver)
            self.dead = frozenset(self._verdicts.judge(beats) - {self.driver})
            self.others = frozenset(beats) - {self.driver}

    def end(self) -> None:
        """Stop the heartbeat and release all trials that have not finished."""
        self._stop()
        self._log.release(self.driver)


def _beat(reference: weakref.ref[Lease], ended: threading.Event, pause: float) -> None:
    while not ended.wait(pause):
        lease = reference()
        if lease is None:
            return
        try:
            lease.refresh()
        except Exception as error:  # noqa: BLE001 - whatever it was, a driver without heartbeat is taken for dead
            _log.warning("a beat could not be written: %s", error)
        del lease
