"""Weights told by class: what they are as numbers, in whole fits, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from in_process import estimator, stay_in_process
from seasoned.errors import InvalidInput
from seasoned.tabular.input.class_weights import by_class, is_by_class

CODES, CLASSES = np.array([0, 1, 1, 1]), np.array(["a", "b"])


def test_balanced_is_what_scikit_learn_calls_so():
    codes = np.array([2, 0, 2, 2, 1, 0])
    expected = compute_sample_weight("balanced", codes)
    np.testing.assert_allclose(by_class("balanced", codes, np.array(["a", "b", "c"])), expected / expected.max())


def test_classes_that_no_row_has_take_no_part():
    classes = np.array(["a", "b", "c"])
    assert by_class("balanced", np.array([0, 0, 2, 2]), classes).tolist() == [1.0] * 4
    assert by_class({"b": 5, "a": 3}, np.array([0, 0]), classes).tolist() == [1.0, 1.0]


def test_a_mapping_names_labels_as_they_are_or_as_they_are_written():
    classes = np.array([0, 1])
    assert by_class({1: 5, 0: 2}, CODES, classes).tolist() == [0.4, 1.0, 1.0, 1.0]
    assert by_class({"1": 5}, CODES, classes).tolist() == [0.2, 1.0, 1.0, 1.0]


def test_which_weights_are_told_by_class():
    assert is_by_class("balanced")
    assert is_by_class({"a": 1})
    assert not any(map(is_by_class, (None, [1.0, 2.0], np.ones(2), pd.Series([1.0]))))


@pytest.mark.parametrize(
    ("given", "classes", "said"),
    [
        ("balance", CLASSES, "sample_weight is 'balance'; pass a value a row"),
        ("balanced", np.array([]), "and the target is a number"),
        ({"c": 1}, CLASSES, "names 'c', and the classes are 'a', 'b'; use one of these"),
        ({1: 5, "1": 9}, np.array([0, 1]), "names the class 1 twice"),
        ({"a": 0}, CLASSES, "gives 'a' the weight 0; pass a number above 0"),
        ({"a": "much"}, CLASSES, "gives 'a' the weight 'much'"),
        ({"a": 10**400}, CLASSES, "pass a number above 0"),
        ({"a": 1e300}, CLASSES, "so that only the heaviest rows would count"),
        ({"a": float("inf")}, CLASSES, "gives 'a' the weight inf"),
        ({"z": 1}, np.arange(100), ", 17, 18, 19 ...; use one of these"),
    ],
)
def test_what_is_no_weight_by_class_is_refused(given, classes, said):
    with pytest.raises(InvalidInput) as refused:
        by_class(given, CODES, classes)
    assert said in str(refused.value)


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
    np.testing.assert_allclose(told.predict_proba(X), counted.predict_proba(X), atol=1e-12)
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


FORMS = {
    "objects": lambda y: pd.Series([1 if one else "0" for one in y], dtype=object),
    "bytes": lambda y: np.where(y, b"1", b"0"),
    "floats with gaps": lambda y: np.where(np.arange(len(y)) == 5, np.nan, y),
    "nullable": lambda y: pd.Series(y).astype("Int64"),
    "categories": lambda y: pd.Series(y).astype("category"),
    "arrow": lambda y: pd.Series(y).astype("int64[pyarrow]"),
    "a column": lambda y: pd.DataFrame({"y": y})["y"],
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_labels_are_those_that_fit_learns_however_they_are_stored(here, form):
    X, y = rare()
    nine = np.where(y == "ill", 9.0, 1.0)
    y = form((y == "ill").astype(int))
    model = estimator("classification", ["linear"], metric="accuracy", trials=1).fit(X, y, sample_weight={"1": 9})
    plain = estimator("classification", ["linear"], metric="accuracy", trials=1).fit(X, y)
    one = model.classes_.tolist().index(next(label for label in model.classes_.tolist() if str(label) == "1"))
    assert model.predict_proba(X)[:, one].mean() > 2 * plain.predict_proba(X)[:, one].mean()
    kept = pd.notna(pd.Series(y)).to_numpy()
    scores = [model.score(X[kept], pd.Series(y)[kept], sample_weight=weight) for weight in ({"1": 9}, nine[kept])]
    assert scores[0] == pytest.approx(scores[1])


def test_the_target_is_told_before_its_weights(here):
    X, y = rare(200)
    model = estimator("classification", ["linear"], trials=1)
    with pytest.raises(InvalidInput, match="X has 200 rows and y has 150"):
        model.fit(X, y[:150], sample_weight="balanced")
    with pytest.raises(InvalidInput, match="several labels"):
        model.fit(X, pd.Series([[label] for label in y]), sample_weight="balanced")
    with pytest.raises(InvalidInput, match="the target is a number"):
        estimator("regression", ["linear"], trials=1).fit(X, np.arange(200.0), sample_weight="balanced")


def test_a_refit_without_the_weights_of_the_fit_is_told(here, caplog):
    X, y = rare()
    model = estimator("classification", ["linear"], trials=1).fit(X, y, sample_weight="balanced")
    model.refit(X, y, sample_weight="balanced")
    assert "found with weights" not in caplog.text
    model.refit(X, y)
    assert "the model was found with weights of rows, and none are given now" in caplog.text
