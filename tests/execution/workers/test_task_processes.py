"""Processes of tasks: children, the folder, and the output of a task."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from seasoned.execution.base import Limits
from seasoned.execution.local import LocalExecutor, release_workers


def running(pid):
    """Return True while a process runs; an ended process may still wait to be reaped by process 1."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_task_that_used_joblib_leaves_no_process(run):
    def nested():
        from joblib import Parallel, delayed

        return os.getpid(), set(Parallel(n_jobs=2)(delayed(os.getpid)() for _ in range(8)))

    for _ in range(2):
        outcome = run(nested)
        _, pids = outcome.value
        run(abs, 1)
        assert not [pid for pid in pids if running(pid)]


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


def test_the_result_of_a_forked_child_is_ignored(run):
    outcome = run(lambda: os.fork() == 0)
    assert outcome.value is False
    assert run(abs, -1).value == 1


def test_a_finished_process_is_reaped_in_the_worker(run):
    def spawn():
        subprocess.Popen(["true"])
        return os.getpid()

    run(spawn)
    run(time.sleep, 0.1)
    assert [child.status() for child in psutil.Process(run(os.getpid).value).children()] == []


def test_a_task_starts_in_the_folder_of_the_driver(run, tmp_path):
    run(os.chdir, str(tmp_path))
    assert run(os.getcwd).value == str(Path.cwd())


def test_the_output_of_tasks_goes_to_the_output_of_the_driver(capfd):
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
