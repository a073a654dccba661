"""Local executor: arguments, shares of the cores, nested executors, and the state of the driver."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import warnings
import weakref
from pathlib import Path

import numpy as np
import psutil
import pytest

from seasoned.errors import InvalidInput
from seasoned.execution._system.resources import cpu_count
from seasoned.execution.base import Ending, Limits
from seasoned.execution.local import LocalExecutor, release_workers


@pytest.mark.parametrize(
    "arguments", [{"workers": 0}, {"workers": 1.5}, {"workers": True}, {"workers": 1, "threads": 0}]
)
def test_a_local_executor_needs_positive_numbers(arguments):
    with pytest.raises(InvalidInput, match="at least 1"):
        LocalExecutor(**arguments)


@pytest.mark.parametrize(
    "limits", [Limits(seconds=0), Limits(seconds=-1.0), Limits(memory=0), Limits(seconds=float("nan"))]
)
def test_limits_of_a_task_must_be_positive(executor, limits):
    with pytest.raises(InvalidInput, match="must be positive"):
        executor.submit(abs, 1, limits=limits)


def test_a_closed_executor_refuses_to_submit_and_to_wait():
    executor = LocalExecutor(workers=1)
    executor.close()
    with pytest.raises(RuntimeError, match="closed"):
        executor.submit(abs, 1)
    with pytest.raises(RuntimeError, match="closed"):
        executor.wait()


def test_wait_without_tasks_returns_at_once(executor):
    assert list(executor.wait()) == []


def test_a_forgotten_executor_is_closed_by_the_garbage_collector(until):
    executor = LocalExecutor(workers=1)
    executor.submit(time.sleep, 1000)
    crew = weakref.ref(executor.scheduler)
    del executor
    gc.collect()
    until(lambda: crew() is None or not crew()._thread.is_alive(), "the thread ends")
    release_workers()
    assert psutil.Process().children(recursive=True) == []


def test_two_executors_do_not_see_each_others_outcomes():
    with LocalExecutor(workers=1) as first, LocalExecutor(workers=1) as second:
        for number in range(5):
            first.submit(abs, -number)
            second.submit(abs, -10 - number)
        values = [[], []]
        for executor, found in zip((first, second), values, strict=True):
            while len(found) < 5:
                found += [outcome.value for outcome in executor.wait()]
    assert values == [[0, 1, 2, 3, 4], [10, 11, 12, 13, 14]]


def test_cores_are_divided_among_workers(monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    with LocalExecutor(workers=cpu_count()) as executor:
        assert executor.threads == 1
    with LocalExecutor(workers=1, threads=3) as executor:
        executor.submit(lambda: (os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"], cpu_count()))
        assert executor.wait()[0].value == ("3", "3", min(3, os.cpu_count()))


def test_an_executor_inside_a_worker_takes_its_share_and_ends_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def nest():
        with LocalExecutor() as inner:
            inner.submit(os.getpid)
            return inner.workers, inner.threads, inner.wait()[0].value

    def nest_and_hang():
        inner = LocalExecutor(workers=1)
        inner.submit(time.sleep, 1000)
        os.kill(os.getpid(), signal.SIGKILL)

    with LocalExecutor(workers=1, threads=1) as executor:
        executor.submit(nest)
        assert executor.wait()[0].value[:2] == (1, 1)
        executor.submit(nest_and_hang)
        assert "SIGKILL" in executor.wait()[0].reason
        executor.submit(abs, -1)
        assert executor.wait()[0].value == 1
    release_workers()
    assert psutil.Process().children(recursive=True) == []
    assert list(tmp_path.glob("seasoned-*")) == []


def test_nested_executors_of_a_killed_task_remove_their_folders(run, tmp_path, monkeypatch, until):
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def nest_and_sleep():
        inner = LocalExecutor(workers=1)
        inner.submit(time.sleep, 1000)
        time.sleep(1000)

    assert run(nest_and_sleep, limits=Limits(seconds=2.5)).ending is Ending.TIMED_OUT
    release_workers()
    until(lambda: not list(tmp_path.glob("seasoned-*")), "the nested driver's folder goes")


def test_joblib_in_a_task_does_not_oversubscribe(run):
    def nested():
        from joblib import Parallel, cpu_count, delayed

        pids = Parallel(n_jobs=-1)(delayed(os.getpid)() for _ in range(4))
        return cpu_count(), len(set(pids))

    assert run(nested).value == (1, 1)


def test_tasks_leave_the_state_of_the_driver_unchanged(run):
    before = (
        dict(os.environ),
        list(warnings.filters),
        [signal.getsignal(number) for number in signal.valid_signals()],
        list(sys.path),
        str(Path.cwd()),
        np.random.get_state()[1].tolist(),  # noqa: NPY002 - the global state is what must not change
    )
    run(abs, 1)
    run(os._exit, 1)
    assert before == (
        dict(os.environ),
        list(warnings.filters),
        [signal.getsignal(number) for number in signal.valid_signals()],
        list(sys.path),
        str(Path.cwd()),
        np.random.get_state()[1].tolist(),  # noqa: NPY002 - see above
    )


def test_closed_executors_leave_no_thread_and_no_descriptor():
    release_workers()
    threads, descriptors = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with LocalExecutor(workers=2) as executor:
            executor.submit(abs, 1)
            executor.submit(os._exit, 1)
            executor.wait()
        release_workers()
    assert threading.active_count() == threads
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors
