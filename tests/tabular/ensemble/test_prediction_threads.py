"""Prediction of a whole fit: how many threads it takes, and that it leaves them as they were."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from in_process import estimator, stay_in_process
from messy import messy
from seasoned import SearchSettings, load
from seasoned.execution._system.resources import cpu_count
from seasoned.tabular.ensemble import prediction_threads
from seasoned.tabular.ensemble.fitted_model import Member
from seasoned.tabular.ensemble.prediction_threads import map_members


def threads():
    import sklearn.ensemble  # noqa: F401 - brings OpenMP

    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"]


class Spy:
    """Predicts 0 and remembers the threads that it could have used."""

    n_features_in_ = None

    def predict(self, X):
        self.seen = threads()
        return np.zeros(len(X))


@pytest.mark.parametrize(("rows", "limited"), [(1, True), (240, True), (2400, False)])
def test_few_rows_are_predicted_by_one_thread_and_the_setting_comes_back(fitted, rows, limited):
    model, X, _ = fitted["regression"]
    table, spy = X.sample(rows, replace=True, random_state=0), Spy()
    one = replace(model.fitted_, members=(Member("linear", {}, spy),))
    with threadpool_limits(3, user_api="openmp"):
        before = threads()
        assert before
        assert set(before) == {3}
        one.predict(table)
        assert spy.seen == [1 if limited else min(3, cpu_count())] * len(before), "never more than were asked for"
        assert threads() == before


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_several_threads_predict_at_a_time(fitted, task, tmp_path):
    """Of a model that was just read, so that what is compiled at the first prediction is compiled meanwhile."""
    model, _, _ = fitted[task]
    X, _ = messy(task, rows=80, seed=5)
    expected = model.fitted_.predict(X)
    model.save(tmp_path / "m.seasoned")
    again = load(tmp_path / "m.seasoned").fitted_
    before = [pool["num_threads"] for pool in threadpool_info()]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda rows: again.predict(X.iloc[:rows]), [80, 1, 20, 80, 3, 80, 40, 80]))
    for part in found:
        np.testing.assert_allclose(part, expected[: len(part)], rtol=1e-12)
    assert [pool["num_threads"] for pool in threadpool_info()] == before


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_row_alone_is_predicted_as_among_others(fitted, task):
    model, _, _ = fitted[task]
    X, _ = messy(task, rows=30, seed=5)
    together = model.fitted_.predict(X)
    alone = np.concatenate([model.fitted_.predict(X.iloc[[row]]) for row in range(30)])
    np.testing.assert_allclose(alone, together, rtol=1e-12)


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
