"""The race: a poor configuration costs one fold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from in_process import stay_in_process
from seasoned import AutoClassifier, SearchSettings


@pytest.fixture(autouse=True)
def here(monkeypatch):
    stay_in_process(monkeypatch)


def circle(rows=400):
    """Classes that no line separates."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 2))
    return pd.DataFrame(X, columns=["a", "b"]), (np.hypot(*X.T) > 1.18).astype(int)


def test_configurations_far_behind_after_one_fold_are_pruned_and_the_reason_is_told():
    X, y = circle()
    settings = SearchSettings(models=["linear", "lightgbm"], folds=3)
    model = AutoClassifier(trials=10, search=settings, experience=None, random_state=0).fit(X, y)
    board = model.leaderboard()
    by_model = board.groupby("model")["state"].agg(set)
    assert by_model["linear"] == {"complete", "pruned"}, "its default sets no bar for itself; the others lose the race"
    assert "pruned" not in by_model["lightgbm"] or "complete" in by_model["lightgbm"]
    assert len(board) == 10
    pruned = [trial for trial in model.fitted_.trials if trial.state == "pruned"]
    assert all("of 3 folds reached roc_auc" in trial.error for trial in pruned)
    assert model.score(X, y) > 0.9
    assert max(model.fitted_.members, key=lambda member: member.weight).name == "lightgbm"


def test_one_fold_is_no_race():
    X, y = circle()
    fold = [(np.arange(300), np.arange(300, 400))]
    settings = SearchSettings(models=["linear", "lightgbm"])
    model = AutoClassifier(trials=5, search=settings, validation=fold, experience=None, random_state=0).fit(X, y)
    assert set(model.leaderboard()["state"]) == {"complete"}


def test_a_single_model_can_be_asked_for():
    X, y = circle()
    settings = SearchSettings(models=["linear", "lightgbm"], folds=3, ensemble=1)
    model = AutoClassifier(trials=5, search=settings, experience=None, random_state=0).fit(X, y)
    assert len(model.fitted_.members) == 1
    assert model.leaderboard()["weight"].tolist()[0] == 1.0
