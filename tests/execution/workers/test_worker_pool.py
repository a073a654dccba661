"""Pool of workers: workers stay warm, and are replaced or ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from seasoned.execution import LocalExecutor
from seasoned.execution.base import Ending, Limits
from seasoned.execution.local import release_workers
from seasoned.execution.workers import pool
from seasoned.execution.workers.pool import POOL
from seasoned.execution.workers.process_handle import threads_of


def test_the_next_executor_takes_the_warm_workers():
    pids = []
    for _ in range(2):
        with LocalExecutor(workers=1, threads=1) as executor:
            executor.submit(os.getpid)
            pids.append(executor.wait()[0].value)
    assert pids[0] == pids[1]
    with LocalExecutor(workers=1, threads=2) as executor:
        executor.submit(os.getpid)
        assert executor.wait()[0].value not in pids


def test_another_environment_or_output_gets_other_workers(monkeypatch):
    def pid():
        with LocalExecutor(workers=1, threads=1) as executor:
            executor.submit(lambda: (os.getpid(), os.environ.get("SEASONED_TEST_SETTING")))
            return executor.wait()[0].value

    first = pid()
    monkeypatch.setenv("SEASONED_TEST_SETTING", "yes")
    second = pid()
    assert first[0] != second[0]
    assert (first[1], second[1]) == (None, "yes")


def test_a_worker_waits_for_the_next_task(run):
    pid = run(os.getpid).value
    assert pid in {child.pid for child in psutil.Process().children(recursive=True)}
    assert run(os.getpid).value == pid


def test_release_workers_ends_workers_and_watchdog():
    with LocalExecutor(workers=2) as executor:
        executor.submit(time.sleep, 1000)
        executor.submit(abs, 1)
        executor.wait()
        folder = POOL.session.folder
    release_workers()
    assert psutil.Process().children(recursive=True) == []
    assert not Path(folder).exists()


def test_idle_workers_end_by_themselves(monkeypatch, until):
    monkeypatch.setattr("seasoned.execution.workers.pool.IDLE_SECONDS", 0.05)
    with LocalExecutor(workers=1) as executor:
        executor.submit(abs, 1)
        executor.wait()
    until(lambda: psutil.Process().children(recursive=True) == [], "the worker and the guard end")


def test_a_killed_idle_worker_is_replaced(run, until):
    pid = run(os.getpid).value
    os.kill(pid, signal.SIGKILL)
    until(lambda: not psutil.pid_exists(pid), "it is reaped")
    assert run(os.getpid).value != pid


def test_a_killed_parked_worker_is_replaced():
    with LocalExecutor(workers=1, threads=1) as executor:
        executor.submit(os.getpid)
        pid = executor.wait()[0].value
    os.kill(pid, signal.SIGKILL)
    with LocalExecutor(workers=1, threads=1) as executor:
        executor.submit(os.getpid)
        assert executor.wait()[0].value != pid


def test_a_worker_that_cannot_start_ends_its_task(executor, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    executor.submit(abs, 1)
    (outcome,) = executor.wait()
    assert outcome.ending is Ending.DIED
    assert "no worker process could be started" in outcome.reason
    monkeypatch.setattr(sys, "executable", "/nowhere")
    executor.submit(abs, 1)
    (outcome,) = executor.wait()
    assert outcome.ending is Ending.DIED
    monkeypatch.undo()
    executor.submit(abs, -1)
    assert executor.wait()[0].value == 1


def test_a_worker_that_closes_its_channel_is_replaced(run):
    outcome = run(os.closerange, 3, 100)
    assert outcome.ending is Ending.DIED
    assert run(abs, -1).value == 1


def test_a_worker_that_keeps_much_memory_is_replaced(run):
    kept = run(
        lambda: setattr(sys, "kept", bytearray(os.urandom(1) * 200_000_000)) or os.getpid(),
        limits=Limits(memory=300_000_000),
    )
    assert run(os.getpid).value != kept.value


@pytest.mark.parametrize(
    ("given", "omp", "openblas"),
    [
        ({}, "4", "4"),
        ({"OMP_NUM_THREADS": "1"}, "1", "1"),
        ({"OMP_NUM_THREADS": "16"}, "4", "4"),
        ({"OPENBLAS_NUM_THREADS": "2"}, "4", "2"),
        ({"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "9"}, "3", "3"),
        ({"OMP_NUM_THREADS": "0"}, "4", "4"),
        ({"OMP_NUM_THREADS": "2,1"}, "4", "4"),
    ],
)
def test_a_smaller_number_of_threads_that_the_user_has_set_stays(given, omp, openblas):
    found = threads_of(given, 4)
    assert (found["OMP_NUM_THREADS"], found["OPENBLAS_NUM_THREADS"]) == (omp, openblas)


def test_idle_workers_end_with_the_process_without_a_thread(monkeypatch):
    own = pool.Pool()
    monkeypatch.setattr("seasoned.execution.workers.scheduler.POOL", own)
    executor = LocalExecutor(1)
    executor.submit(int)
    assert [outcome.value for outcome in executor.wait()] == [0]
    handles = tuple(own.alive)
    assert len(handles) == 1

    def refuse(_):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr("threading.Thread.start", refuse)
    own.shutdown()
    assert handles[0].process.poll() is not None
    assert not own.idle
