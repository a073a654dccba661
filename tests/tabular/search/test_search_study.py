"""Study of a search: whole trials, and the end after an error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from in_process import estimator, stay_in_process
from messy import messy
from seasoned import SearchSettings
from seasoned.study import Study
from seasoned.tabular.budget.callbacks import ElapsedTimes


def circle(rows=400):
    """Classes that no line separates."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 2))
    return pd.DataFrame(X, columns=["a", "b"]), (np.hypot(*X.T) > 1.18).astype(int)


def test_a_poor_family_has_complete_trials_too(cache, monkeypatch):
    stay_in_process(monkeypatch)
    X, y = circle()
    search = SearchSettings(models=["linear", "lightgbm"], folds=3)
    model = estimator("classification", trials=10, search=search).fit(X, y)
    board = model.leaderboard()
    assert board["state"].tolist() == ["complete"] * 10
    assert model.score(X, y) > 0.9
    assert max(model.fitted_.members, key=lambda member: member.weight).name == "lightgbm"


def test_a_single_model_can_be_asked_for(cache, monkeypatch):
    stay_in_process(monkeypatch)
    X, y = circle()
    search = SearchSettings(models=["linear", "lightgbm"], folds=3, ensemble=1)
    model = estimator("classification", trials=5, search=search).fit(X, y)
    assert len(model.fitted_.members) == 1
    assert model.leaderboard()["weight"].tolist()[0] == 1.0


def test_search_closes_its_study_after_an_error(cache, monkeypatch):
    stay_in_process(monkeypatch)
    closed, close = [], Study.close
    monkeypatch.setattr(Study, "close", lambda study: closed.append(1) or close(study))
    monkeypatch.setattr(ElapsedTimes, "__call__", lambda *_: 1 / 0)
    X, y = messy("binary", rows=80)
    with pytest.raises(ZeroDivisionError):
        estimator("classification").fit(X, y)
    assert closed
