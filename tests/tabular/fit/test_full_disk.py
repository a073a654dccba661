"""A store that fails in the middle of a search: what was complete predicts, and the run waits for a resume."""

from contextlib import contextmanager

import numpy as np
import pytest

import seasoned.study.driver
from in_process import Here, stay_in_process
from messy import messy
from seasoned import AutoClassifier, SearchSettings
from seasoned.errors import StorageError
from seasoned.storage.engine import Connections
from seasoned.study.leases import Lease
from seasoned.tabular.trial.run_folder import list_runs


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(seasoned.study.driver, "RETRIES", (0.0,))
    monkeypatch.setattr(
        seasoned.study.driver, "Lease", lambda log, kind, _: Lease(log, kind, 0.5)
    )  # which could not end
    stay_in_process(monkeypatch)
    return tmp_path / "cache"


def full_after(cache, monkeypatch, complete):
    """From that many trials on nothing can be written to a store; gives back what makes room again."""
    usual = Connections.transaction

    @contextmanager
    def transaction(self, *, write=True):
        if write and len(list(cache.glob("runs/*/trials/*.npy"))) > complete:
            raise StorageError("the store is full.")
        with usual(self, write=write) as connection:
            yield connection

    monkeypatch.setattr(Connections, "transaction", transaction)
    return lambda: monkeypatch.setattr(Connections, "transaction", usual)


def estimator():
    search = SearchSettings(models=["linear", "tree"], folds=2)
    return AutoClassifier(trials=8, workers=1, search=search, random_state=0, experience=None)


def test_what_was_complete_predicts_and_the_rest_can_be_resumed(cache, monkeypatch, caplog):
    X, y = messy("binary", rows=200)
    make_room = full_after(cache, monkeypatch, complete=4)
    model = estimator().fit(X, y)
    done = [trial.config for trial in model.fitted_.trials if trial.state == "complete"]
    assert 1 <= len(done) < 8
    assert model.predict_proba(X).shape == (200, 2)
    assert "the store is full. The best models so far are fitted; fit(..., resume=True) goes on." in caplog.text
    assert len(list_runs()) == 1, "the run is kept"
    make_room()
    resumed = estimator().fit(X, y, resume=True)
    tried = [trial.config for trial in resumed.fitted_.trials if trial.state == "complete"]
    assert tried[: len(done)] == done
    assert len(tried) == 8
    assert [run.about["ended"] for run in list_runs()] == [True]


def test_where_nothing_is_complete_the_store_says_why(cache, monkeypatch):
    X, y = messy("binary", rows=200)
    full_after(cache, monkeypatch, complete=0)
    with pytest.raises(StorageError, match="the store is full"):
        estimator().fit(X, y)


def test_a_first_model_that_cannot_be_begun_costs_nothing_else(cache, monkeypatch, caplog):
    class Full(Here):
        def __init__(self, workers, threads=None):
            super().__init__()
            self.early = threads is not None  # the early model alone sets its threads

        def submit(self, *args, **more):
            if self.early:
                raise StorageError("the temporary folder is full.")
            return super().submit(*args, **more)

    monkeypatch.setattr("seasoned.tabular.budget.worker_pool.LocalExecutor", Full)
    X, y = messy("binary", rows=200)
    model = estimator().fit(X, y)
    assert "the first model is not fitted while the search goes on: the temporary folder is full." in caplog.text
    assert len(model.leaderboard()) == 8
    assert model.predict_proba(X).shape == (200, 2)


def test_text_that_no_worker_can_learn_is_an_error_and_no_stop(cache, monkeypatch):
    class Full(Here):
        def submit(self, function, *args, **more):
            if function.__name__ == "plan_from_file":
                raise StorageError("the temporary folder is full.")
            return super().submit(function, *args, **more)

    monkeypatch.setattr("seasoned.tabular.budget.worker_pool.LocalExecutor", Full)
    X, y = messy("binary", rows=200)
    words = np.random.default_rng(0).choice([f"word{number}" for number in range(60)], (len(X), 12))
    with pytest.raises(StorageError, match="text columns could not be learned"):
        estimator().fit(X.assign(note=[" ".join(row) for row in words]), y)
