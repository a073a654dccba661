"""Delivery of outcomes and errors from the scheduler and the workers to the caller."""

from __future__ import annotations

import pytest

from seasoned.execution.local import LocalExecutor
from seasoned.execution.workers.worker import failure


def test_outcomes_are_delivered_after_an_answer_that_failed(until):
    def refuse(_):
        raise RuntimeError("no room")

    with LocalExecutor(workers=2) as executor:
        news = executor.scheduler.exchange
        executor.submit(lambda value, ask: ask(value), 1, answer=refuse)
        done = executor.submit(abs, -2)
        until(lambda: news._questions and news._endings, "one asks and one has ended")
        with pytest.raises(RuntimeError, match="no room"):
            executor.wait(60.0)
        assert [(outcome.task, outcome.value) for outcome in executor.wait(60.0)] == [(done, 2)]


def test_an_error_of_the_scheduler_reaches_the_caller(monkeypatch, caplog):
    def fail(_):
        raise ZeroDivisionError

    monkeypatch.setattr("seasoned.execution.workers.scheduler.LocalScheduler._assign", fail)
    with LocalExecutor(workers=1) as executor:
        executor.submit(abs, 1)
        with pytest.raises(RuntimeError, match="the executor failed"):
            executor.wait()
    assert "ZeroDivisionError" in caplog.text


def test_the_reason_of_a_failed_task_is_one_line():
    ending, _, reason, *_ = failure(RuntimeError("sizes differ:\n" + "layer\n" * 100))
    assert (ending, reason) == ("raised", "RuntimeError: sizes differ:")
