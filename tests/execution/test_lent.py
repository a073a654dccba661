"""A lent executor: its owner's tasks and workers are left alone."""

from __future__ import annotations

import time

import pytest

from seasoned import Float, Space, Study
from seasoned.errors import InvalidInput
from seasoned.execution.base import Ending
from seasoned.execution.borrowed import BorrowedExecutor


def test_closing_ends_what_was_submitted_through_it(executor):
    lent = BorrowedExecutor(executor)
    assert lent.workers == 1
    lent.submit(time.sleep, 1000)
    lent.submit(abs, -1)
    lent.close()
    lent.close()
    number = executor.submit(abs, -2)
    (outcome,) = executor.wait(60)
    assert (outcome.task, outcome.ending, outcome.value) == (number, Ending.RETURNED, 2)


def test_a_study_leaves_an_executor_of_its_users_open(executor):
    study = Study(Space(x=Float(-1, 1)), seed=0)
    for trials in (3, 6):
        study.optimize(lambda config: config["x"] ** 2, trials=trials, workers=executor)
        assert len(study.trials) == trials
    assert executor.submit(abs, -1) > 0


@pytest.mark.parametrize("workers", [0, -1, 1.5, "two"])
def test_workers_are_a_number_or_an_executor(workers):
    with pytest.raises(InvalidInput, match="executor"):
        Study(Space(x=Float(-1, 1))).optimize(abs, trials=1, workers=workers)
