"""Decision rule of the user on a fitted model: another threshold, costs or the default rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from in_process import stay_in_process
from seasoned import Metric, load
from seasoned.errors import InvalidInput
from seasoned.report import report_data
from seasoned.report.html.page import render_page
from seasoned.tabular.metrics.decision_rule import Decision
from three_families import fit


@pytest.fixture(autouse=True)
def _here(monkeypatch, cache):
    stay_in_process(monkeypatch)


def test_decide_changes_labels_and_keeps_probabilities(tmp_path):
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
def test_default_labels_have_a_score_only_if_validation_used_them(found, tmp_path):
    model, _, _ = fit("binary", "f1")
    decision = Decision.at(0.3) if found else None
    model.fitted_ = replace(
        model.fitted_, postprocessor=replace(model.fitted_.postprocessor, decision=decision, decided=None)
    )
    validated = model.validation_score_
    assert validated is not None
    assert model.decide(0.8).decide(0.2).validation_score_ is None
    model.save(tmp_path / "m.seasoned")
    for one in (load(tmp_path / "m.seasoned"), model):
        assert one.decide().validation_score_ == (None if found else validated)


def test_default_labels_of_several_classes_have_no_weighted_score():
    model, X, _ = fit("multiclass", "balanced_accuracy")
    model.fitted_ = replace(
        model.fitted_, postprocessor=replace(model.fitted_.postprocessor, decision=Decision.weighing([1.0, 2.0, 5.0]))
    )
    assert model.decide().validation_score_ is None
    np.testing.assert_array_equal(model.predict(X), model.classes_[model.predict_proba(X).argmax(axis=1)])


def test_default_labels_restore_the_validated_accuracy():
    model, _, _ = fit("binary", "accuracy")
    validated = model.validation_score_
    assert model.decide(0.2).validation_score_ is None
    assert model.decide().validation_score_ == validated


def test_metrics_of_probabilities_do_not_depend_on_the_threshold():
    model, X, y = fit("binary")
    before, validated = model.score(X, y), model.validation_score_
    assert before == pytest.approx(roc_auc_score(y, model.predict_proba(X)[:, 1]))
    assert model.decide(0.9).score(X, y) == before
    assert model.validation_score_ == validated


def test_decide_applies_costs_of_several_classes():
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
def test_invalid_thresholds_and_costs_are_refused(task, metric, asked, sentence):
    model, _, _ = fit(task, metric)
    with pytest.raises(InvalidInput, match=sentence):
        model.decide(**asked)
