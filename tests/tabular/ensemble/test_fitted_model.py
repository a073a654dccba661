"""Fitted model: predictions of many rows, columns and classes in parts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from in_process import stay_in_process
from seasoned import AutoClassifier, AutoRegressor, SearchSettings
from seasoned.tabular.preprocessing import matrix_files
from seasoned.tabular.trial.seed_average import makers_of

RNG = np.random.default_rng(0)

QUICK = {"trials": 1, "random_state": 0, "experience": None, "workers": 1}


def test_predictions_of_very_many_classes_are_made_in_parts(here, monkeypatch):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=400), "b": rng.normal(size=400)})
    y = np.repeat(np.arange(40), 10)
    search = SearchSettings(["tree"], 2, ensemble=1)
    model = AutoClassifier("accuracy", search=search, **QUICK).fit(X, y)
    whole = model.predict_proba(X)
    sizes = []
    from seasoned.tabular.ensemble import fitted_model

    usual = fitted_model.in_parts
    monkeypatch.setattr(
        fitted_model, "in_parts", lambda frame, width, *most: sizes.append(width) or usual(frame, width, *most)
    )
    np.testing.assert_array_equal(model.predict_proba(X), whole)
    assert sizes == [40 * 7], "as many numbers as are there at once"


def test_feature_columns_count_in_the_parts_of_a_long_prediction(monkeypatch):
    stay_in_process(monkeypatch)
    X = pd.DataFrame(RNG.normal(size=(400, 4)), columns=list("abcd"))
    y = X["a"] * X["b"]
    widths = []
    real = matrix_files.in_parts

    def noted(frame, width, *most):
        widths.append(width)
        return real(frame, width, *most)

    monkeypatch.setattr("seasoned.tabular.ensemble.fitted_model.in_parts", noted)
    monkeypatch.setattr(
        "seasoned.tabular.ensemble.fitted_model.CONCURRENT_FITS", 0
    )  # of the numbers of a row, or few columns would not count
    search = SearchSettings(models=["linear"], folds=2, features="all")
    model = AutoRegressor(trials=2, workers=1, search=search, random_state=0, experience=None).fit(X, y)
    made = max(maker.count for one in model.fitted_.members for maker in makers_of(one.estimator))
    widths.clear()
    model.predict(X)
    assert made > 0
    assert widths == [model.fitted_.plan.dense.width + 2 * made]
