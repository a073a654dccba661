"""Features without column names: prediction, explanation and report match them by position."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from in_process import estimator
from messy import messy
from seasoned import AutoClassifier, load
from seasoned.errors import InvalidInput
from two_columns import QUICK, table


def test_an_array_is_matched_to_named_columns_by_position(here, caplog):
    X, y = table()
    model = AutoClassifier(**QUICK).fit(X, y)
    expected = model.predict_proba(X)
    assert not caplog.text
    np.testing.assert_array_equal(model.predict_proba(X.to_numpy()), expected)
    assert "columns are matched by position" in caplog.text
    with pytest.raises(InvalidInput, match="X has 1 features"):
        model.predict(X[["a"]].to_numpy())


def test_named_columns_are_matched_to_an_array_by_position(here, caplog):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    model = estimator("regression", models=["linear"], trials=1).fit(X, X[:, 0])
    named = pd.DataFrame(X, columns=["a", "b", "c"])
    with caplog.at_level(logging.WARNING, "seasoned.tabular"):
        np.testing.assert_array_equal(model.predict(named), model.predict(X))
    assert "columns are matched by position" in caplog.text
    model.save(here / "model.seasoned")
    np.testing.assert_array_equal(load(here / "model.seasoned").predict(named), model.predict(X))
    like_ours = estimator("regression", models=["linear"], trials=1).fit(
        pd.DataFrame(X, columns=["x0", "x1", "x2"]), X[:, 0]
    )
    with pytest.raises(InvalidInput, match="lacks the column"):
        like_ours.predict(named)
    with pytest.raises(InvalidInput, match="lacks the column"):
        model.predict(named[["a", "b"]])
    with pytest.raises(InvalidInput, match="lacks the column"):
        model.predict(named.rename(columns={"a": "x1"}))


def test_explanations_and_reports_accept_arrays_without_names(here):
    X, y = messy("regression")
    X = X.select_dtypes("number").iloc[:, :2].fillna(0.0)
    model = estimator("regression", ["linear"]).fit(X, y)
    array = X.to_numpy()[:40]
    assert set(model.explain(array, y[:40], repeats=2)["column"]) == set(X.columns)
    assert list(model.explain(array[:2], method="shap", background=array).columns) == list(X.columns)
    assert model.report(here / "r.html", array, y[:40]).exists()
