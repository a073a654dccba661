"""Runs what is missing: some frameworks at the same time, each in a process of its own; resumable after every run."""

from __future__ import annotations

import fcntl
import os
import queue
import signal
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import common
from optimising.registry import PROBLEMS
from optimising.service import Service, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from comparison.registry import Framework
    from optimising.records import Curves, Run

HERE = Path(__file__).parent
PATIENCE = 3 * 3600  # seconds after which a run is ended, pauses left out
POLL = 2.0  # seconds between looks at the lock


@dataclass(frozen=True)
class Job:
    """One run that is missing, and where its record goes."""

    framework: Framework
    run: Run
    trials: int
    store: Curves
    source: str | None

    def request(self) -> dict[str, Any]:
        """What the worker is told."""
        return {
            "module": self.framework.module,
            "options": self.framework.options,
            "trials": self.trials,
            **self.run._asdict(),
        }


def evaluator(metadata: Path | None) -> Service:
    """A process that answers for the problems."""
    return Service([PROBLEMS.python, HERE / "evaluator.py", *([metadata] if metadata else [])])


class Crew:
    """Some workers that take the jobs in order.

    Args:
        metadata: The folder of recorded problems, if any.
        size: How many runs at the same time.
        background: Whether all pause while another process holds `benchmarks/lock`.
        say: Called with a line about each run.
    """

    def __init__(self, metadata: Path | None, size: int, *, background: bool, say: Callable[[str], None]) -> None:
        self._metadata, self._size, self._background, self._say = metadata, size, background, say
        self.services: dict[int, tuple[str, Service]] = {}
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._paused = threading.Event()

    def run(self, jobs: Sequence[Job]) -> None:
        """Do all jobs; what a framework raises becomes its record."""
        waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
        for job in jobs:
            waiting.put(job)
        threads = [threading.Thread(target=self._work, args=(place, waiting)) for place in range(self._size)]
        watcher = threading.Thread(target=self._watch, daemon=True)
        if self._background:
            watcher.start()
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            self._done.set()
            with self._lock:
                services = [service for _, service in self.services.values()]
            for service in services:
                service.close()

    def _work(self, place: int, waiting: queue.SimpleQueue[Job]) -> None:
        while not self._done.is_set():
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            while self._background and held_by_another():
                time.sleep(POLL)
            record = self._measure(place, job)
            if record is None:
                continue
            job.store.put(record)
            what = record.get("error") or f"{record['curve'][-1][1]:.6g}, sampler {record['sampler_seconds']:.2f} s"
            self._say(f"{job.framework.name} {job.run.suite} {job.run.problem} seed {job.run.seed}: {what}")

    def _measure(self, place: int, job: Job) -> dict[str, Any] | None:
        """The run's record; None if it was ended from outside, which says nothing about the framework."""
        about = {"framework": job.framework.name, "trials": job.trials, **job.run._asdict()}
        if job.source:
            about["source"] = job.source
        with limit(self._service(place, job.framework), self._paused) as (service, overdue):
            try:
                return {**about, **service.ask(job.request())}
            except ServiceError as error:
                with self._lock:
                    self.services.pop(place, None)
                service.close()
                if overdue.is_set():
                    return {**about, "error": f"not done after {PATIENCE} s"}
                if self._done.is_set() or error.stopped:
                    self._say(f"{job.framework.name} {job.run.problem} seed {job.run.seed}: {error}; still missing")
                    return None
                return {**about, "error": str(error)}

    def _service(self, place: int, framework: Framework) -> Service:
        """The worker of this place, made anew where the environment changes."""
        with self._lock:
            name, service = self.services.get(place, ("", None))
            if service is not None and name == str(framework.python):
                return service
            if service is not None:
                service.close()
            words = [framework.python, HERE / "worker.py", PROBLEMS.python]
            made = Service([*words, *([self._metadata] if self._metadata else [])], log())
            self.services[place] = (str(framework.python), made)
            return made

    def _watch(self) -> None:
        """Stop the workers while another holds the lock: their results do not depend on time, others' may."""
        stopped = False
        while not self._done.wait(POLL):
            held = held_by_another()
            (self._paused.set if held else self._paused.clear)()
            if held or stopped:
                with self._lock:
                    for _, service in self.services.values():
                        with suppress(ProcessLookupError):
                            os.killpg(service.group, signal.SIGSTOP if held else signal.SIGCONT)
            stopped = held


def log() -> Path:
    """Where frameworks' output goes."""
    return Path(tempfile.gettempdir()) / "optimisers.log"


@contextmanager
def limit(service: Service, paused: threading.Event) -> Iterator[tuple[Service, threading.Event]]:
    """Kill the worker of a run that takes too long, pauses left out; the event tells that this was done."""
    overdue, ended = threading.Event(), threading.Event()

    def watch() -> None:
        spent = 0.0
        while not ended.wait(POLL):
            spent += 0.0 if paused.is_set() else POLL
            if spent >= PATIENCE:
                overdue.set()
                with suppress(ProcessLookupError):
                    os.killpg(service.group, signal.SIGKILL)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield service, overdue
    finally:
        ended.set()


def held_by_another() -> bool:
    """Whether a benchmark holds `benchmarks/lock`."""
    with (common.HERE / "lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
