"""Explanation by permutation: importance of columns with intervals and p-values."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from seasoned.errors import InvalidInput
from seasoned.report.explain.permutation import explain, stratified_parts


class Line:
    """Predicts 2 a + b; `c` is read and does not matter, `d` was left out."""

    def __init__(self):
        columns = [SimpleNamespace(name=name, reason=None) for name in "abc"]
        left_out = SimpleNamespace(name="d", reason="constant")
        schema = SimpleNamespace(used=columns, columns=[*columns, left_out], apply=lambda frame: frame[list("abc")])
        loss = lambda y, predicted, weights=None: float(np.average((y - predicted) ** 2, weights=weights))  # noqa: E731
        rest = {"plan": SimpleNamespace(schema=schema), "metric": SimpleNamespace(scorer="r2")}
        self.fitted_ = SimpleNamespace(classes=np.array([]), loss=loss, **rest)

    def predict(self, X):
        return 2 * X["a"].to_numpy() + X["b"].to_numpy()


def table(rows, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(rows, 4)), columns=list("abcd"))
    return X, 2 * X["a"] + X["b"] + noise * rng.normal(size=rows)


def test_importance_is_twice_the_variance_explained_by_a_column():
    found = explain(Line(), *table(5_000)).set_index("column")
    assert found.index.tolist()[:2] == ["a", "b"]
    assert found.loc["a", "importance"] == pytest.approx(8.0, rel=0.1)
    assert found.loc["b", "importance"] == pytest.approx(2.0, rel=0.1)
    assert found.loc["a", "p"] < 1e-6
    assert found.loc["c", ["importance", "low", "high"]].tolist() == [0.0, 0.0, 0.0]
    assert found.loc["c", "p"] == 1.0
    assert found.loc["d", "repeats"] == 0
    assert (found["low"] <= found["importance"]).all()


@pytest.mark.slow
def test_importance_interval_has_its_coverage():
    """At 95 % over 200 tables fewer than 174 hits have probability 1e-5; all parts are independent, normal nearly."""
    hits = 0
    for seed in range(200):
        row = explain(Line(), *table(1_000, seed)).set_index("column").loc["b"]
        hits += row["low"] <= 2.0 <= row["high"]
    assert hits >= 174


@pytest.mark.slow
def test_importance_interval_of_a_dominant_column_has_its_coverage():
    """Parts that were made alike in y would differ by less than other rows do: intervals would be too narrow."""
    hits = 0
    for seed in range(200):
        row = explain(Line(), *table(1_000, seed, noise=0.0)).set_index("column").loc["a"]
        hits += row["low"] <= 8.0 <= row["high"]
    assert hits >= 174


@pytest.mark.slow
def test_useless_column_is_seldom_significant():
    """A model that reads noise: p below .05 in at most 5 % of 200 tables; more than 26 has probability 1e-5."""

    class Noise(Line):
        def predict(self, X):
            return 0.3 * X["c"].to_numpy()

    rng = np.random.default_rng(1)
    small = 0
    for seed in range(200):
        X, _ = table(400, seed)
        small += explain(Noise(), X, rng.normal(size=400)).set_index("column").loc["c", "p"] < 0.05
    assert small <= 26


def test_few_rows_are_drawn_again_in_each_repeat():
    found = explain(Line(), *table(50), repeats=12).set_index("column")
    assert found.loc["a", "repeats"] == 12
    assert found.loc["a", "low"] > 0


@pytest.mark.slow
def test_importance_interval_of_few_rows_includes_the_spread_of_rows():
    """All rows were shuffled each time, and the spread of shuffles alone is no error: a third was called helpful."""

    class Noise(Line):
        def predict(self, X):
            return 0.3 * X["c"].to_numpy()

    rng = np.random.default_rng(1)
    rows = []
    for seed in range(200):
        X, _ = table(200, seed)
        rows.append(explain(Noise(), X, rng.normal(size=200)).set_index("column").loc["c"])
    assert sum(row["p"] < 0.05 for row in rows) <= 26
    assert sum(row["low"] <= 0.0 <= row["high"] for row in rows) >= 174, "to shuffle c costs nothing on average"


def test_each_repeat_has_every_class_of_the_rows():
    truth, rng = np.repeat([0, 2], [500, 3]), np.random.default_rng(0)
    parts, disjoint = stratified_parts(truth, rng.permutation(503), 10, rng, classes=3)
    assert not disjoint
    assert {tuple(np.bincount(truth[part]).tolist()) for part in parts} == {(500, 0, 3)}
    parts, disjoint = stratified_parts(np.repeat([0, 2], [500, 300]), rng.permutation(800), 10, rng, classes=3)
    assert disjoint, "a class that no row has needs no part"
    assert len(np.unique(np.concatenate(parts))) == 800


def test_rare_class_adds_its_share_of_rows_to_the_importance():
    """40 of 100,000 rows: `a` above 4 tells them alone, and of the rows that are drawn they are more than their due."""

    class Rare(Line):
        def predict(self, X):
            return np.where(X["a"] > 4, 2, X["b"] > 0)

    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(100_000, 4)).clip(-3, 3), columns=list("abcd"))
    X.loc[:39, "a"] = 5.0
    y = Rare().predict(X)
    model = Rare()
    model.fitted_.classes = np.arange(3)
    model.fitted_.loss = lambda y, predicted, weights=None: float(np.average(y != predicted, weights=weights))
    found = explain(model, X, y).set_index("column")["importance"]
    assert found["b"] == pytest.approx(0.5, abs=0.05)
    assert 0.0002 < found["a"] < 0.0016, "40 of 100,000 rows, and as many to which a 5 comes"


def test_row_weights_count_in_the_importance():
    """Rows in which a is 0: column a does not matter there."""
    X, y = table(20_000)
    X.loc[::2, "a"] = 0.0
    weights = np.where(X["a"] == 0.0, 1.0, 1e-6)
    light = explain(Line(), X, y, sample_weight=weights).set_index("column")["importance"]
    assert light["a"] == pytest.approx(4 * 0.5, rel=0.2), "half of the values that come to a 0 are none"
    even = explain(Line(), X, y).set_index("column")["importance"]
    assert even["a"] == pytest.approx(2 * 4 * 0.5, rel=0.2)
    none = explain(Line(), X, y, sample_weight=np.where(np.arange(20_000) < 10_000, 1.0, 0.0))
    assert none.set_index("column").loc["b", "importance"] == pytest.approx(2.0, rel=0.2)


def test_importance_without_time_makes_at_most_one_shuffle():
    asked = []

    class Counted(Line):
        def predict(self, X):
            asked.append(len(X))
            return super().predict(X)

    found = explain(Counted(), *table(500), seconds=0.0, repeats=200)
    assert len(asked) <= 2, "what the rows themselves give is not asked for in each repeat"
    assert found["repeats"].max() <= 1
    assert found["p"].notna().sum() <= 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"repeats": 1}, "repeats is 1"),
        ({"rows": 3}, "inconsistent|one target per row"),
        ({"missing": True}, "has a target"),
    ],
)
def test_explanation_with_wrong_arguments_is_refused(options, sentence):
    X, y = table(60)
    if "rows" in options:
        y = y[: options["rows"]]
    if "missing" in options:
        y = y * np.nan
    with pytest.raises(InvalidInput, match=sentence):
        explain(Line(), X, y, repeats=options.get("repeats", 5))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_fitted_model_explains_its_columns(fitted, task):
    model, X, y = fitted[task]
    found = model.explain(X, y, repeats=3)
    assert found["column"].iloc[0] in {"size", "colour"}
    assert set(found["column"]) == set(X.columns)
    assert found.set_index("column").loc["same", "importance"] == 0.0
    if task == "binary":
        with pytest.raises(InvalidInput, match="of one class"):
            model.explain(X[y == "yes"], y[y == "yes"])
