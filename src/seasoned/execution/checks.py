"""Contract checks of an executor, for tests of any implementation.

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_contract(check):
        check(lambda workers: MyExecutor(workers))

A check raises AssertionError for a broken rule of the protocol. Each check takes a factory: workers -> a new executor.
Checks of processes and files need workers on this machine, on a POSIX system.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from seasoned.errors import InvalidInput
from seasoned.execution._system.process_tree import process_table
from seasoned.execution.base import Ending, Executor, Limits, Outcome

__all__ = ["CHECKS", "Check", "Factory", "collect"]

Factory = Callable[[int], Executor]
Check = Callable[[Factory], None]

_PATIENCE = 60.0  # seconds until a check treats the executor as hung; not a speed requirement
_BRIEF = Limits(seconds=0.3)


def collect(executor: Executor, count: int) -> dict[int, Outcome]:
    """Wait for `count` outcomes; return them by task number.

    Raises:
        AssertionError: The outcomes do not arrive within a minute, or one arrives twice.
    """
    found: dict[int, Outcome] = {}
    deadline = time.monotonic() + _PATIENCE
    while len(found) < count:
        outcomes = executor.wait(max(0.0, deadline - time.monotonic()))
        assert outcomes, f"{len(found)} of {count} outcomes after {_PATIENCE:g} s"
        for outcome in outcomes:
            assert outcome.task not in found, f"two outcomes for task {outcome.task}"
            found[outcome.task] = outcome
    return found


def check_returns_values(factory: Factory) -> None:
    """Values return unchanged, under the number of their task, in any order of completion."""
    with _open(factory, 2) as executor:
        delays = [0.1, 0.0, 0.05, 0.0, 0.0]
        numbers = [executor.submit(_slowly, index, delay) for index, delay in enumerate(delays)]
        outcomes = collect(executor, len(numbers))
        assert [outcomes[number].value for number in numbers] == list(range(len(delays)))
        assert all(outcome.ending is Ending.RETURNED for outcome in outcomes.values())
        assert all(outcome.reason is None and outcome.seconds >= 0 for outcome in outcomes.values())
        assert list(executor.wait(0.0)) == []


def check_queues_more_tasks_than_workers(factory: Factory) -> None:
    """Tasks beyond the number of workers are queued; exactly as many tasks as workers run at the same time."""
    with _open(factory, 2) as executor, _folder() as folder:
        assert executor.workers == 2
        for _ in range(6):
            executor.submit(_span, 0.05)
        spans = [outcome.value for outcome in collect(executor, 6).values()]
        for start, _ in spans:
            assert sum(first <= start < last for first, last in spans) <= 2
        for name in ("one", "other"):
            executor.submit(_meet, folder / name, limits=Limits(seconds=_PATIENCE / 2))
        endings = {outcome.ending for outcome in collect(executor, 2).values()}
        assert endings == {Ending.RETURNED}, "of two workers one was idle while a task waited"


def check_takes_lambdas_and_closures(factory: Factory) -> None:
    """Callables without an importable name can be submitted too, with the objects that they refer to."""
    offset = 10
    with _open(factory, 1) as executor:
        executor.submit(lambda value: value + offset, 5)
        assert collect(executor, 1)[0].value == 15


def check_reports_exceptions(factory: Factory) -> None:
    """An exception ends only its own task; the outcome contains the exception and its traceback."""
    with _open(factory, 1) as executor:
        number = executor.submit(_raise, ValueError("no such depth"))
        outcome = collect(executor, 1)[number]
        assert outcome.ending is Ending.RAISED
        assert isinstance(outcome.exception, ValueError)
        assert "no such depth" in str(outcome.reason)
        assert "_raise" in str(outcome.traceback)
        _still_works(executor)


def check_survives_exits(factory: Factory) -> None:
    """sys.exit is an exception, os._exit and signals are deaths; the outcomes differ, and the next task runs."""
    with _open(factory, 1) as executor:
        for error, word in ((SystemExit(2), "sys.exit(2)"), (KeyboardInterrupt(), "KeyboardInterrupt")):
            outcome = _run(executor, _raise, error)
            assert (outcome.ending, word in str(outcome.reason)) == (Ending.RAISED, True), outcome
        for code in (0, 3):
            outcome = _run(executor, os._exit, code)
            assert (outcome.ending, f"exit code {code}" in str(outcome.reason)) == (Ending.DIED, True), outcome
        outcome = _run(executor, _send_signal, signal.SIGSEGV)
        assert (outcome.ending, "SIGSEGV" in str(outcome.reason)) == (Ending.DIED, True), outcome
        _still_works(executor)


def check_time_limit_holds(factory: Factory) -> None:
    """A task is killed at its time limit in Python code, asleep, and in C code that holds the interpreter lock."""
    with _open(factory, 1) as executor:
        for hang in (_spin, _hold_interpreter, _ignore_signals):
            outcome = _run(executor, hang, limits=_BRIEF)
            assert (outcome.ending, "0.3 s" in str(outcome.reason)) == (Ending.TIMED_OUT, True), outcome
            assert outcome.seconds >= 0.25
        _still_works(executor)


def check_time_counts_from_the_start_of_a_task(factory: Factory) -> None:
    """Time in the queue does not count against the time limit."""
    with _open(factory, 1) as executor:
        for _ in range(3):
            executor.submit(_slowly, 1, 0.4, limits=Limits(seconds=1.0))
        assert {outcome.ending for outcome in collect(executor, 3).values()} == {Ending.RETURNED}


def check_memory_limit_holds(factory: Factory) -> None:
    """A task above its memory limit is killed, also if a child uses the memory; the reason contains usage and limit."""
    limits = Limits(memory=250_000_000)
    with _open(factory, 1) as executor:
        for eater in (_eat, _fork_eater):
            outcome = _run(executor, eater, limits=limits)
            assert (outcome.ending, "250 MB" in str(outcome.reason)) == (Ending.OUT_OF_MEMORY, True), outcome
        outcome = _run(executor, _raise, MemoryError("2 TB"))
        assert outcome.ending is Ending.OUT_OF_MEMORY
        _still_works(executor)


def check_result_at_the_limit_counts_once(factory: Factory) -> None:
    """A task that ends at its limit has one outcome, the result or the limit, and disturbs no other task."""
    with _open(factory, 2) as executor:
        limits = Limits(seconds=0.05)
        numbers = [executor.submit(_slowly, index, 0.042 + index % 8 / 1000, limits=limits) for index in range(24)]
        outcomes = collect(executor, len(numbers))
        for index, number in enumerate(numbers):
            outcome = outcomes[number]
            expected = index if outcome.ending is Ending.RETURNED else None
            assert outcome.ending in {Ending.RETURNED, Ending.TIMED_OUT}, outcome
            assert outcome.value == expected
        assert list(executor.wait(0.1)) == []


def check_kills_whole_trees(factory: Factory) -> None:
    """Children, and orphans that left the session, end with their task: after a kill, cancellation or normal end."""
    with _open(factory, 1) as executor, _folder() as folder:
        tasks = {Ending.TIMED_OUT: _family_that_hangs, Ending.RETURNED: _family, Ending.DIED: _family_that_dies}
        for ending, task in tasks.items():
            outcome = _run(executor, task, folder / ending, limits=Limits(seconds=2.0))
            assert outcome.ending is ending, outcome
            _assert_gone(folder / ending)
    with _folder() as folder:  # the same when the executor is closed while the task runs
        with _open(factory, 1) as executor:
            executor.submit(_family_that_hangs, folder)
            _until(lambda: len(_pids(folder)) == 2, "the family starts")
        _assert_gone(folder)


def check_cancel(factory: Factory) -> None:
    """Running and queued tasks can be cancelled; cancelling ended tasks and unknown numbers has no effect."""
    with _open(factory, 1) as executor, _folder() as folder:
        running = executor.submit(_family_that_hangs, folder)
        queued = executor.submit(_slowly, 1, 0.0)
        last = executor.submit(_slowly, 2, 0.0)
        _until(lambda: len(_pids(folder)) == 2, "the task starts")
        executor.cancel(queued)
        executor.cancel(running)
        outcomes = collect(executor, 3)
        assert outcomes[running].ending is outcomes[queued].ending is Ending.CANCELLED
        assert outcomes[last].value == 2
        _assert_gone(folder)
        executor.cancel(last)
        executor.cancel(12345)
        assert list(executor.wait(0.1)) == []
        _still_works(executor)


def check_unpicklable_results(factory: Factory) -> None:
    """An unpicklable result ends its task with a reason; of an unpicklable exception the text is returned."""
    with _open(factory, 1) as executor:
        outcome = _run(executor, _make_lock)
        assert (outcome.ending, "cannot be sent back" in str(outcome.reason)) == (Ending.RAISED, True), outcome
        outcome = _run(executor, _raise_stubborn)
        assert (outcome.ending, "stubborn" in str(outcome.reason)) == (Ending.RAISED, True), outcome
        with contextlib.suppress(InvalidInput):
            executor.submit(lambda lock: lock, _make_lock())
            raise AssertionError("an argument that cannot travel must be refused when it is submitted")
        _still_works(executor)


def check_callable_travels_once(factory: Factory) -> None:
    """A worker unpickles a callable once; caches of the callable persist, and its arrays are read-only maps."""
    import numpy as np

    task = _Warm(np.arange(300_000.0))
    with _open(factory, 1) as executor:
        calls = [_run(executor, task).value for _ in range(3)]
        assert [call["calls"] for call in calls] == [1, 2, 3]
        assert {call["sum"] for call in calls} == {task.array.sum()}
        assert not any(call["writeable"] for call in calls)
        assert _run(executor, _is_writeable, np.zeros(300_000)).value is False
        assert _run(executor, _is_writeable, np.zeros(3)).value is False


def check_answers_what_tasks_ask(factory: Factory) -> None:
    """Each task gets the answers to its own questions, computed in the waiting thread, also if many tasks ask."""
    heard: list[tuple[str, int]] = []

    def answer(message: tuple[str, int]) -> int:
        heard.append((threading.current_thread().name, message[1]))
        return message[1] * 10

    with _open(factory, 2) as executor:
        numbers = [executor.submit(_ask_often, start, answer=answer) for start in (0, 100, 200)]
        silent = executor.submit(_slowly, 7, 0.0)
        outcomes = collect(executor, 4)
        for number, start in zip(numbers, (0, 100, 200), strict=True):
            assert outcomes[number].value == [10 * (start + index) for index in range(20)], outcomes[number]
        assert outcomes[silent].value == 7
    assert {name for name, _ in heard} == {threading.current_thread().name}
    assert sorted(value for _, value in heard) == sorted(start + i for start in (0, 100, 200) for i in range(20))


def check_limits_hold_while_a_task_waits_for_an_answer(factory: Factory) -> None:
    """A task is killed at its limit while it waits for an answer; a task that dies after a question is a death."""
    with _open(factory, 1) as executor:
        number = executor.submit(_ask_often, 0, limits=_BRIEF, answer=lambda _: time.sleep(1.0))
        assert collect(executor, 1)[number].ending is Ending.TIMED_OUT
        number = executor.submit(_ask_and_die, answer=lambda _: 1)
        assert collect(executor, 1)[number].ending is Ending.DIED
        _still_works(executor)


def check_an_answer_that_fails_leaves_wait(factory: Factory) -> None:
    """An exception of the caller's `answer` function propagates from `wait`; it is not an outcome of the task."""

    def answer(_: object) -> object:
        raise ArithmeticError("no answer")

    with _open(factory, 1) as executor:
        executor.submit(_ask_often, 0, answer=answer)
        with contextlib.suppress(ArithmeticError):
            collect(executor, 1)
            raise AssertionError("the answer's error was lost")


def check_close_ends_everything(factory: Factory) -> None:
    """After `close`, which may be called twice, no task runs; another executor is not affected."""
    with _open(factory, 1) as other, _open(factory, 2) as executor, _folder() as folder:
        for _ in range(4):
            executor.submit(_spin_known, folder)
        _until(lambda: len(_pids(folder)) == 2, "two of the tasks start")
        executor.close()
        executor.close()
        _assert_gone(folder)
        _still_works(other)
        assert list(other.wait(0.0)) == []


CHECKS: tuple[Check, ...] = (
    check_returns_values,
    check_queues_more_tasks_than_workers,
    check_takes_lambdas_and_closures,
    check_reports_exceptions,
    check_survives_exits,
    check_time_limit_holds,
    check_time_counts_from_the_start_of_a_task,
    check_memory_limit_holds,
    check_result_at_the_limit_counts_once,
    check_kills_whole_trees,
    check_cancel,
    check_unpicklable_results,
    check_callable_travels_once,
    check_answers_what_tasks_ask,
    check_limits_hold_while_a_task_waits_for_an_answer,
    check_an_answer_that_fails_leaves_wait,
    check_close_ends_everything,
)


# ---- helpers of the checks


@contextlib.contextmanager
def _open(factory: Factory, workers: int) -> Iterator[Executor]:
    executor = factory(workers)
    try:
        yield executor
    finally:
        executor.close()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def _ask_often(start: int, ask: Callable[[Any], Any]) -> list[Any]:
    return [ask(("number", start + index)) for index in range(20)]


def _ask_and_die(ask: Callable[[Any], Any]) -> None:
    ask(("number", 0))
    os._exit(3)


def _run(executor: Executor, function: Callable[..., Any], *args: Any, limits: Limits | None = None) -> Outcome:
    number = executor.submit(function, *args, limits=limits or Limits())
    return collect(executor, 1)[number]


def _still_works(executor: Executor) -> None:
    assert _run(executor, _slowly, "well", 0.0).value == "well"


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"in vain for {_PATIENCE:g} s: {what}"
        time.sleep(0.005)


def _pids(folder: Path) -> set[int]:
    return {int(file.name) for file in folder.glob("[0-9]*")}


def _assert_gone(folder: Path) -> None:
    pids = _pids(folder)
    assert len(pids) == 2, "the task did not start all of its family"
    _until(lambda: not pids & set(process_table()), f"the processes of the task end: {pids}")


# ---- tasks


def _slowly(value: Any, seconds: float) -> Any:
    time.sleep(seconds)
    return value


def _span(seconds: float) -> tuple[float, float]:
    start = time.monotonic()
    time.sleep(seconds)
    return start, time.monotonic()


def _meet(file: Path) -> None:
    """Wait for another task that calls this function with the same folder."""
    file.touch()
    while len(list(file.parent.iterdir())) < 2:
        time.sleep(0.005)


def _raise(error: BaseException) -> None:
    raise error


def _send_signal(number: int) -> None:
    os.kill(os.getpid(), number)


def _spin() -> None:
    while True:
        pass


def _spin_known(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    _spin()


def _hold_interpreter() -> None:
    ctypes.PyDLL(None).sleep(1000)  # PyDLL holds the interpreter lock


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(1000)


def _eat() -> None:
    meals = []
    while True:
        meals.append(bytearray(5_000_000))
        time.sleep(0.001)  # slow enough for the limit to act before the machine runs out of memory


def _fork_eater() -> None:
    if os.fork() == 0:
        _eat()
    time.sleep(1000)


def _family(folder: Path) -> None:
    """Start a child, and an orphan in its own session; each writes its process id to the folder."""
    folder.mkdir(exist_ok=True)
    if os.fork() == 0:
        _stay(folder)
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            _stay(folder)
        os._exit(0)
    while len(_pids(folder)) < 2:
        time.sleep(0.002)


def _stay(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(1000)
    os._exit(0)


def _family_that_hangs(folder: Path) -> None:
    _family(folder)
    _spin()


def _family_that_dies(folder: Path) -> None:
    _family(folder)
    os._exit(1)


def _make_lock() -> Any:
    import threading

    return threading.Lock()


class _StubbornError(Exception):
    """Exception that cannot be unpickled: its constructor needs more arguments than `args` holds."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"stubborn {what} {why}")


def _raise_stubborn() -> None:
    raise _StubbornError("as", "ever")


class _Warm:
    """Callable that counts its calls and holds a large array."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.calls = 0

    def __call__(self) -> dict[str, Any]:
        self.calls += 1
        return {"calls": self.calls, "sum": float(self.array.sum()), "writeable": _is_writeable(self.array)}


def _is_writeable(array: Any) -> bool:
    return bool(array.flags.writeable)
