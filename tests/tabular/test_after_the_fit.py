"""What can be asked of a fitted model: one of its models alone, another cut, and its predictions out of fold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import KFold

from in_process import estimator, stay_in_process
from messy import messy
from seasoned import AutoClassifier, Metric, SearchSettings, load
from seasoned.errors import InvalidInput
from seasoned.report import report_data
from seasoned.report.html.page import render_page
from seasoned.tabular.ensemble import member_predictions
from seasoned.tabular.metrics.decision_rule import Decision

MODELS = ("linear", "tree", "histogram")


@pytest.fixture(autouse=True)
def _here(monkeypatch, cache):
    stay_in_process(monkeypatch)


def fit(task, metric=None, **options):
    X, y = messy(task, rows=160)
    search = SearchSettings(models=list(MODELS), folds=3)
    return estimator(task, MODELS, metric=metric, search=search, **options).fit(X, y), X, y


# ------------------------------------------------------------------------------------------- one alone


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_one_model_goes_its_own_way(task, tmp_path):
    model, X, y = fit(task)
    members = model.fitted_.members
    assert len(members) > 1
    number = int(model.leaderboard().query("weight > 0")["number"].iloc[0])
    alone = model.only(number)
    np.testing.assert_array_equal(alone.predict(X), model.predict(X, model=number))
    assert alone.get_params()["search"] == model.get_params()["search"]
    assert len(model.fitted_.members) == len(members), "the ensemble is as it was"
    for name, one in (("all", model), ("one", alone)):
        one.save(tmp_path / f"{name}.seasoned")
    assert (tmp_path / "one.seasoned").stat().st_size < (tmp_path / "all.seasoned").stat().st_size
    again = load(tmp_path / "one.seasoned")
    np.testing.assert_array_equal(again.predict(X), alone.predict(X))
    assert [member.weight for member in again.fitted_.members] == [1.0]
    assert again.refit(X, y).predict(X).shape == (160,)
    with pytest.raises(InvalidInput, match="single model of an ensemble"):
        alone.predict_set(X) if task == "binary" else alone.predict_interval(X)


def test_costs_that_were_given_decide_for_one_alone_too():
    model, X, _ = fit("binary", Metric("cost", costs={("yes", "no"): 9}))
    number = int(model.leaderboard().query("weight > 0")["number"].iloc[0])
    alone = model.only(number)
    expected = np.where(alone.predict_proba(X)[:, 1] > 0.1, "yes", "no")
    np.testing.assert_array_equal(alone.predict(X), expected)


def test_who_learns_from_others_is_none_alone(monkeypatch):
    model, _, _ = fit("regression")
    pair = model.fitted_.alone(0)
    monkeypatch.setattr("seasoned.tabular.estimator.select_member", lambda *_: _twice(pair))
    with pytest.raises(InvalidInput, match="learns from other models' predictions"):
        model.only(0)
    with pytest.raises(InvalidInput, match="give the number of one model"):
        model.only("ensemble")


def _twice(fitted):
    return replace(fitted, members=fitted.members * 2)


# ------------------------------------------------------------------------------------------- another cut


def test_labels_are_chosen_as_is_asked_and_probabilities_stay(tmp_path):
    model, X, y = fit("binary", "f1")
    p = model.predict_proba(X)
    sets = model.predict_set(X)
    for threshold in (0.2, 0.8):
        assert model.decide(threshold) is model
        labels = np.where(p[:, 1] > threshold, "yes", "no")
        np.testing.assert_array_equal(model.predict(X), labels)
        np.testing.assert_array_equal(model.predict_proba(X), p)
        np.testing.assert_array_equal(model.predict_set(X), sets)
        assert model.score(X, y) == pytest.approx(f1_score(y, labels, pos_label="yes"))
        assert f"above a probability of {threshold:.3g}, as was asked" in " ".join(model.fitted_.sentences)
        assert model.validation_score_ is None, "it was another cut's"
    model.save(tmp_path / "m.seasoned")
    again = load(tmp_path / "m.seasoned")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    labels = again.refit(X, y).predict(X)
    np.testing.assert_array_equal(labels, np.where(again.predict_proba(X)[:, 1] > 0.8, "yes", "no"))
    data = report_data(model)
    assert data.recut
    assert data.final_score is None
    assert "Labels are chosen in another way than in validation, so f1 there is not known." in render_page(data)
    model.decide()
    np.testing.assert_array_equal(model.predict(X), np.where(p[:, 1] > 0.5, "yes", "no"))


@pytest.mark.parametrize("found", [True, False])
def test_the_most_probable_label_is_scored_where_validation_had_it(found, tmp_path):
    model, _, _ = fit("binary", "f1")
    decision = Decision.at(0.3) if found else None
    model.fitted_ = replace(model.fitted_, finish=replace(model.fitted_.finish, decision=decision, decided=None))
    validated = model.validation_score_
    assert validated is not None
    assert model.decide(0.8).decide(0.2).validation_score_ is None
    model.save(tmp_path / "m.seasoned")
    for one in (load(tmp_path / "m.seasoned"), model):
        assert one.decide().validation_score_ == (None if found else validated)


def test_of_several_classes_the_score_is_not_that_of_other_labels_either():
    model, X, _ = fit("multiclass", "balanced_accuracy")
    model.fitted_ = replace(
        model.fitted_, finish=replace(model.fitted_.finish, decision=Decision.weighing([1.0, 2.0, 5.0]))
    )
    assert model.decide().validation_score_ is None
    np.testing.assert_array_equal(model.predict(X), model.classes_[model.predict_proba(X).argmax(axis=1)])


def test_the_most_probable_label_again_is_what_accuracy_was_validated_with():
    model, _, _ = fit("binary", "accuracy")
    validated = model.validation_score_
    assert model.decide(0.2).validation_score_ is None
    assert model.decide().validation_score_ == validated


def test_metrics_of_probabilities_know_no_cut():
    model, X, y = fit("binary")
    before, validated = model.score(X, y), model.validation_score_
    assert before == pytest.approx(roc_auc_score(y, model.predict_proba(X)[:, 1]))
    assert model.decide(0.9).score(X, y) == before
    assert model.validation_score_ == validated


def test_costs_of_several_classes_decide():
    model, X, _ = fit("multiclass")
    labels = model.classes_.tolist()
    costs = {(true, labels[0]): 0.01 for true in labels[1:]}
    p = model.predict_proba(X)
    matrix = np.ones((3, 3)) - np.eye(3)
    matrix[1:, 0] = 0.01
    np.testing.assert_array_equal(model.decide(costs=costs).predict(X), model.classes_[np.argmin(p @ matrix, axis=1)])
    assert "The label with the lowest expected cost is predicted, as was asked" in " ".join(model.fitted_.sentences)


@pytest.mark.parametrize(
    ("task", "metric", "asked", "sentence"),
    [
        ("binary", None, {"threshold": 1.0}, "threshold is 1.0"),
        ("binary", None, {"threshold": np.nan}, "threshold is nan"),
        ("binary", None, {"threshold": True}, "threshold is True"),
        ("binary", None, {"threshold": 0.5, "costs": {}}, "both given"),
        ("multiclass", None, {"threshold": 0.5}, "a threshold is for two classes, and there are 3"),
        ("binary", Metric("cost", costs={("yes", "no"): 9}), {"threshold": 0.5}, "was fitted for costs"),
    ],
)
def test_cuts_that_are_none(task, metric, asked, sentence):
    model, _, _ = fit(task, metric)
    with pytest.raises(InvalidInput, match=sentence):
        model.decide(**asked)


# ------------------------------------------------------------------------------------------- out of fold


def test_each_row_is_predicted_by_models_that_had_not_seen_it(tmp_path):
    X, y = messy("regression", rows=160)
    pairs = list(KFold(4, shuffle=True, random_state=1).split(X))
    search = SearchSettings(models=["linear"])
    model = estimator("regression", ("linear",), validation=pairs, search=search).fit(X, y)
    assert model.out_of_fold_.shape == (160,)
    (member,) = model.fitted_.members
    for train, valid in pairs:
        alone = estimator(
            "regression", ("linear",), search=SearchSettings(models=["linear"], starts=[{"linear": member.config}])
        )
        alone.fit(X.iloc[train], y.iloc[train])
        near = np.corrcoef(alone.predict(X.iloc[valid]), model.out_of_fold_[valid])[0, 1]
        assert near > 0.95
    assert np.sqrt(np.mean((model.out_of_fold_ - y) ** 2)) == pytest.approx(model.validation_score_)
    assert not np.allclose(model.out_of_fold_, model.predict(X)), "which had seen them"
    model.save(tmp_path / "m.seasoned")
    assert load(tmp_path / "m.seasoned").out_of_fold_ is None


def test_they_are_of_the_rows_as_they_were_given():
    X, y = messy("binary", rows=160)
    y = pd.Series(np.asarray(y), dtype="str")
    y.iloc[::7] = np.nan
    model = estimator("binary", MODELS).fit(X, y)
    there = y.notna().to_numpy()
    assert np.isnan(model.out_of_fold_[~there]).all()
    np.testing.assert_allclose(model.out_of_fold_[there].sum(axis=1), 1.0, atol=1e-5)
    assert roc_auc_score(y[there], model.out_of_fold_[there, 1]) == pytest.approx(model.validation_score_, abs=1e-5)
    holdout = [(np.arange(100), np.arange(100, 160))]
    held = estimator("binary", MODELS, validation=holdout).fit(*messy("binary", rows=160))
    assert np.isnan(held.out_of_fold_[:100]).all()
    assert np.isfinite(held.out_of_fold_[100:]).all()
    assert model.refit(X[there], y[there]).out_of_fold_ is None


def test_of_very_many_rows_there_are_none(monkeypatch):
    monkeypatch.setattr(member_predictions, "_WHOLE", 100)
    assert fit("binary")[0].out_of_fold_ is None
    monkeypatch.setattr(member_predictions, "_WHOLE", 10**6)
    monkeypatch.setattr(member_predictions, "_EACH", 50)
    model = fit("binary")[0]
    assert np.isfinite(model.out_of_fold_).all(), "put together part by part"
    assert isinstance(model, AutoClassifier)
