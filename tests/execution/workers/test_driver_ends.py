"""Ends of drivers and their workers; each driver is a script of its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from seasoned.execution._system.process_tree import tagged

PATIENCE = 60.0  # seconds after which something hangs; says nothing about speed
HANGING = """
    import ctypes, os, signal, sys, time
    from seasoned.execution.local import LocalExecutor
    from seasoned.execution.workers.pool import POOL

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def hang(place):
        if os.fork() == 0:
            os.setsid()
            time.sleep(1000)
        open(os.path.join(place, str(os.getpid())), "w").close()
        ctypes.PyDLL(None).sleep(1000)

    executor = LocalExecutor(workers=2, threads=1)
    for _ in range(2):
        executor.submit(hang, os.path.dirname(__file__))
    while sum(name.isdigit() for name in os.listdir(os.path.dirname(__file__))) < 2:
        time.sleep(0.01)
    print(POOL.session.tag, POOL.session.folder, flush=True)
    {then}
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_no_orphan_outlives_a_driver_that_is_killed(script, until, assert_no_orphans, number):
    process = script(HANGING.format(then="executor.wait()"))
    tag, folder = process.stdout.readline().split()
    assert len(tagged(tag)) == 4  # two workers that hold the interpreter, a child of each
    process.send_signal(number)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == -number
    assert_no_orphans(tag)
    until(lambda: not Path(folder).exists(), "the guard removes the folder")


@pytest.mark.parametrize("then", ["sys.exit(0)", "raise SystemExit(4)", "os._exit(5)", "executor.close()", ""])
def test_no_orphan_outlives_a_driver_that_ends(script, until, assert_no_orphans, then):
    process = script(HANGING.format(then=then))
    tag, folder = process.stdout.readline().split()
    output, _ = process.communicate(timeout=PATIENCE)
    assert output == ""
    assert_no_orphans(tag)
    until(lambda: not Path(folder).exists(), "the folder is removed")


def test_ctrl_c_leaves_the_executor_usable(script, until, assert_no_orphans):
    process = script("""
        import signal, time
        from seasoned.execution.local import LocalExecutor
        from seasoned.execution.workers.pool import POOL

        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
        executor = LocalExecutor(workers=1)
        hanging = executor.submit(time.sleep, 1000)
        try:
            print(POOL.session.tag, flush=True)
            executor.wait()
        except KeyboardInterrupt:
            print("interrupted", executor.wait(0.0), flush=True)
        executor.cancel(hanging)
        executor.submit(abs, -3)
        outcomes = []
        while len(outcomes) < 2:
            outcomes += executor.wait()
        print(*(outcome.ending for outcome in outcomes), outcomes[1].value)
        executor.close()
    """)
    tag = process.stdout.readline().strip()
    until(lambda: tagged(tag), "the worker starts")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=PATIENCE)
    assert output.splitlines() == ["interrupted []", "cancelled returned 3"]
    assert process.returncode == 0
    assert_no_orphans(tag)


def test_an_unguarded_script_may_send_its_own_classes(script):
    """No `if __name__ == "__main__"`: the workers never import the script."""
    process = script("""
        import dataclasses
        from seasoned.execution.local import LocalExecutor
        import beside

        print("imported", flush=True)

        @dataclasses.dataclass
        class Point:
            x: int

        class Odd(Exception):
            pass

        def move(point):
            if point.x < 0:
                raise Odd(point.x)
            return Point(beside.move(point.x))

        with LocalExecutor(workers=2) as executor:
            executor.submit(move, Point(1))
            (outcome,) = executor.wait()
            assert isinstance(outcome.value, Point), outcome
            executor.submit(move, Point(-1))
            (failure,) = executor.wait()
            assert isinstance(failure.exception, Odd), failure
            print(outcome.value)
    """)
    (Path(process.args[-1]).parent / "beside.py").write_text("def move(x):\n    return x + 1\n")
    output, _ = process.communicate(timeout=PATIENCE)
    assert output.splitlines() == ["imported", "Point(x=2)"]


def test_limits_hold_while_the_driver_holds_its_interpreter(script):
    """The guard is a process of its own: a driver that computes in C does not give its workers more time."""
    process = script("""
        import ctypes, os, time
        from seasoned.execution.base import Limits
        from seasoned.execution.local import LocalExecutor

        def count(path):
            while True:
                with open(path, "a") as file:
                    file.write(".")
                time.sleep(0.01)

        path = os.path.join(os.path.dirname(__file__), "ticks")
        executor = LocalExecutor(workers=1)
        executor.submit(count, path, limits=Limits(seconds=0.3))
        while not os.path.exists(path):
            time.sleep(0.01)
        ctypes.PyDLL(None).sleep(2)
        ticks = os.path.getsize(path)
        (outcome,) = executor.wait()
        executor.close()
        print(outcome.ending, os.path.getsize(path) == ticks, ticks < 150)
    """)
    output, _ = process.communicate(timeout=PATIENCE)
    assert output.split() == ["timed_out", "True", "True"]


def test_a_forked_child_cannot_use_or_harm_its_parents_workers(script):
    process = script("""
        import os, sys
        from seasoned.execution.local import LocalExecutor, release_workers
        from seasoned.execution.workers.pool import POOL

        def answer(executor):
            executor.submit(os.getppid)
            (outcome,) = executor.wait()
            return outcome.value

        executor = LocalExecutor(workers=1)
        assert answer(executor) == os.getpid()
        child = os.fork()
        if child == 0:
            for refused in (lambda: executor.submit(abs, 1), executor.wait, lambda: executor.cancel(0)):
                try:
                    refused()
                except RuntimeError as error:
                    assert "forked" in str(error)
                else:
                    os._exit(1)
            executor.close()
            del executor
            assert POOL._session is None
            own = LocalExecutor(workers=1)
            assert answer(own) == os.getpid()
            own.close()
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert answer(executor) == os.getpid()
        assert os.path.isdir(POOL.session.folder)
        executor.close()
        print("fine")
    """)
    output, _ = process.communicate(timeout=PATIENCE)
    assert output == "fine\n"


def test_a_forked_child_does_not_keep_a_dead_drivers_workers_alive(script, assert_no_orphans):
    """The child holds copies of all the driver's descriptors; the workers end all the same."""
    process = script(HANGING.format(then="print(os.fork() or time.sleep(1000), flush=True); executor.wait()"))
    tag, _ = process.stdout.readline().split()
    child = int(process.stdout.readline())
    process.kill()
    process.wait(PATIENCE)
    assert_no_orphans(tag)
    os.kill(child, signal.SIGKILL)
