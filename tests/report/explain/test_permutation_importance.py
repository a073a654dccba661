"""Permutation importance of columns: algebra, scikit-learn, time, drawn rows and repeated warnings."""

from __future__ import annotations

import logging
import threading

import numpy as np
import pandas as pd
import pytest

from seasoned.errors import InvalidInput
from seasoned.report import permutation_importance
from seasoned.report.explain.permutation_test import said_once, some_rows


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


def test_permutation_importance_follows_the_algebra(table):
    y = Sum().predict(table)
    found = permutation_importance(Sum(), table, y, mse, 20, np.random.default_rng(0))
    importance = dict(zip(found.names, found.mean, strict=True))
    assert importance["kind"] == 0.0
    # E[(a - a')^2] = 2 var(a); 20 shuffles of 500 rows stray by a few per cent
    assert importance["a"] == pytest.approx(2 * table["a"].var(), rel=0.1)
    assert importance["b"] == pytest.approx(0.02 * table["b"].var(), rel=0.1)
    assert found.spread[0] > 0
    assert (found.rows, found.repeats, found.left_out) == (500, 20, 0)


def test_permutation_importance_agrees_with_scikit_learn():
    from sklearn.datasets import load_diabetes
    from sklearn.inspection import permutation_importance as reference
    from sklearn.linear_model import LinearRegression

    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = LinearRegression().fit(X, y)
    ours = permutation_importance(model, X, y.to_numpy(), mse, 30, np.random.default_rng(0))
    theirs = reference(model, X, y, scoring="neg_mean_squared_error", n_repeats=30, random_state=0)
    allowed = 5 * (np.array(ours.spread) + theirs.importances_std) / np.sqrt(30)  # about 5 standard errors
    assert (np.abs(np.array(ours.mean) - theirs.importances_mean) <= allowed + 1e-9).all()


def test_permutation_leaves_a_table_with_any_index_unchanged(table):
    table.index = table.index[::-1]
    before = table.copy()
    permutation_importance(Sum(), table, Sum().predict(table), mse, 2, np.random.default_rng(0))
    pd.testing.assert_frame_equal(table, before)


def test_permutation_importance_is_determined_by_its_generator(table):
    y = Sum().predict(table)
    runs = [permutation_importance(Sum(), table, y, mse, 2, np.random.default_rng(3)) for _ in range(2)]
    assert runs[0] == runs[1]


def test_permutation_without_time_leaves_columns_out(table):
    y = Sum().predict(table)
    found = permutation_importance(Sum(), table, y, mse, 2, np.random.default_rng(0), columns=["a", "b"], seconds=-1)
    assert found.names == ()
    assert found.left_out == 2


@pytest.mark.parametrize(("rows", "repeats"), [(0, 1), (3, 1), (500, 0)])
def test_permutation_with_wrong_arguments_is_refused(table, rows, repeats):
    with pytest.raises(InvalidInput):
        permutation_importance(Sum(), table, np.zeros(rows), mse, repeats)


def test_drawn_rows_include_each_class_and_no_row_twice():
    truth = np.zeros(10_000, dtype=np.int64)
    truth[[3, 50, 700]] = 1
    truth[1_000:1_100] = 2
    rows, mass = some_rows(truth, 500, np.random.default_rng(0), classes=3)
    assert {3, 50, 700} <= set(rows.tolist())
    assert (truth[rows] == 2).sum() >= 5
    assert (truth[rows] == 0).sum() >= 480
    assert len(set(rows.tolist())) == len(rows) <= 510
    assert np.bincount(truth[rows], mass) / len(rows) == pytest.approx(np.bincount(truth) / len(truth))
    for codes, classes in ((truth, 0), (np.arange(10_000) % 200, 200)):
        rows, mass = some_rows(codes, 500, np.random.default_rng(0), classes=classes)
        assert (len(rows), mass) == (500, None)


def test_permutation_importance_logs_a_repeated_warning_once(caplog):
    class Model:
        def predict(self, X):
            logging.getLogger("seasoned.tabular").warning("cells cannot be read")
            return X["a"].to_numpy()

    X = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0)})
    found = permutation_importance(Model(), X, X["a"].to_numpy(), lambda y, p: float(np.mean((y - p) ** 2)), 3)
    assert found.repeats == 3
    assert caplog.text.count("cells cannot be read") == 1
    Model().predict(X)
    assert caplog.text.count("cells cannot be read") == 2


def test_warnings_of_other_threads_are_all_logged(caplog):
    logger = logging.getLogger("seasoned.tabular")
    with caplog.at_level(logging.WARNING, "seasoned.tabular"), said_once():
        for _ in range(2):
            logger.warning("cells cannot be read: %s", "mine")
            other = threading.Thread(target=logger.warning, args=("cells cannot be read: %s", "theirs"))
            other.start()
            other.join()
    told = [record.getMessage().rsplit(" ", 1)[1] for record in caplog.records]
    assert sorted(told) == ["mine", "theirs", "theirs"]
