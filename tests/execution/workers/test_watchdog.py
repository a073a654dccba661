"""Watchdog of workers: limits, reasons, and its own end."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

from seasoned.execution.base import Ending, Limits
from seasoned.execution.workers.pool import POOL


def test_a_killed_watchdog_is_replaced(executor):
    executor.submit(time.sleep, 1000, limits=Limits(seconds=1.5))
    executor.submit(abs, -1)
    session = POOL.session
    session._guard.kill()
    first, second = executor.wait(), executor.wait()
    assert first[0].ending is Ending.TIMED_OUT
    assert second[0].value == 1
    assert session.generation == 1


def test_a_limit_is_reported_although_the_watchdog_cannot_write(run):
    for number in range(20):
        Path(POOL.session.folder, f"verdict-{number}").mkdir()  # as good as a full disk
        Path(POOL.session.folder, f"words-{number}").mkdir()
    outcome = run(time.sleep, 1000, limits=Limits(seconds=0.3))
    assert outcome.ending is Ending.TIMED_OUT
    assert outcome.traceback is None


def test_the_watchdog_forgets_a_worker_whose_process_is_gone(run, monkeypatch):
    run(abs, 1)
    forgotten, done = [], POOL.session.done
    monkeypatch.setattr(POOL.session, "done", lambda worker: forgotten.append(worker) or done(worker))
    assert run(lambda: os._exit(3), limits=Limits(seconds=60.0)).ending is Ending.DIED
    assert forgotten


def test_the_outcome_of_a_hung_or_crashed_task_has_a_traceback(run):
    def hang_here():
        ctypes.PyDLL(None).sleep(1000)

    def crash_here():
        ctypes.string_at(0)

    for task, ending in ((hang_here, Ending.TIMED_OUT), (crash_here, Ending.DIED)):
        outcome = run(task, limits=Limits(seconds=5.0 if ending is Ending.DIED else 0.5))
        assert outcome.ending is ending
        assert f"in {task.__name__}" in outcome.traceback
        assert "worker.py" not in outcome.traceback
