"""Weights told by class: what they are as numbers, in whole fits, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from in_process import estimator, stay_in_process
from seasoned.errors import InvalidInput
from seasoned.tabular.class_weights import by_class, known_by_class

LABELS = {
    "words": ["no", "yes", "no", "no"],
    "numbers": np.array([1, 0, 1, 1]),
    "truths": [False, True, False, False],
    "categories": pd.Series(["no", "yes", "no", "no"], dtype="category"),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_balanced_is_what_scikit_learn_calls_so(labels):
    np.testing.assert_allclose(
        by_class("balanced", labels, "classification"), compute_sample_weight("balanced", np.asarray(labels))
    )


def test_rows_without_a_target_are_no_class():
    found = by_class("balanced", ["a", None, "b", "b", float("nan")], "classification")
    np.testing.assert_allclose(found, [1.5, 1.0, 0.75, 0.75, 1.0])
    assert by_class("balanced", [None, None], "classification").tolist() == [1.0, 1.0]


def test_a_mapping_names_labels_as_they_are_or_as_they_are_written():
    assert by_class({1: 5, 0: 2}, [0, 1, 1], "classification").tolist() == [2.0, 5.0, 5.0]
    assert by_class({"1": 5}, [0, 1, 1], "classification").tolist() == [1.0, 5.0, 5.0]
    assert known_by_class({"c": 5, "a": 3}, ["a", "a"], np.array(["a", "b", "c"])).tolist() == [3.0, 3.0]


def test_anything_else_is_left_as_it_is():
    weights = [1.0, 2.0]
    assert by_class(weights, ["a", "b"], "classification") is weights
    assert by_class(None, [1.5, 2.5], "regression") is None


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ("balance", "classification", "sample_weight is 'balance'; pass a value a row, 'balanced', or {label: weight"),
        ("balanced", "regression", "and the target is a number"),
        ({"c": 1}, "classification", "names 'c', which is no class of the target; use 'a', 'b'"),
        ({"a": 0}, "classification", "gives 'a' the weight 0; pass a number above 0"),
        ({"a": "much"}, "classification", "gives 'a' the weight 'much'"),
        ({"a": float("inf")}, "classification", "gives 'a' the weight inf"),
    ],
)
def test_what_is_no_weight_by_class_is_refused(given, kind, said):
    with pytest.raises(InvalidInput) as refused:
        by_class(given, ["a", "b"], kind)
    assert said in str(refused.value)


def test_a_target_of_sets_is_refused_in_a_sentence():
    with pytest.raises(InvalidInput, match="names no class"):
        by_class("balanced", [{1}, {2}], "classification")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)


def rare(rows=300):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(rows, 2)), columns=["a", "b"])
    return X, np.where(rng.random(rows) < 1 / (1 + np.exp(2.5 - X["a"])), "ill", "well")


def test_a_fit_with_weights_by_class_is_the_fit_with_their_numbers(here):
    X, y = rare()
    told, counted = (
        estimator("classification", ["linear"], metric="accuracy", trials=2).fit(X, y, sample_weight=weight)
        for weight in ("balanced", compute_sample_weight("balanced", y))
    )
    np.testing.assert_array_equal(told.predict_proba(X), counted.predict_proba(X))
    plain = estimator("classification", ["linear"], metric="accuracy", trials=2).fit(X, y)
    assert (told.predict(X) == "ill").mean() > 2 * (plain.predict(X) == "ill").mean()


def test_scores_tables_reports_and_refits_take_them_too(here, tmp_path):
    X, y = rare()
    model = estimator("classification", ["linear"], metric="accuracy", trials=2).fit(X, y)
    as_numbers = np.where(y == "ill", 9.0, 1.0)
    ill = {"ill": 9}
    assert model.score(X, y, sample_weight=ill) == model.score(X, y, sample_weight=as_numbers)
    boards = [model.leaderboard(X, y, sample_weight=weight) for weight in (ill, as_numbers)]
    pd.testing.assert_frame_equal(*boards)
    helped = [model.explain(X, y, sample_weight=weight, repeats=3) for weight in (ill, as_numbers)]
    pd.testing.assert_frame_equal(*helped)
    model.report(tmp_path / "r.html", X, y, sample_weight="balanced")
    well = y == "well"
    assert model.score(X[well], y[well], sample_weight=ill) == model.score(X[well], y[well])
    told = model.refit(X, y, sample_weight=ill).predict_proba(X)
    np.testing.assert_array_equal(told, model.refit(X, y, sample_weight=as_numbers).predict_proba(X))
