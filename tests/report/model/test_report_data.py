"""Report data of a fitted model: members, predictions, columns, notes and weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score

from messy import messy
from seasoned import AutoClassifier, AutoRegressor, SearchSettings, load
from seasoned.errors import InvalidInput
from seasoned.report import report, report_data
from seasoned.report.html.page import render_page


def test_report_data_are_those_of_the_model(fitted):
    model, X, y = fitted["binary"]
    data = report_data(model, X, y)
    assert data.metric == "roc_auc"
    assert data.classes == ("no", "yes")
    assert data.target == "target"
    assert [trial.number for trial in data.trials] == [0, 1]
    assert data.complete[0].score == pytest.approx(model.leaderboard()["roc_auc"].iloc[0])
    assert sum(member.weight for member in data.members) == pytest.approx(1)
    assert all(member.number in {0, 1} for member in data.members)
    assert data.predictions.score == pytest.approx(roc_auc_score(y == "yes", model.predict_proba(X)[:, 1]))
    assert data.importance.names[int(np.argmax(data.importance.mean))] in {"size", "colour"}
    assert "same" not in data.importance.names


def test_rows_of_the_fit_give_importance_and_no_score_of_new_rows(fitted):
    model, X, y = fitted["binary"]
    data, judged = report_data(model, X, y, unseen=False), report_data(model, X, y)
    assert not data.importance.unseen
    assert judged.importance.unseen
    assert data.importance.mean == judged.importance.mean
    assert len(data.predictions.truth) == 160  # out of fold
    page = render_page(data)
    assert "The model has seen these rows" in page
    assert "The model has seen these rows" not in render_page(judged)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_report_without_rows_shows_validation_predictions(fitted, task):
    model = fitted[task][0]
    data = report_data(model)
    assert data.importance is None
    assert data.rows == 160
    assert data.fit_seconds > max(trial.elapsed for trial in data.trials) > 0
    known = data.predictions
    assert known.unseen
    assert len(known.truth) == len(known.predicted) == 160
    assert known.score == pytest.approx(data.final_score)  # all rows are among those kept
    if len(data.members) == 1:
        assert known.score == pytest.approx(data.complete[0].score)
    page = render_page(data)
    assert ("Which classes are confused?" in page) == (task != "regression")
    assert ("Predicted and true" in page) == (task == "regression")
    assert "seconds since the start" in page


def test_every_column_has_a_description_of_its_use(fitted):
    model, X, _ = fitted["binary"]
    columns = {column.name: column for column in report_data(model).columns}
    assert list(columns) == list(X.columns)
    assert columns["same"].dropped
    assert "same value in every row" in columns["same"].became
    assert columns["colour"].became.startswith("3 levels")
    assert columns["day"].became.endswith("Read as %Y-%m-%d.")
    assert "n-grams" in columns["note"].became


def test_notes_name_the_causes_of_an_unrepeatable_fit():
    from seasoned.report.model.collect import model_notes

    assert len(model_notes(AutoClassifier())) == 2
    (note,) = model_notes(AutoClassifier(trials=3, random_state=0))
    assert note.startswith("workers was not 1")
    assert not model_notes(AutoClassifier(trials=3, random_state=0, workers=1))


def test_loaded_model_has_the_same_report_data(fitted, tmp_path):
    model = fitted["multiclass"][0]
    model.save(tmp_path / "m.seasoned")
    before, after = report_data(model), report_data(load(tmp_path / "m.seasoned"))
    assert (before.trials, before.columns, before.classes) == (after.trials, after.columns, after.classes)
    assert (before.score, before.rows, before.fit_seconds) == (after.score, after.rows, after.fit_seconds)
    np.testing.assert_array_equal(before.predictions.truth, after.predictions.truth)
    np.testing.assert_array_equal(before.predictions.predicted, after.predictions.predicted)
    assert [replace(m, config={}) for m in before.members] == [replace(m, config={}) for m in after.members]


def test_rows_without_a_target_are_left_out_of_report_data(fitted):
    model, X, y = fitted["regression"]
    gaps = y.astype(object)
    gaps.iloc[:30] = None
    assert len(report_data(model, X, gaps).predictions.truth) == len(y) - 30


def test_rows_that_lack_a_class_have_predictions_without_a_score(fitted):
    model, X, y = fitted["multiclass"]
    lacking = (y != y.iloc[0]).to_numpy()
    data = report_data(model, X[lacking], y[lacking])
    assert data.predictions.predicted.shape[1] == 3
    model, X, y = fitted["binary"]
    one = report_data(model, X[y == "no"], y[y == "no"])
    assert one.predictions.score is None
    assert one.importance is None


def test_report_data_of_inconsistent_inputs_are_refused(fitted, tmp_path):
    model, X, y = fitted["binary"]
    with pytest.raises(InvalidInput, match="y is None"):
        report_data(model, X)
    with pytest.raises(InvalidInput, match="one target per row"):
        report_data(model, X, y[:-1])
    with pytest.raises(InvalidInput, match="none of the"):
        report_data(model, X, pd.Series([None] * len(X)))
    with pytest.raises(InvalidInput, match="lacks the column"):
        report_data(model, X.drop(columns="size"), y)
    with pytest.raises(NotFittedError):
        report(AutoClassifier(), tmp_path / "report.html")


def test_rows_count_by_their_weights_in_all_figures(fitted, tmp_path):
    model, X, y = fitted["binary"]
    hard = (model.predict(X) != y).to_numpy()
    weights = np.where(hard, 8.9, 1.0)  # of which no share is halfway between two that are shown
    plain, heavy = report_data(model, X, y), report_data(model, X, y, sample_weight=weights)
    assert plain.predictions.weights is None
    assert heavy.predictions.weights.mean() == pytest.approx(1)
    assert heavy.predictions.score == pytest.approx(model.score(X, y, sample_weight=weights))
    assert heavy.predictions.score < plain.predictions.score
    assert (plain.importance.weighted, heavy.importance.weighted) == (False, True)
    assert plain.importance.mean != heavy.importance.mean
    text = model.report(tmp_path / "r.html", X, y, sample_weight=weights).read_text()
    share = np.average(~hard, weights=weights)
    assert "Rows count by their weights, in the score and below" in text
    assert f"{share:.1%} of rows get the right class" in text
    assert f"{np.mean(~hard):.1%} of rows" in model.report(tmp_path / "r.html", X, y).read_text()


def test_rows_of_weight_zero_are_left_out_of_report_data(fitted):
    for model, X, y in fitted.values():
        few = report_data(model, X[:30], y[:30]).predictions
        some = report_data(model, X, y, sample_weight=np.r_[np.full(30, 2.0), np.zeros(len(X) - 30)]).predictions
        np.testing.assert_array_equal(some.truth, few.truth)
        assert some.score == pytest.approx(few.score)
    with pytest.raises(InvalidInput, match="goes down to -1"):
        report_data(model, X, y, sample_weight=-np.ones(len(X)))
    missing = y.astype(float).where(np.arange(len(y)) > 0)
    with pytest.raises(InvalidInput, match="all rows with a target have the weight 0"):
        report_data(model, X, missing, sample_weight=np.eye(len(y))[0])


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_weighted_fit_reports_its_weights(task, tmp_path):
    X, y = messy(task, rows=120)
    weights = np.linspace(1, 5, 120)
    make = AutoRegressor if task == "regression" else AutoClassifier
    quick = {"trials": 1, "random_state": 0, "experience": None, "workers": 1}
    model = make(search=SearchSettings(folds=2, models=["linear"]), **quick).fit(X, y, sample_weight=weights)
    model.save(tmp_path / "m.seasoned")
    for one in (model, load(tmp_path / "m.seasoned")):
        data = report_data(one)
        np.testing.assert_allclose(data.predictions.weights, weights / 3)
        assert data.predictions.score == pytest.approx(data.final_score, rel=1e-5)
        assert "Rows count by their weights" in one.report(tmp_path / "r.html").read_text()
    text = model.report(tmp_path / "r.html", X[:30], y[:30]).read_text()
    assert "Here all rows count the same, though not in the fit" in text


def test_versions_include_the_libraries_of_members(fitted, monkeypatch):
    model = fitted["binary"][0]
    assert {"python", "seasoned", "lightgbm", "numpy", "scikit-learn", "skops"} <= report_data(model).versions.keys()
    monkeypatch.setattr("seasoned.tabular.bundle.replay_check.version", lambda name: f"{name}'s")
    members = (*model.fitted_.members, replace(model.fitted_.members[0], name="catboost"))
    monkeypatch.setattr(model, "fitted_", replace(model.fitted_, members=members))
    assert report_data(model).versions["catboost"] == "catboost's"


def test_importance_rows_of_report_data_include_a_rare_class(rare):
    model, X, y = rare
    data = report_data(model, X, y)
    assert data.importance.names[0] == "a"
    assert data.importance.rows <= 2_500
    table = model.explain(X, y, repeats=3)
    assert np.isfinite(table["importance"]).all()
    assert table["column"].iloc[0] == "a"
