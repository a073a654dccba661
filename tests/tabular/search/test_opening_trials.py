"""First trials in the driver while the workers load, and fits without stored rows."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from seasoned import AutoClassifier, SearchSettings, load
from seasoned.errors import InvalidInput
from seasoned.execution.local import release_workers
from seasoned.tabular.trial.cross_validation import CrossValidation

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(90, 2)), columns=["a", "b"])
y = (X["a"] > 0).map({True: "yes", False: "no"})


@pytest.fixture
def configurations_here(monkeypatch):
    """Configurations that are evaluated in this process."""
    here, call = [], CrossValidation.__call__

    def counted(self, config, trial=None):
        here.append(dict(config["model"]))
        return call(self, config, trial)

    monkeypatch.setattr(CrossValidation, "__call__", counted)
    return here


def test_the_first_trial_runs_here_while_the_workers_load(cache, configurations_here):
    settings = {"trials": 3, "workers": 1, "time_limit": None, "experience": None, "random_state": 0}
    search, seen = SearchSettings(models=["linear", "tree"], folds=3), []
    release_workers()
    cold = AutoClassifier(**settings, search=search).fit(X, y, callbacks=[lambda row: seen.append(row["number"])])
    assert [set(model) for model in configurations_here] == [{"linear"}]
    assert sorted(seen) == [0, 1, 2]
    warm = AutoClassifier(**settings, search=search).fit(X, y)
    np.testing.assert_array_equal(cold.predict_proba(X), warm.predict_proba(X))


def test_a_callback_may_end_the_fit_after_the_first_answer(cache):
    release_workers()
    search = SearchSettings(models=["linear", "tree"], folds=3)
    model = AutoClassifier(trials=30, time_limit=None, experience=None, search=search)
    model.fit(X, y, callbacks=[lambda row: row["number"] == 0])
    assert model.leaderboard()["model"].tolist() == ["linear"]
    assert model.score(X, y) > 0.9


def test_other_families_wait_for_the_workers(cache, configurations_here):
    release_workers()
    search = SearchSettings(models=["tree"], folds=3)
    AutoClassifier(trials=2, time_limit=None, experience=None, search=search).fit(X, y)
    assert configurations_here == []


def test_a_model_says_whether_it_contains_training_rows(cache, tmp_path, caplog):
    settings = {"trials": 2, "time_limit": None, "experience": None}
    with caplog.at_level(logging.INFO, "seasoned"):
        rows = AutoClassifier(**settings, search=SearchSettings(models=["neighbours"], folds=3)).fit(X, y)
    assert "The model contains training rows (neighbours)" in caplog.text
    rows.save(tmp_path / "model.seasoned")
    assert any("training rows" in sentence for sentence in load(tmp_path / "model.seasoned").fitted_.sentences)
    search = SearchSettings(models=["neighbours", "tree"], folds=3, store_rows=False)
    none = AutoClassifier(**settings, search=search).fit(X, y)
    assert set(none.leaderboard()["model"]) == {"tree"}
    assert none.fitted_.sentences == []


def test_store_rows_is_a_truth_value():
    with pytest.raises(InvalidInput, match="store_rows is 'no'"):
        SearchSettings(store_rows="no")
