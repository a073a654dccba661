"""Borrowed executor: tasks and workers of its owner are left alone."""

from __future__ import annotations

import time

from seasoned import Float, Space, Study
from seasoned.execution.base import Ending, Outcome
from seasoned.execution.borrowed import BorrowedExecutor


def test_closing_ends_the_tasks_of_the_borrower(executor):
    lent = BorrowedExecutor(executor)
    assert lent.workers == 1
    lent.submit(time.sleep, 1000)
    lent.submit(abs, -1)
    lent.close()
    lent.close()
    number = executor.submit(abs, -2)
    (outcome,) = executor.wait(60)
    assert (outcome.task, outcome.ending, outcome.value) == (number, Ending.RETURNED, 2)


def test_a_study_leaves_an_executor_of_the_user_open(executor):
    study = Study(Space(x=Float(-1, 1)), seed=0)
    for trials in (3, 6):
        study.optimize(lambda config: config["x"] ** 2, trials=trials, workers=executor)
        assert len(study.trials) == trials
    assert executor.submit(abs, -1) > 0


class Scripted:
    """An executor whose outcomes are written down beforehand."""

    workers = 2

    def __init__(self, *rounds):
        self.rounds, self.cancelled, self.count = list(rounds), [], 10

    def submit(self, *_, **__):
        self.count += 1
        return self.count

    def wait(self, _=None):
        return self.rounds.pop(0) if self.rounds else []

    def cancel(self, task):
        self.cancelled.append(task)


def ended(task):
    return Outcome(task, Ending.CANCELLED)


def test_outcomes_of_an_interrupted_call_are_dropped():
    lent = BorrowedExecutor(Scripted([ended(3)], [ended(4), ended(11)]))
    assert lent.submit(print) == 11
    assert lent.wait() == []
    assert [outcome.task for outcome in lent.wait()] == [11]


def test_a_borrowed_executor_is_returned_once_its_tasks_have_ended():
    scripted = Scripted([ended(3)], [ended(11)])
    lent = BorrowedExecutor(scripted)
    lent.submit(print)
    lent.close()
    assert scripted.cancelled == [11]
    assert scripted.rounds == []
