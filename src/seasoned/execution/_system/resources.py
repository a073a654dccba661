"""Resources of this process: cores and memory, as limited by affinity, cgroups and the parent process."""

from __future__ import annotations

import math
import os
import re
import sys
from pathlib import Path
from typing import Any

from seasoned.errors import InvalidInput
from seasoned.execution._system.process_tree import tree_memory

__all__ = ["CPUS", "cpu_count", "free_memory", "memory_limit", "parse_memory", "tree_memory"]

CPUS = "SEASONED_CPUS"  # environment variable: number of cores that the driver assigned to a worker
_UNLIMITED = 1 << 60  # bytes; cgroup v1 encodes "no limit" as a number near 2**63
_MEMORY = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([kmgtp]?)(i?)b?\s*", re.IGNORECASE)
_POWERS = ("", "k", "m", "g", "t", "p")


def cpu_count(root: Path = Path("/")) -> int:
    """Return the number of cores that this process may use, at least 1.

    The number is the minimum of four counts:

    - the machine's cores,
    - the process's affinity,
    - the cgroup's quota (v1 and v2), rounded down, because a process above its quota is paused,
    - the share inside a worker process. Workers of this package and of joblib (loky) have an assigned share. Workers of
      `multiprocessing` have 1 core, workers of `concurrent.futures` an equal part.

    Args:
        root: Folder that contains `/proc` and `/sys`.
    """
    counts = [os.cpu_count() or 1]
    if hasattr(os, "sched_getaffinity"):
        counts.append(len(os.sched_getaffinity(0)))
    quota = _cpu_quota(root)
    if quota is not None:
        counts.append(math.floor(quota))
    cores = max(1, min(counts))
    share = _share(cores)
    return cores if share is None else max(1, min(cores, share))


def memory_limit(root: Path = Path("/")) -> int:
    """Return the bytes that this process and its children may use: the machine's memory, or a smaller cgroup limit.

    Args:
        root: Folder that contains `/proc` and `/sys`.
    """
    return min([_physical_memory(), *(limit for limit, _ in _memory_limits(root))])


def free_memory(root: Path = Path("/")) -> int:
    """Return the free bytes of this machine, or of this process's control group if fewer are free in the group.

    The page cache of a group counts as free, because the system reclaims it on demand.

    Args:
        root: Folder that contains `/proc` and `/sys`.
    """
    import psutil

    left = [limit - _held(folder) for limit, folder in _memory_limits(root)]
    return max(0, min([int(psutil.virtual_memory().available), *left]))


def parse_memory(size: str | float) -> int:
    """Return the number of bytes of a size such as `"8GB"`, `"512 MiB"` or a plain number of bytes.

    kB, MB, GB, TB are powers of 1000; KiB, MiB, GiB, TiB powers of 1024.

    Raises:
        InvalidInput: The value is not a size, or is not positive.
    """
    number = math.nan
    if isinstance(size, str):
        match = _MEMORY.fullmatch(size)
        if match is not None:
            base = 1024 if match[3] else 1000
            number = float(match[1]) * base ** _POWERS.index(match[2].lower())
    elif not isinstance(size, bool):
        number = float(size)
    if not (math.isfinite(number) and number >= 1):
        raise InvalidInput(f"{size!r} is no size of memory: give a number of bytes, or a text like '8GB' or '512MiB'")
    return int(number)


def _share(cores: int) -> int | None:
    """Return the number of `cores` that the parent process assigned to this process; None without an assignment."""
    ours = os.environ.get(CPUS, "")
    if ours.isdigit():
        return int(ours)
    process = sys.modules.get("multiprocessing.process")
    if process is None:  # a pool worker always has this module imported
        return None
    current = process.current_process()
    if type(current).__name__ == "LokyProcess":
        threads = os.environ.get("OMP_NUM_THREADS", "")  # joblib sets an equal part of the cores per worker
        return int(threads) if threads.isdigit() else 1
    if getattr(getattr(current, "_target", None), "__module__", None) == "concurrent.futures.process":
        return cores // _siblings(current)
    return 1 if current.daemon else None


def _siblings(worker: Any) -> int:
    """Return the number of workers of this process's `ProcessPoolExecutor`, derived from the size of its call queue."""
    from concurrent.futures.process import EXTRA_QUEUED_CALLS

    places = getattr(next(iter(getattr(worker, "_args", ())), None), "_maxsize", EXTRA_QUEUED_CALLS + 1)
    return max(1, int(places) - EXTRA_QUEUED_CALLS)


def _physical_memory() -> int:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    import psutil

    return int(psutil.virtual_memory().total)


def _cpu_quota(root: Path) -> float | None:
    """Return the CPU quota of the control groups in cores; None without a quota."""
    quotas = []
    for folder in _cgroups(root, "cpu"):
        words = _words(folder / "cpu.max")  # v2: "<quota or max> <period>"
        if not words:
            words = _words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us")
        if len(words) == 2 and words[0].isdigit() and int(words[1]) > 0:  # v1 encodes "no quota" as -1
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas, default=None)


def _cgroups(root: Path, controller: str) -> list[Path]:
    """Return the folders of this process's control group and its parents.

    Any of these folders may contain the tightest limit.
    """
    folders = []
    for line in _lines(root / "proc/self/cgroup"):
        _, names, path = line.split(":", 2)
        if names == "":
            base = root / "sys/fs/cgroup"
        elif controller in names.split(","):
            base = root / "sys/fs/cgroup" / controller
        else:
            continue
        relative = Path(path.lstrip("/"))
        # inside a container the path often belongs to the host and does not exist; then only the root folder exists
        folders += [base / part for part in (relative, *relative.parents) if ".." not in part.parts]
    return folders


def _memory_limits(root: Path) -> list[tuple[int, Path]]:
    """Return the limits of this process's control groups in bytes, each with the folder of the group."""
    found = []
    for folder in _cgroups(root, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            words = _words(folder / name)
            if words and words[0].isdigit() and int(words[0]) < _UNLIMITED:
                found.append((int(words[0]), folder))
    return found


def _held(folder: Path) -> int:
    """Return the bytes of a control group that cannot be reclaimed; 0 for a group without usage data."""
    used = [*_words(folder / "memory.current"), *_words(folder / "memory.usage_in_bytes")]
    statistics = dict(line.split(maxsplit=1) for line in _lines(folder / "memory.stat") if " " in line)
    files = 0
    for name in ("inactive_file", "active_file"):
        told = statistics.get(f"total_{name}", statistics.get(name, "0"))  # v1 has both; `total_` includes child groups
        files += int(told) if told.isdigit() else 0
    return max(0, int(used[0]) - files) if used and used[0].isdigit() else 0


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


def _words(file: Path) -> list[str]:
    return " ".join(_lines(file)).split()
