from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seasoned.errors import InvalidInput
from seasoned.report import permutation_importance


class Sum:
    """Reads two columns of three."""

    def predict(self, X):
        assert X["kind"].dtype == "category"
        return X["a"].to_numpy() + 0.1 * X["b"].to_numpy()


def mse(y, predicted):
    return float(np.mean((y - predicted) ** 2))


@pytest.fixture
def table():
    rng = np.random.default_rng(1)
    kind = pd.Series(rng.choice(["x", "y"], 500), dtype="category")
    return pd.DataFrame({"a": rng.normal(size=500), "b": rng.normal(size=500), "kind": kind})


def test_a_column_that_is_not_read_has_none_and_the_others_what_the_algebra_says(table):
    y = Sum().predict(table)
    found = permutation_importance(Sum(), table, y, mse, 20, np.random.default_rng(0))
    importance = dict(zip(found.names, found.mean, strict=True))
    assert importance["kind"] == 0.0
    # E[(a - a')^2] = 2 var(a); 20 shuffles of 500 rows stray by a few per cent
    assert importance["a"] == pytest.approx(2 * table["a"].var(), rel=0.1)
    assert importance["b"] == pytest.approx(0.02 * table["b"].var(), rel=0.1)
    assert found.spread[0] > 0
    assert (found.rows, found.repeats, found.left_out) == (500, 20, 0)


def test_it_agrees_with_scikit_learn():
    from sklearn.datasets import load_diabetes
    from sklearn.inspection import permutation_importance as reference
    from sklearn.linear_model import LinearRegression

    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = LinearRegression().fit(X, y)
    ours = permutation_importance(model, X, y.to_numpy(), mse, 30, np.random.default_rng(0))
    theirs = reference(model, X, y, scoring="neg_mean_squared_error", n_repeats=30, random_state=0)
    allowed = 5 * (np.array(ours.spread) + theirs.importances_std) / np.sqrt(30)  # about 5 standard errors
    assert (np.abs(np.array(ours.mean) - theirs.importances_mean) <= allowed + 1e-9).all()


def test_the_table_stays_as_it_was_whatever_its_index(table):
    table.index = table.index[::-1]
    before = table.copy()
    permutation_importance(Sum(), table, Sum().predict(table), mse, 2, np.random.default_rng(0))
    pd.testing.assert_frame_equal(table, before)


def test_the_same_generator_gives_the_same_numbers(table):
    y = Sum().predict(table)
    runs = [permutation_importance(Sum(), table, y, mse, 2, np.random.default_rng(3)) for _ in range(2)]
    assert runs[0] == runs[1]


def test_without_time_columns_are_left_out_and_counted(table):
    y = Sum().predict(table)
    found = permutation_importance(Sum(), table, y, mse, 2, np.random.default_rng(0), columns=["a", "b"], seconds=-1)
    assert found.names == ()
    assert found.left_out == 2


@pytest.mark.parametrize(("rows", "repeats"), [(0, 1), (3, 1), (500, 0)])
def test_nonsense_is_refused(table, rows, repeats):
    with pytest.raises(InvalidInput):
        permutation_importance(Sum(), table, np.zeros(rows), mse, repeats)
