"""One process tree: started, its memory sampled, stopped with everything it left behind."""

from __future__ import annotations

import contextlib
import math
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

GONE = (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError, ProcessLookupError)
SPARING = 50.0  # times what a look took, until the next one
SELDOM = 2.0  # seconds between two looks at what others take


@dataclass(frozen=True)
class Outcome:
    """How a watched command ended.

    Attributes:
        code: None if it was killed at its limit, negative if a signal ended it.
        seconds: From its start to its end.
        peak_bytes: The most memory that its process tree had in any sample.
        others: How many cores' worth of time everything else on the machine took meanwhile.
    """

    code: int | None
    seconds: float
    peak_bytes: int
    others: float


class Account:
    """Processor time of a changing set of processes, those that have ended included: the larger of two sums.

    One takes from the system what those took that were waited for, which counts with their parents; a parent that
    ignores its children's end, as Ray's does, waits for none. The other takes from each process what was last seen, and
    misses those that lived between two looks only.
    """

    def __init__(self) -> None:
        self._seen: dict[psutil.Process, tuple[int, float, float]] = {}  # parent, seconds with and without children's
        self._orphans = 0.0  # seconds of those that ended after their parents, which nobody here waited for
        self._ended = 0.0  # seconds of all that ended, as last seen

    def seconds(self, processes: Iterable[psutil.Process]) -> float:
        """Until now, of these and of those that were here before."""
        return max(self.sums(processes))

    def sums(self, processes: Iterable[psutil.Process]) -> tuple[float, float]:
        """The two sums of the same."""
        now: dict[psutil.Process, tuple[int, float, float]] = {}
        for process in processes:
            with contextlib.suppress(*GONE):
                times = process.cpu_times()
                now[process] = process.ppid(), sum(times[:4]), sum(times[:2])
        pids = {process.pid for process in self._seen}
        for process in self._seen.keys() - now.keys():
            parent, spent, alone = self._seen[process]
            self._orphans += 0.0 if parent in pids else spent
            self._ended += alone
        self._seen = now
        waited = self._orphans + sum(spent for _, spent, _ in now.values())
        return waited, self._ended + sum(alone for _, _, alone in now.values())


class Tree:
    """A process and all that ever descended from it, also those whose parent has ended since."""

    def __init__(self, pid: int) -> None:
        self._known = {psutil.Process(pid)}

    def processes(self) -> list[psutil.Process]:
        """Those that still run."""
        for process in list(self._known):
            with contextlib.suppress(*GONE):
                self._known.update(process.children(recursive=True))
        self._known = {process for process in self._known if process.is_running()}
        return list(self._known)

    def memory(self) -> int:
        """Bytes now: the sum of proportional set sizes, so that pages shared by several count once."""
        return sum(proportional(process) for process in self.processes())

    def kill(self) -> None:
        """End all; twice, for one may have started another meanwhile."""
        for _ in range(2):
            for process in self.processes():
                with contextlib.suppress(*GONE):
                    process.kill()


class Others:
    """What all processes outside of a tree take of the machine, this one's looks at it included."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._self = psutil.Process()
        self._above = {self._self, *self._self.parents()}  # their children's time has the tree's in it
        self._account = Account()
        self._before = self._until_now()

    def seconds(self) -> float:
        """Of processor time, since the start: the larger growth of two sums, of which each can miss some."""
        return max(now - before for now, before in zip(self._until_now(), self._before, strict=True))

    def _until_now(self) -> tuple[float, float]:
        there = list(psutil.process_iter())  # first: what begins meanwhile, in the tree too, is looked at the next time
        own = self._above.union(self._tree.processes())
        waited, seen = self._account.sums(process for process in there if process not in own)
        looks = sum(self._self.cpu_times()[:2])
        return waited + looks, seen + looks


def proportional(process: psutil.Process) -> int:
    """Proportional set size in bytes; the resident size where the system does not tell; 0 if the process is gone."""
    try:
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
        return int(process.memory_info().rss)
    except (*GONE, OSError):
        with contextlib.suppress(*GONE):
            return int(process.memory_info().rss)
        return 0


def watch(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    log: Path,
    limit: float,
    interval: float = 0.2,
    sparing: float = SPARING,
) -> Outcome:
    """Run a command with its output in `log`; kill it after `limit` seconds, and what it leaves behind in any case.

    It is looked at every `interval` seconds, less often where looking takes long: the memory of some twenty processes,
    as AutoGluon has them, takes a tenth of a second, and the time of whoever is watched with it. Where memory is what
    is measured, a smaller `sparing` misses less of it: the time until the next look is so many times what one took.
    """
    start, peak, code = time.perf_counter(), 0, None
    with log.open("wb") as sink:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=dict(env),
            start_new_session=True,
        )
    tree = Tree(child.pid)
    others = Others(tree)
    taken, counted = 0.0, -math.inf
    try:
        while code is None and time.perf_counter() - start < limit:
            looked = time.perf_counter()
            peak = max(peak, tree.memory())
            if looked - counted > SELDOM:
                taken, counted = others.seconds(), looked
            took = time.perf_counter() - looked
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = child.wait(max(interval, sparing * took))
        taken = others.seconds()
    finally:
        seconds = time.perf_counter() - start
        tree.kill()
        child.wait()
    return Outcome(code, seconds, peak, taken / seconds)
