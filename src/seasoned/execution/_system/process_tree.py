"""Process trees: descendants of a worker, memory of the tree, and the kill of a whole tree.

Linux is read through `/proc` with the standard library only, because the watchdog and the workers must start fast and
import this module. Other systems are read with psutil. The environment of a worker contains a tag that all descendants
inherit. The tag identifies even a process that forked twice and left the session.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import time

__all__ = [
    "KILL",
    "SERVICE_SECONDS",
    "TAG",
    "await_death",
    "descendants",
    "is_service",
    "kill_tagged",
    "kill_tree",
    "process_table",
    "resident",
    "signal_all",
    "tagged",
    "tree_memory",
]

TAG = "SEASONED_WORKER"  # environment variable: "<driver>/<worker>"; nested drivers append their own part
LINUX = sys.platform == "linux"
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
_SERVICES = (b"resource_tracker", b"forkserver", b"seasoned.execution.workers.watchdog")
SERVICE_SECONDS = 1.0  # time in seconds that a helper process may take to clean up
_ROUNDS = 100  # a fork bomb is stopped within a few rounds; the bound only prevents an endless loop after a bug


def _read(path: str) -> bytes:
    """Return the content of a file in /proc; empty if the process has ended or belongs to another user."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        chunks = []
        while chunk := os.read(descriptor, 1 << 16):
            chunks.append(chunk)
        return b"".join(chunks)
    except OSError:  # ESRCH: the process ended during the read
        return b""
    finally:
        os.close(descriptor)


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - pathlib is slow to import


def process_table() -> dict[int, int]:
    """Return the parent id of every living process, by process id, without zombies."""
    if not LINUX:
        import psutil

        found = [one.info for one in psutil.process_iter(["pid", "ppid", "status", "create_time"])]
        born = {info["pid"]: info["create_time"] or 0.0 for info in found}
        return {  # Windows still reports a dead parent, and a younger process may reuse the id
            info["pid"]: info["ppid"] if born.get(info["ppid"], math.inf) <= born[info["pid"]] else 0
            for info in found
            if info["status"] != psutil.STATUS_ZOMBIE
        }
    table = {}
    for pid in _pids():
        # the command may contain spaces and brackets, so fields are counted from the last bracket
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        if len(fields) > 1 and fields[0] not in {b"Z", b"X"}:
            table[pid] = int(fields[1])
    return table


def descendants(pid: int, table: dict[int, int] | None = None) -> set[int]:
    """Return all living descendants of `pid`, without `pid`."""
    table = process_table() if table is None else table
    children: dict[int, list[int]] = {}
    for child, parent in table.items():
        children.setdefault(parent, []).append(child)
    found: set[int] = set()
    stack = [pid]
    while stack:
        for child in children.get(stack.pop(), ()):
            if child not in found:
                found.add(child)
                stack.append(child)
    return found


def tagged(tag: str) -> set[int]:
    """Return all living processes whose environment contains `tag` or a nested tag (Linux only; elsewhere empty)."""
    if not LINUX:
        return set()
    needle = f"{TAG}={tag}".encode()
    found = set()
    for pid in _pids():
        environment = b"\0" + _read(f"/proc/{pid}/environ") + b"\0"
        if b"\0" + needle + b"\0" in environment or b"\0" + needle + b"/" in environment:
            found.add(pid)
    return found


def resident(pid: int) -> int:
    """Return the resident memory (RSS) of one process in bytes; 0 for a process that has ended.

    Shared pages count in full, so RSS is an upper bound of PSS.
    """
    if not LINUX:
        import psutil

        try:
            return int(psutil.Process(pid).memory_info().rss)
        except psutil.Error:
            return 0
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE if len(fields) > 1 else 0


def private(pid: int) -> int:
    """Return the resident memory of one process without shared and file-backed pages, in bytes; elsewhere RSS."""
    if not LINUX:
        return resident(pid)
    fields = _read(f"/proc/{pid}/statm").split()
    return (int(fields[1]) - int(fields[2])) * _PAGE if len(fields) > 2 else 0


def _proportional(pid: int) -> int:
    """Return the proportional memory (PSS) of one process in bytes, or its RSS on systems without PSS."""
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return resident(pid)


def tree_memory(pid: int, table: dict[int, int] | None = None) -> int:
    """Return the memory of `pid` and all its descendants in bytes.

    PSS if it can be read: pages that several processes share, such as a mapped data set, are divided among the
    processes. RSS otherwise.
    """
    return sum(_proportional(member) for member in {pid} | descendants(pid, table))


def is_service(pid: int) -> bool:
    """Return True for a helper process of multiprocessing, loky or a nested driver.

    Helpers clean up and end by themselves. A process that a forkserver has forked has the same command line, but is not
    a helper.
    """
    words = _command(pid)
    if b"forkserver" in words:
        above = parent_of(pid)
        return above is not None and b"forkserver" not in _command(above)
    return any(name in words for name in _SERVICES)


def _command(pid: int) -> bytes:
    """Return the words of a process's command line, separated by zero bytes; empty for a process that has ended."""
    if LINUX:
        return _read(f"/proc/{pid}/cmdline")
    import psutil

    try:
        return b"\0".join(map(os.fsencode, psutil.Process(pid).cmdline()))
    except psutil.Error:
        return b""


def parent_of(pid: int) -> int | None:
    if LINUX:
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        return int(fields[1]) if len(fields) > 1 else None
    import psutil

    try:
        return int(psutil.Process(pid).ppid())
    except psutil.Error:
        return None


def signal_all(pids: set[int], number: int) -> None:
    """Send a signal to all processes that still exist."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:  # the process has ended (on Windows a plain OSError), or belongs to another user
            continue


def kill_tree(pid: int, tag: str) -> set[int]:
    """Kill `pid`, its descendants and all processes with `tag`; return the killed ids.

    The tree is stopped first, so that no process can fork between the search and the kill. The caller must not have
    reaped `pid` yet, because a reaped id may belong to another process.
    """
    return _kill(tag, {pid})


def kill_tagged(tag: str) -> set[int]:
    """Kill all processes with `tag` and their descendants; return the killed ids."""
    return _kill(tag, set())


def _kill(tag: str, roots: set[int]) -> set[int]:
    doomed: set[int] = set()
    services: set[int] = set()
    for _ in range(_ROUNDS):
        table = process_table()
        found = {root for root in roots if root in table} | tagged(tag)
        for root in tuple(found):
            found |= descendants(root, table)
        services |= {pid for pid in found - doomed if is_service(pid)}
        fresh = found - doomed - services - {os.getpid()}
        if not fresh:
            break
        if hasattr(signal, "SIGSTOP"):
            signal_all(fresh, signal.SIGSTOP)
        doomed |= fresh
    signal_all(doomed, KILL)
    # helpers get time to free shared memory of the killed processes, which would otherwise stay until a restart
    signal_all(await_death(services, SERVICE_SECONDS), KILL)
    return doomed | services


def await_death(pids: set[int], seconds: float) -> set[int]:
    """Wait at most `seconds` for the end of the processes; return the survivors. Zombies count as ended.

    An orphan whose new parent is this process (process 1 of a container) is reaped here.
    """
    deadline = time.monotonic() + seconds
    living = pids & set(process_table()) if pids else pids
    while living and time.monotonic() < deadline:
        time.sleep(0.002)
        living &= set(process_table())
    for pid in pids - living:
        with contextlib.suppress(ChildProcessError, AttributeError):  # not our child, or a system without waitpid
            os.waitpid(pid, os.WNOHANG)
    return living
