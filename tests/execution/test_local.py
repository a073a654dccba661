"""What `LocalExecutor` promises beyond the contract."""

from __future__ import annotations

import ctypes
import gc
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pytest

from seasoned.errors import InvalidInput, StorageError
from seasoned.execution._system.resources import cpu_count
from seasoned.execution.base import Ending, Limits
from seasoned.execution.local import LocalExecutor, release_workers
from seasoned.execution.workers.pool import POOL
from seasoned.execution.workers.process_handle import threads_of


@pytest.mark.parametrize(
    "arguments", [{"workers": 0}, {"workers": 1.5}, {"workers": True}, {"workers": 1, "threads": 0}]
)
def test_numbers_must_be_positive(arguments):
    with pytest.raises(InvalidInput, match="at least 1"):
        LocalExecutor(**arguments)


@pytest.mark.parametrize(
    "limits", [Limits(seconds=0), Limits(seconds=-1.0), Limits(memory=0), Limits(seconds=float("nan"))]
)
def test_limits_must_be_positive(executor, limits):
    with pytest.raises(InvalidInput, match="must be positive"):
        executor.submit(abs, 1, limits=limits)


def test_a_closed_executor_says_so():
    executor = LocalExecutor(workers=1)
    executor.close()
    with pytest.raises(RuntimeError, match="closed"):
        executor.submit(abs, 1)
    with pytest.raises(RuntimeError, match="closed"):
        executor.wait()


def test_waiting_for_nothing_returns_at_once(executor):
    assert list(executor.wait()) == []


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


def test_release_ends_workers_and_guard():
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


def test_a_forgotten_executor_is_closed_by_the_garbage_collector(until):
    executor = LocalExecutor(workers=1)
    executor.submit(time.sleep, 1000)
    crew = weakref.ref(executor._loop)
    del executor
    gc.collect()
    until(lambda: crew() is None or not crew()._thread.is_alive(), "the thread ends")
    release_workers()
    assert psutil.Process().children(recursive=True) == []


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


def test_a_killed_guard_is_replaced(executor):
    executor.submit(time.sleep, 1000, limits=Limits(seconds=1.5))
    executor.submit(abs, -1)
    session = POOL.session
    session._guard.kill()
    first, second = executor.wait(), executor.wait()
    assert first[0].ending is Ending.TIMED_OUT
    assert second[0].value == 1
    assert session.generation == 1


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


def test_a_worker_that_leaves_its_channel_is_replaced(run):
    outcome = run(os.closerange, 3, 100)
    assert outcome.ending is Ending.DIED
    assert run(abs, -1).value == 1


def test_the_driver_is_left_as_it_was(run):
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


def test_no_thread_and_no_descriptor_is_left():
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


def test_joblib_does_not_oversubscribe(run):
    def nested():
        from joblib import Parallel, cpu_count, delayed

        pids = Parallel(n_jobs=-1)(delayed(os.getpid)() for _ in range(4))
        return cpu_count(), len(set(pids))

    assert run(nested).value == (1, 1)


def test_a_task_that_used_joblib_leaves_nothing(run):
    def nested():
        from joblib import Parallel, delayed

        return os.getpid(), set(Parallel(n_jobs=2)(delayed(os.getpid)() for _ in range(8)))

    for _ in range(2):
        outcome = run(nested)
        _, pids = outcome.value
        run(abs, 1)
        assert not [pid for pid in pids if running(pid)]


def running(pid):
    """Whether it runs; one that has ended waits for the machine's process 1 to reap it, at a time of its choosing."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_output_is_the_drivers(capfd):
    with LocalExecutor(workers=1, threads=1) as executor:
        executor.submit(print, "from the task")
        executor.wait()
        executor.submit(os.write, 2, b"and an error\n")
        executor.wait()
    release_workers()
    assert capfd.readouterr() == ("from the task\n", "and an error\n")


def test_prints_of_a_killed_task_are_not_lost(capfd, run):
    def hang():
        print("before")  # noqa: T201 - the test is about printing
        time.sleep(1000)

    run(hang, limits=Limits(seconds=0.5))
    assert capfd.readouterr().out == "before\n"


@pytest.mark.parametrize("size", [10, 200_000])
def test_frames_tables_and_arrays_travel(run, size):
    frame = pd.DataFrame({"x": np.arange(size, dtype=float), "s": pd.Series(["a", "b"] * (size // 2))})
    table = pa.Table.from_pandas(frame)

    def measure(frame, table, array):
        return frame["x"].sum(), table["x"].to_numpy().sum(), len(frame["s"].unique()), array.sum()

    total = frame["x"].sum()
    assert run(measure, frame, table, np.asfortranarray(np.ones((size, 2)))).value == (total, total, 2, 2 * size)
    assert run(lambda: frame["x"].sum() + 0).value == total


def test_results_are_the_callers_own(run):
    array = run(np.ones, 300_000).value
    array += 1
    assert array.sum() == 600_000


def test_files_of_arguments_go_with_their_task(run):
    folder = POOL.session.folder
    run(np.sum, np.ones(300_000))
    assert len(list(Path(folder).glob("*.parcel"))) == 1  # the callable's


def test_a_hung_or_crashed_task_says_where(run):
    def hang_here():
        ctypes.PyDLL(None).sleep(1000)

    def crash_here():
        ctypes.string_at(0)

    for task, ending in ((hang_here, Ending.TIMED_OUT), (crash_here, Ending.DIED)):
        outcome = run(task, limits=Limits(seconds=5.0 if ending is Ending.DIED else 0.5))
        assert outcome.ending is ending
        assert f"in {task.__name__}" in outcome.traceback
        assert "worker.py" not in outcome.traceback


def test_a_limit_is_told_even_if_the_guard_cannot_write(run):
    for number in range(20):
        Path(POOL.session.folder, f"verdict-{number}").mkdir()  # as good as a full disk
        Path(POOL.session.folder, f"words-{number}").mkdir()
    outcome = run(time.sleep, 1000, limits=Limits(seconds=0.3))
    assert outcome.ending is Ending.TIMED_OUT
    assert outcome.traceback is None


def test_no_folder_for_temporary_files(monkeypatch):
    def fail(**_):
        raise FileNotFoundError("no usable temporary directory")

    release_workers()
    monkeypatch.setattr("tempfile.mkdtemp", fail)
    with LocalExecutor(workers=1) as executor, pytest.raises(StorageError, match="TMPDIR"):
        executor.submit(abs, 1)


def test_a_bug_of_ours_reaches_the_caller(monkeypatch, caplog):
    def fail(_):
        raise ZeroDivisionError

    monkeypatch.setattr("seasoned.execution.workers.scheduler.LocalScheduler._assign", fail)
    with LocalExecutor(workers=1) as executor:
        executor.submit(abs, 1)
        with pytest.raises(RuntimeError, match="the executor failed"):
            executor.wait()
    assert "ZeroDivisionError" in caplog.text


def test_many_callables_do_not_pile_up(run):
    for number in range(40):
        assert run(lambda number=number: number).value == number
    assert len(list(Path(POOL.session.folder).glob("*.parcel"))) <= 16


def test_a_full_disk_is_reported_at_submit(executor, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seasoned.execution.workers.packing.write_parcel", full)
    with pytest.raises(StorageError, match="TMPDIR"):
        executor.submit(abs, 1)


def test_edited_modules_are_not_run_from_memory(run, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "edited_between_studies.py"
    module.write_text("def answer():\n    return 1\n")
    import edited_between_studies

    with LocalExecutor(workers=1, threads=1) as executor:
        executor.submit(edited_between_studies.answer)
        assert executor.wait()[0].value == 1
    module.write_text("def answer():\n    return 2  # edited\n")
    with LocalExecutor(workers=1, threads=1) as executor:
        executor.submit(importlib.reload(edited_between_studies).answer)
        assert executor.wait()[0].value == 2


def test_a_task_finds_its_folder_whatever_the_last_one_did(run, tmp_path):
    run(os.chdir, str(tmp_path))
    assert run(os.getcwd).value == str(Path.cwd())


def test_a_child_that_returns_too_is_not_heard(run):
    outcome = run(lambda: os.fork() == 0)
    assert outcome.value is False
    assert run(abs, -1).value == 1


def test_a_bloated_worker_is_replaced(run):
    kept = run(
        lambda: setattr(sys, "kept", bytearray(os.urandom(1) * 200_000_000)) or os.getpid(),
        limits=Limits(memory=300_000_000),
    )
    assert run(os.getpid).value != kept.value


def test_a_finished_process_is_reaped_in_the_worker(run):
    def spawn():
        subprocess.Popen(["true"])
        return os.getpid()

    run(spawn)
    run(time.sleep, 0.1)
    assert [child.status() for child in psutil.Process(run(os.getpid).value).children()] == []


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


def test_helpers_of_a_task_that_is_killed_for_time_tidy_up(run, tmp_path, monkeypatch, until):
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    def nest_and_sleep():
        inner = LocalExecutor(workers=1)
        inner.submit(time.sleep, 1000)
        time.sleep(1000)

    assert run(nest_and_sleep, limits=Limits(seconds=2.5)).ending is Ending.TIMED_OUT
    release_workers()
    until(lambda: not list(tmp_path.glob("seasoned-*")), "the nested driver's folder goes")


def test_what_has_ended_is_told_after_an_answer_that_failed(until):
    def refuse(_):
        raise RuntimeError("no room")

    with LocalExecutor(workers=2) as executor:
        news = executor._loop.exchange
        executor.submit(lambda value, ask: ask(value), 1, answer=refuse)
        done = executor.submit(abs, -2)
        until(lambda: news._questions and news._endings, "one asks and one has ended")
        with pytest.raises(RuntimeError, match="no room"):
            executor.wait(60.0)
        assert [(outcome.task, outcome.value) for outcome in executor.wait(60.0)] == [(done, 2)]


@pytest.mark.skipif(sys.platform != "linux", reason="there the command line is read from /proc")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_any_kind_end_with_their_task(run, method):
    def leave():
        context = multiprocessing.get_context(method)
        child = context.Process(target=time.sleep, args=(1000,))
        child.start()
        return child.pid

    outcome = run(leave)
    run(abs, 1)
    assert not running(outcome.value)


def test_the_guard_forgets_a_worker_whose_process_is_gone(run, monkeypatch):
    run(abs, 1)
    forgotten, done = [], POOL.session.done
    monkeypatch.setattr(POOL.session, "done", lambda worker: forgotten.append(worker) or done(worker))
    assert run(lambda: os._exit(3), limits=Limits(seconds=60.0)).ending is Ending.DIED
    assert forgotten


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
