"""Display of scores and predictions: undefined scores, errors and progress."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from seasoned import load
from seasoned._util.progress_bar import Display
from seasoned.cli.display import score_of, watch
from seasoned.tabular.ensemble import fitted_model as fitted_module

RNG = np.random.default_rng(0)


@pytest.fixture
def table():
    X = pd.DataFrame(RNG.normal(size=(120, 2)), columns=["a", "b"])
    return X, pd.Series(np.where(X["a"] > 0, "yes", "no"))


def test_error_while_predicting_is_no_undefined_score(table, monkeypatch):
    X, y = table

    def fails(*_):
        raise ValueError("Input X contains NaN")

    model = SimpleNamespace(
        feature_names_in_=list(X.columns),
        fitted_=SimpleNamespace(metric=SimpleNamespace(score=float)),
        score=fails,
        predict=fails,
    )
    said = SimpleNamespace(counts=lambda _: True, features=lambda *_: X, weights_of=lambda _: None, target="y")
    with pytest.raises(ValueError, match="contains NaN"):
        score_of(model, said, X.assign(y=y))
    model.predict = lambda _: None
    assert score_of(model, said, X.assign(y=y)) is None


def test_watched_predictions_are_counted_and_unchanged(first, monkeypatch):
    model, table = load("m.s"), pd.read_csv("t.csv")
    before = model.predict(table)
    monkeypatch.setattr(fitted_module, "MAX_PART_ROWS", 30)
    seen = []
    with Display("predicting", shown=False) as display:
        watch(model, 80, 1, display)
        monkeypatch.setattr(display, "update", lambda done, text: seen.append((done, text)))
        assert model.predict(table).tolist() == before.tolist()
    assert seen == [(30, "30 done"), (60, "60 done"), (80, "80 done")]
