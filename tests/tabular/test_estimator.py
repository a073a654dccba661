"""Estimators: parameters, attributes and scikit-learn's conventions."""

from __future__ import annotations

import logging
import os
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold

from messy import messy
from seasoned import AutoClassifier, AutoRegressor, SearchSettings
from seasoned.errors import InvalidInput

FAST = {"trials": 2, "random_state": 0, "workers": 2, "search": SearchSettings(models=["linear"], folds=2)}


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_it_learns_and_says_what_it_tried(fitted, task, cache):
    model, X, y = fitted[task]
    board = model.leaderboard()
    pruned = board["state"] == "pruned"  # at most the sample that came after the four defaults
    assert board["rank"][~pruned].tolist() == list(range(1, 6 - pruned.sum()))
    assert pruned.sum() <= 1
    assert set(board["model"]) == {"linear", "lightgbm", "histogram", "forest"}
    score = board.iloc[:, 2][~pruned]
    assert score.is_monotonic_decreasing if task == "binary" else score.is_monotonic_increasing
    assert board["seconds"].gt(0).all()
    assert model.failures().empty
    predicted = model.predict(X)
    assert predicted.shape == (len(X),)
    if task == "regression":
        assert np.corrcoef(predicted, y)[0, 1] > 0.8
    else:
        assert set(predicted) <= set(model.classes_)
        assert np.mean(predicted == y) > 0.75
        assert model.predict_proba(X).shape == (len(X), len(model.classes_))
    assert not list(cache.glob("runs/*/y.npy")), "the table goes when the fit is done"


def test_new_tables_may_look_different(fitted):
    model, X, _ = fitted["binary"]
    expected = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X[X.columns[::-1]].assign(more="x")), expected)
    np.testing.assert_array_equal(model.predict_proba(X.to_dict("records")), expected)
    assert np.isfinite(model.predict_proba(X.assign(colour="ultraviolet", size=np.inf))).all()
    assert np.isfinite(model.predict_proba(X.assign(colour=None, when=pd.NaT, note=None))).all()
    assert model.predict_proba(X.iloc[:0]).shape == (0, 2)
    with pytest.raises(InvalidInput, match="lacks the column\\(s\\) 'note'"):
        model.predict(X.drop(columns="note"))


def test_a_scikit_learn_estimator():
    model = AutoClassifier("accuracy", **FAST)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        model.predict([[1]])
    with pytest.raises(NotFittedError):
        model.leaderboard()


def test_the_same_seed_gives_the_same_model(fitted):
    model, X, _ = fitted["binary"]
    again = clone(model).set_params(workers=1).fit(X, messy("binary")[1])
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    columns = ["model", "roc_auc", "number", "config"]
    assert again.leaderboard()[columns].equals(model.leaderboard()[columns])


def test_arrays_missing_targets_and_rare_classes(caplog):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = np.where(X[:, 0] > 0, 1.0, 0.0)
    y[:3], y[5] = np.nan, 7.0
    X.setflags(write=False)
    with caplog.at_level(logging.WARNING, "seasoned.tabular"):
        model = AutoClassifier(**FAST).fit(X, y)
    assert "3 of 60 rows have no target" in caplog.text
    assert model.classes_.tolist() == [0.0, 1.0, 7.0]
    assert model.n_features_in_ == 3
    assert model.predict_proba(X).shape == (60, 3)


def global_state():
    return os.environ.copy(), warnings.filters[:], np.random.get_state()[1].tolist()  # noqa: NPY002 - what we guard


def test_global_state_is_left_alone():
    X, y = messy("binary", rows=60)
    before = global_state()
    AutoClassifier(**{**FAST, "random_state": None}).fit(X, y)
    assert global_state() == before


def test_own_folds_and_metric():
    X, y = messy("regression", rows=90)
    folds = GroupKFold(3).split(X, y, np.arange(90) // 5)
    model = AutoRegressor("mae", **{**FAST, "search": SearchSettings(models=["linear"])}, validation=folds).fit(X, y)
    assert model.leaderboard().columns[2] == "mae"
    assert model.score(X, y) == pytest.approx(-np.abs(model.predict(X) - y).mean())


def test_score_refuses_unknown_classes(fitted):
    model, X, y = fitted["binary"]
    with pytest.raises(InvalidInput, match="'maybe'"):
        model.score(X, y.replace("no", "maybe"))


def test_the_time_limit_ends_a_fit():
    """That it ends at all; by how much it overruns is for benchmarks."""
    X, y = messy("binary", rows=2000)
    search = SearchSettings(models=["linear", "lightgbm"])
    model = AutoClassifier(time_limit=3.0, search=search, random_state=0).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()


def test_a_hopeless_search_falls_back_on_the_baseline(caplog):
    def never(y, predicted):
        if len(y) > 20:  # it stands the test with a few rows, and one fold
            raise ValueError("no class is right")
        return float(np.mean(y == predicted))

    X = np.arange(40.0).reshape(-1, 1)
    y = np.r_[np.zeros(30), np.ones(10)]
    with caplog.at_level(logging.WARNING, "seasoned.tabular"):
        model = AutoClassifier(never, **{**FAST, "trials": 3}).fit(X, y)
    assert len(model.failures()) == 3
    assert model.failures()["error"].str.contains("no class is right").all()
    np.testing.assert_allclose(model.predict_proba(X)[0], [30 / 40, 10 / 40])
    assert "a simple one predicts" in caplog.text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"time_limit": 0}, "time_limit is 0"),
        ({"time_limit": None, "trials": None}, "never ends"),
        ({"trials": 0}, "trials is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"experience": "mine"}, "experience is 'mine'"),
        ({"memory_limit": "1MB"}, "memory_limit is 1 MB"),
        ({"memory_limit": "much"}, "'much'"),
        ({"metric": "rmse"}, "rmse"),
        ({"search": "linear"}, "SearchSettings"),
        ({"search": SearchSettings(models=["oracle"])}, "oracle"),
        ({"validation": 1}, "validation is 1"),
    ],
)
def test_parameters_that_break_a_rule(options, sentence, cache):
    X, y = messy("binary", rows=40)
    with pytest.raises(InvalidInput, match=sentence):
        AutoClassifier(**{**FAST, **options}).fit(X, y)
    assert not list(cache.glob("runs/*"))


@pytest.mark.parametrize(
    ("X", "y", "sentence"),
    [
        (pd.DataFrame({"a": []}), [], "0 rows"),
        (pd.DataFrame(index=range(3)), [0, 1, 0], "0 feature"),
        ([[1], [2]], [0, 1, 0], "X has 2 rows and y has 3"),
        ([[1]] * 12, [0, 1] * 6, "none of the 1 feature"),
    ],
)
def test_tables_that_break_a_rule(X, y, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        AutoClassifier(**FAST).fit(X, y)


def test_settings_are_checked():
    with pytest.raises(InvalidInput, match="pass a list"):
        SearchSettings(models="linear")
    with pytest.raises(InvalidInput, match="at least 2"):
        SearchSettings(folds=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"predict_limit": "5"},
        {"predict_limit": [5]},
        {"predict_limit": True},
        {"predict_limit": float("nan")},
        {"calibrate": ["isotonic"]},
        {"calibrate": 2},
        {"folds": "3"},
        {"folds": 2.5},
        {"ensemble": None},
        {"ensemble": "all"},
    ],
)
def test_settings_of_another_type_are_refused_in_a_sentence(wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(InvalidInput, match=re.escape(f"{name} is {value!r}; ")):
        SearchSettings(**wrong)


def test_numbers_of_numpy_are_numbers():
    settings = SearchSettings(folds=np.int64(3), ensemble=np.int32(1), predict_limit=np.float32(0.5))
    assert (settings.folds, settings.ensemble, settings.predict_limit) == (3, 1, 0.5)
