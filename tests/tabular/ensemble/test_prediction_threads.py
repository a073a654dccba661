"""Threads of a prediction: members side by side, with the same bits."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from in_process import estimator, stay_in_process
from seasoned import SearchSettings
from seasoned.tabular.ensemble import prediction_threads
from seasoned.tabular.ensemble.prediction_threads import map_members


@pytest.fixture
def two_cores(monkeypatch):
    monkeypatch.setattr(prediction_threads, "cpu_count", lambda: 2)


@pytest.mark.parametrize(
    ("rows", "free", "threads"), [(10, True, 1), (2_000, True, 2), (2_000, False, 1), (10**5, True, 1)]
)
def test_only_batches_of_medium_size_get_threads(two_cores, rows, free, threads):
    both = threading.Barrier(2, timeout=20)

    def predict(member):
        if threads == 2:
            both.wait()  # returns only if the members run at the same time
        return member, threading.current_thread() is threading.main_thread()

    found = map_members(predict, ["a", "b"], rows, side_by_side=free)
    assert found == [("a", threads == 1), ("b", threads == 1)]


def test_an_error_of_a_member_reaches_the_caller(two_cores):
    with pytest.raises(ZeroDivisionError):
        map_members(lambda member: 1 // member, [1, 0, 1], 2_000, side_by_side=True)


def test_threads_do_not_change_a_bit(monkeypatch, tmp_path):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2_000, 5))
    y = X[:, 0] * X[:, 1] + X[:, 2] + rng.normal(size=2_000)
    search = SearchSettings(models=["linear", "lightgbm", "extra_trees", "mlp", "neighbours"], folds=2)
    model = estimator("regression", trials=5, search=search).fit(X[:300], y[:300])
    assert len(model.fitted_.members) > 1
    found = []
    for cores in (1, 4):
        monkeypatch.setattr(prediction_threads, "cpu_count", lambda cores=cores: cores)
        found.append(model.predict(X))
    np.testing.assert_array_equal(*found)
