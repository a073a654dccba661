"""Inline executor: tasks in the process of the caller."""

from __future__ import annotations

import pytest

from seasoned.execution.base import Ending
from seasoned.execution.workers.inline import InlineExecutor


def fail():
    raise ValueError("first line\nsecond line")


def test_inline_tasks_return_raise_or_exit():
    executor = InlineExecutor()
    for task in (lambda: 1, fail, lambda: exit(3)):  # noqa: PLR1722 - what a user might write
        executor.submit(task)
    returned, raised, left = (executor.wait()[0] for _ in range(3))
    assert (returned.task, returned.ending, returned.value) == (0, Ending.RETURNED, 1)
    assert (raised.ending, raised.reason) == (Ending.RAISED, "ValueError: first line")
    assert isinstance(raised.exception, ValueError)
    assert "in fail" in raised.traceback
    assert left.reason == "the task called sys.exit(3)"
    assert executor.wait() == []


def test_an_inline_executor_cancels_and_closes():
    executor = InlineExecutor()
    tasks = [executor.submit(lambda number=number: number) for number in range(3)]
    executor.cancel(tasks[1])
    executor.cancel(99)
    assert [(o.task, o.ending) for o in executor.wait()] == [(1, Ending.CANCELLED)]
    assert executor.wait()[0].value == 0
    executor.close()
    assert executor.wait() == []


def test_an_interrupt_of_an_inline_task_is_raised():
    def interrupt():
        raise KeyboardInterrupt

    executor = InlineExecutor()
    executor.submit(interrupt)
    with pytest.raises(KeyboardInterrupt):
        executor.wait()
