"""Shapley values of predictions: sums to the prediction, and the definition."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from in_process import estimator, stay_in_process
from seasoned.errors import InvalidInput
from seasoned.report.explain.shapley import contributions


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """An ensemble for each task, with a category, missing values and a constant column."""
    rng = np.random.default_rng(0)
    rows = 240
    X = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows), "same": 1.0})
    X["kind"] = pd.Categorical(rng.choice(["x", "y", "z"], rows))
    X.loc[::9, "a"] = np.nan
    number = 2 * X["a"].fillna(1.0) + X["b"] * (X["kind"] == "x") + 0.2 * rng.normal(size=rows)
    targets = {
        "regression": number,
        "binary": np.where(number > 0, "up", "down"),
        "multiclass": pd.cut(number, [-99, -1, 1, 99], labels=["low", "mid", "high"]).astype(str),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEASONED_CACHE", str(tmp_path_factory.mktemp("cache")))
        stay_in_process(patch)
        return {task: estimator(task, ("linear", "lightgbm", "tree")).fit(X, y) for task, y in targets.items()}, X


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_shapley_values_and_base_sum_to_the_prediction(models, task):
    fits, X = models
    model, some = fits[task], X.iloc[:12]
    found = model.explain(some, method="shap", background=X.iloc[100:], repeats=7)
    assert list(found.columns) == list(X.columns)
    sums = found.sum(axis=1)
    if task == "multiclass":
        sums = sums.unstack("class")[model.classes_] + pd.Series(found.attrs["base"])[model.classes_]
        np.testing.assert_allclose(sums.to_numpy(), model.predict_proba(some), atol=1e-9)
        return
    expected = model.predict(some) if task == "regression" else model.predict_proba(some)[:, 1]
    np.testing.assert_allclose(sums.to_numpy() + found.attrs["base"], expected, atol=1e-9)


def test_shapley_values_are_zero_for_unused_columns_and_ordered(models):
    fits, X = models
    found = fits["regression"].explain(X.iloc[:40], method="shap", repeats=20)
    assert (found["same"] == 0).all()
    size = found.abs().mean()
    assert size["a"] > size["b"] > 0
    assert np.corrcoef(found["a"], X["a"].iloc[:40].fillna(1.0))[0, 1] > 0.9


def exact(predict, row, background, columns):
    """The definition, over all sets of columns."""
    found = []
    for column in columns:
        others, total = [name for name in columns if name != column], 0.0
        for size in range(len(columns)):
            share = 1 / (len(columns) * math.comb(len(columns) - 1, size))
            for chosen in itertools.combinations(others, size):
                without = background.assign(**{name: row[name] for name in chosen})
                total += share * (predict(without.assign(**{column: row[column]})) - predict(without)).mean()
        found.append(total)
    return np.array(found)


def product(frame):
    a, b, c, d = (frame[name].to_numpy() for name in "abcd")
    return a * b * c + np.maximum(c, d) + a


def test_mean_shapley_value_over_orders_follows_the_definition():
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(12, 4)), columns=list("abcd"))
    row, usual = X.iloc[:1], X.iloc[2:]
    truth = exact(product, X.iloc[0], usual, list("abcd"))
    found = [contributions(product, row, usual, list("abcd"), np.random.default_rng(s)).values[0] for s in range(300)]
    error = np.std(found, axis=0) / math.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - truth) <= 4.5 * error + 1e-12).all()
    assert np.std(found, axis=0).max() > 0


def test_shapley_values_of_a_sum_are_exact_for_any_order():
    rng = np.random.default_rng(2)
    X = pd.DataFrame(rng.normal(size=(20, 3)), columns=list("abc"))
    weights = np.array([2.0, -1.0, 0.0])
    found = contributions(lambda frame: frame.to_numpy() @ weights, X, X, list("abc"), rng)
    np.testing.assert_allclose(found.values, (X - X.mean()).to_numpy() * weights, atol=1e-12)


def test_shapley_values_without_time_explain_one_batch(monkeypatch):
    monkeypatch.setattr("seasoned.report.explain.shapley.MAX_BATCH_ROWS", 1)
    X = pd.DataFrame({"a": np.arange(5.0)})
    found = contributions(lambda frame: frame["a"].to_numpy(), X, X, ["a"], np.random.default_rng(0), seconds=0.0)
    assert found.values.tolist() == [[-2.0]]


def test_shapley_explanation_with_wrong_arguments_is_refused(models):
    fits, X = models
    model = fits["regression"]
    with pytest.raises(InvalidInput, match="background="):
        model.explain(X.iloc[:1], method="shap")
    with pytest.raises(InvalidInput, match="0 rows to explain"):
        model.explain(X.iloc[:0], method="shap", background=X)
    with pytest.raises(InvalidInput, match="at least 1"):
        model.explain(X, method="shap", repeats=0)
    with pytest.raises(InvalidInput, match="method is 'lime'"):
        model.explain(X, method="lime")
    with pytest.raises(InvalidInput, match="lacks the column"):
        model.explain(X.head(2).drop(columns="a"), method="shap", background=X)
    with pytest.raises(InvalidInput, match="lacks the column"):
        model.explain(X.head(2), method="shap", background=X.drop(columns="a"))
    with pytest.raises(InvalidInput, match="y is None"):
        model.explain(X)


def test_shapley_walk_over_many_columns_has_parts_of_bounded_size(monkeypatch):
    """The values are those of one part, and no table that is predicted has more cells than the bound."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(4, 30)), columns=[f"c{place}" for place in range(30)])
    seen = []

    def predict(frame):
        seen.append(frame.size)
        return (frame["c0"] * frame["c1"] + frame["c2"]).to_numpy()

    def found():
        return contributions(predict, X, X, list(X.columns), np.random.default_rng(1)).values

    whole = found()
    monkeypatch.setattr("seasoned.report.explain.shapley.MAX_BATCH_CELLS", 3000)
    seen.clear()
    np.testing.assert_array_equal(found(), whole)
    assert max(seen) <= 3000
