"""Quality section of a whole fit: decisions, intervals, the positive class, rows of one class and weights."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix, f1_score

from command_tables import class_rows
from in_process import estimator, stay_in_process
from seasoned import AutoRegressor, Metric, SearchSettings
from seasoned.errors import InvalidInput
from seasoned.report import report_data
from seasoned.report._common.wording import number
from seasoned.report.html.page import render_page
from seasoned.report.html.quality import importance, predictions

ROWS = 60
QUICK = {"search": SearchSettings(models=["linear"], ensemble=1), "trials": 1, "experience": None, "random_state": 0}


@pytest.fixture
def table():
    return class_rows()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)


def patients(n, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"])
    return X, np.where(rng.random(n) < 1 / (1 + np.exp(2.5 - 1.5 * X["a"])), "ill", "well")


def test_score_and_confusion_on_the_page_follow_the_decision(here):
    X, y = patients(900)
    model = estimator("classification", metric=Metric("f1", positive="ill")).fit(X, y)
    fresh, truth = patients(600, seed=1)
    data = report_data(model, fresh, truth)
    predicted = model.predict(fresh)
    assert data.predictions.score == pytest.approx(f1_score(truth, predicted, pos_label="ill"))
    page = render_page(data)
    assert "is predicted above a probability of" in page
    for count in confusion_matrix(truth, predicted).ravel():
        assert f">{count:,}<" in page
    assert "threshold was chosen on these rows" not in page
    alone = report_data(model)
    known = alone.predictions
    assert known.score == alone.score
    assert known.score < f1_score(known.truth == 0, known.codes == 0)  # what the threshold reaches where it was chosen
    assert f"Cross-fitted, f1 is {number(alone.score)}" in render_page(alone)
    assert "threshold was chosen on these rows" in render_page(alone)
    assert alone.score == pytest.approx(-model.fitted_.validated.loss)
    assert alone.score == pytest.approx(model.fitted_.postprocessor.decided[1] * -1)


def test_page_describes_prediction_intervals(here):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1_200, 2))
    model = estimator("regression").fit(X, X[:, 0] + rng.normal(size=1_200))
    assert "90% intervals reach from" in render_page(report_data(model))
    steep = estimator("regression").fit(X, X[:, 0] + np.where(X[:, 1] > 0, 9.0, 0.1) * rng.normal(size=1_200))
    assert "wider where the model errs more" in render_page(report_data(steep))


def test_curves_are_of_the_positive_class_of_the_metric(here):
    X, y = patients(900)
    model = estimator("classification", metric=Metric("average_precision", positive="ill")).fit(X, y)
    fresh, truth = patients(600, seed=1)
    data = report_data(model, fresh, truth)
    page = render_page(data)
    assert "ill is the positive class" in page
    assert f"average precision {data.predictions.score:.3f}" in page
    assert "well is the positive class" not in page


def test_text_target_of_a_regression_report_is_refused(here):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    model = estimator("regression").fit(X, X[:, 0])
    with pytest.raises(InvalidInput, match="number"):
        report_data(model, X, np.full(60, "much"))
    with pytest.raises(InvalidInput, match="number"):
        model.explain(X, np.full(60, "much"))


def test_importance_section_names_rows_of_one_class_as_the_reason(rare):
    model, X, y = rare
    data = report_data(model, X[y == "no"], y[y == "no"])
    assert data.importance is None
    assert f"roc_auc is not defined on the {(y == 'no').sum():,} rows" in str(importance(data).content)
    assert "the model keeps no rows to shuffle" in str(importance(report_data(model)).content)


def test_metric_without_weights_is_not_named_as_weighted(table):
    X, y = table[["a", "b"]], 3 * table["a"]
    weights = np.linspace(1, 2, ROWS)
    model = AutoRegressor("max_error", **QUICK).fit(X, y, sample_weight=weights)
    data = report_data(model, X, y, sample_weight=weights)
    assert "though not in max_error, which takes none" in str(predictions(data).content)
    assert not data.importance.weighted
    plain = AutoRegressor(**QUICK).fit(X, y, sample_weight=weights)
    data = report_data(plain, X, y, sample_weight=weights)
    assert "Rows count by their weights, in the score and below" in str(predictions(data).content)
    assert data.importance.weighted
