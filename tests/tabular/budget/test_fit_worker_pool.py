"""Worker pool: calls that are ready, that failed, and that there was no time for."""

from __future__ import annotations

import math

import pytest

from in_process import Here, estimator, stay_in_process
from messy import messy
from seasoned.errors import StorageError
from seasoned.execution.base import Ending
from seasoned.tabular.budget import worker_pool
from seasoned.tabular.budget.budget import Budget
from seasoned.tabular.budget.worker_pool import WorkerPool


@pytest.fixture
def pool(monkeypatch):
    monkeypatch.setattr(worker_pool, "LocalExecutor", Here)
    return WorkerPool(Budget(math.inf, 60.0, None, 2, None))


def ratio(a, b):
    return a / b


def test_a_failed_call_is_left_out_of_a_map_and_the_others_keep_their_index(pool):
    found = pool.map(ratio, [(4, 2), (1, 0), (9, 3)], math.inf)
    assert found == {0: 2.0, 2: 3.0}
    assert list(found) == [0, 2]


def test_a_map_without_calls_is_empty(pool):
    assert pool.map(ratio, [], -math.inf) == {}


@pytest.mark.parametrize("reason", ["deadline", "memory", "stop"])
def test_a_map_that_is_cut_off_has_no_result(pool, monkeypatch, reason):
    if reason == "memory":
        monkeypatch.setattr(Budget, "full", True)
    if reason == "stop":
        pool.budget.stop.ask("SIGINT")
    assert pool.map(ratio, [(1, 1)], 0.0 if reason == "deadline" else math.inf) is None


def test_a_call_that_is_taken_later_may_depend_on_earlier_outcomes(pool):
    ended = []

    def calls():
        yield 1, 0
        yield 4, 2
        if ended[0] is Ending.RAISED:
            yield 9, 3

    found = {}
    for index, outcome in pool.run_all(ratio, calls(), lambda: 1.0):
        ended.append(outcome.ending)
        found[index] = outcome.value
    assert found == {0: None, 1: 2.0, 2: 3.0}


def test_calls_that_cannot_be_started_are_logged_and_the_others_count(pool, monkeypatch, caplog):
    class Full(Here):
        def submit(self, function, *args, **more):
            if args == (9, 3):
                raise StorageError("the disk is full")
            return super().submit(function, *args, **more)

    monkeypatch.setattr(worker_pool, "LocalExecutor", Full)
    found = [outcome.value for _, outcome in pool.run_all(ratio, [(4, 2), (9, 3), (8, 2)], lambda: 1.0)]
    assert found == [2.0]
    assert "not all fits are started: the disk is full" in caplog.text
    assert pool.map(ratio, [(9, 3)], math.inf) is None


def test_fold_models_predict_when_a_full_disk_stops_the_last_fits(cache, monkeypatch, caplog):
    stay_in_process(monkeypatch)
    X, y = messy("binary", rows=80)

    class Full(worker_pool.LocalExecutor):
        def submit(self, *_, **__):
            raise StorageError("the disk is full")

    monkeypatch.setattr(worker_pool, "LocalExecutor", Full)
    model = estimator("binary", ("linear", "tree")).fit(X, y)
    assert "not all fits are started: the disk is full" in caplog.text
    assert model.predict_proba(X).shape == (80, 2)
