"""What newcomers do with fitted models: arrays for frames, files fitted again, metrics of scikit-learn as functions."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import f1_score
from sklearn.model_selection import TimeSeriesSplit

from in_process import stay_in_process
from seasoned import AutoClassifier, CustomModel, SearchSettings, Space, load
from seasoned.errors import InvalidInput

QUICK = {"trials": 1, "random_state": 0, "experience": None, "search": SearchSettings(models=["linear"])}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)


def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    return X, np.where(X["a"] + 0.3 * rng.normal(size=200) > 0, "yes", "no")


def test_an_array_is_told_by_place_where_the_model_knows_names(caplog):
    X, y = table()
    model = AutoClassifier(**QUICK).fit(X, y)
    expected = model.predict_proba(X)
    assert not caplog.text
    np.testing.assert_array_equal(model.predict_proba(X.to_numpy()), expected)
    assert "columns are matched by position" in caplog.text
    with pytest.raises(InvalidInput, match="X has 1 features"):
        model.predict(X[["a"]].to_numpy())


def test_a_loaded_model_does_not_fit_without_what_its_file_could_not_hold(tmp_path):
    X, y = table()
    AutoClassifier(validation=TimeSeriesSplit(3), **QUICK).fit(X, y).save(tmp_path / "m.seasoned")
    model = load(tmp_path / "m.seasoned")
    with pytest.raises(InvalidInput, match=r"could not hold validation.*set_params\(validation=...\)"):
        model.fit(X, y)
    again = model.set_params(validation=TimeSeriesSplit(3)).fit(X, y)
    assert len(again.fitted_.validated.truth) == 150


def test_why_a_metric_cannot_be_judged_is_told():
    X, y = table()
    with pytest.raises(InvalidInput, match=r"failed with ValueError: pos_label=1 .*Metric\('f1', positive="):
        AutoClassifier(f1_score, **QUICK).fit(X, y)


def test_validation_rows_of_their_own_are_told_where_to_go():
    X, y = table()
    with pytest.raises(InvalidInput, match="append a separate validation set"):
        AutoClassifier(validation=(X[:50], y[:50]), **QUICK).fit(X, y)


class Broken(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise ValueError("nope")

    def predict_proba(self, X):
        raise NotImplementedError


def test_where_all_models_fail_time_is_not_blamed(caplog):
    X, y = table()
    search = SearchSettings(models=[CustomModel("broken", Broken(), Space())])
    with caplog.at_level(logging.WARNING):
        AutoClassifier(**{**QUICK, "search": search, "trials": 2}).fit(X, y)
    assert "nope" in caplog.text
    assert "no tuned model completed a trial" in caplog.text
    assert "in time" not in caplog.text
