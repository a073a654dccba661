"""Additive models with products: the basis, the path of penalties, what they find, and their files."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from seasoned.errors import InvalidInput
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models.linear import spline_basis
from seasoned.tabular.models.linear.additive import Additive
from seasoned.tabular.models.linear.penalty_softmax import probabilities
from seasoned.tabular.models.linear.regularization_path import Rotated, classes_path, numbers_path
from seasoned.tabular.models.linear.spline_basis import Basis, best_pairs, strongest
from seasoned.tabular.models.linear.splines import Splines
from seasoned.tabular.safe_files import npz

ALL = np.arange(5)
CONFIG = {"knots": 8, "pairs": 20, "bend": 1.0, "bond": 0.5}


def table(rows, seed=0):
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(-2, 2, (rows, 3)), rng.integers(0, 2, (rows, 2))]), rng


def test_hinges_stand_at_quantiles_and_only_in_quantities():
    X, _ = table(1000)
    basis = Basis.of(X, ALL, 4, 500)
    assert basis.column.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    np.testing.assert_allclose(basis.knot[:4], np.quantile(X[:, 0], [0.2, 0.4, 0.6, 0.8]))
    A = basis.with_pairs(np.array([[0, 3], [5, 1]])).expand(X, np.float64)
    np.testing.assert_array_equal(A[:, :5], X)
    np.testing.assert_allclose(A[:, 6], np.maximum(X[:, 0] - basis.knot[1], 0))
    np.testing.assert_allclose(A[:, -2], X[:, 0] * X[:, 3])
    np.testing.assert_allclose(A[:, -1], A[:, 5] * X[:, 1])


@pytest.mark.parametrize(("classes", "quantile"), [(0, None), (0, 0.8), (2, None), (3, None)])
def test_blocks_of_rows_change_nothing(monkeypatch, classes, quantile):
    X, rng = table(500)
    signal = X[:, 0] * X[:, 1] + X[:, 3] + 0.3 * rng.normal(size=500)
    y = np.digitize(signal, [0.3] if classes == 2 else [0.0, 1.5]) if classes else signal
    weight = rng.gamma(2.0, 0.5, 500)
    found = []
    for rows in (500, 64):
        monkeypatch.setattr(spline_basis, "BLOCK_ROWS", rows)
        model = Additive(CONFIG, classes, 0, quantile)
        model.fit(X, y, weight)
        found.append(model.predict_proba(X) if classes else model.predict(X))
    np.testing.assert_allclose(found[1], found[0], atol=2e-3)
    assert np.ptp(found[0]) > 0.5


def test_few_values_get_a_hinge_each_and_many_columns_few_hinges():
    X = np.column_stack([np.arange(12) % 4, np.arange(12.0)])
    both = np.arange(2)
    basis = Basis.of(X, both, 8, 500)
    assert basis.knot[basis.column == 0].tolist() == [1.0, 2.0]
    assert Basis.of(X, both, 8, 8).size <= 8
    assert Basis.of(X, both, 8, 1).size == 2


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [0, 2, 3])
def test_the_path_is_scikit_learns_model_at_each_penalty(classes, weighted):
    X, rng = table(300)
    X[:, 1] *= 30.0
    weight = rng.gamma(2.0, 0.5, 300) if weighted else None
    signal = X[:, 0] + X[:, 3] + 0.02 * X[:, 1] + rng.normal(size=300)
    data = Rotated.of(X.astype(np.float32), np.ones(5), weight)
    if not classes:
        for penalty, found in zip((100.0, 1.0), numbers_path(data, signal, (100.0, 1.0)), strict=True):
            reference = Ridge(penalty).fit(X, signal, weight)
            np.testing.assert_allclose(found[:, 0], [*reference.coef_, reference.intercept_], atol=2e-4)
        return
    y = np.digitize(signal, [0.3] if classes == 2 else [0.0, 1.5])
    Y = np.eye(classes)[y][:, 1:] if classes == 2 else np.eye(classes)[y]
    for penalty, found in zip((100.0, 1.0), classes_path(data, Y, (100.0, 1.0)), strict=True):
        reference = LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=5000).fit(X, y, weight).predict_proba(X)
        shares = probabilities(X @ found[:-1] + found[-1])
        np.testing.assert_allclose(shares, reference[:, 1:] if classes == 2 else reference, atol=5e-3)


def test_a_factor_of_a_column_is_a_penalty_divided_by_its_square():
    X, rng = table(200)
    y = X @ [1.0, -1.0, 2.0, 0.0, 1.0] + rng.normal(size=200)
    scale = np.array([1.0, 2.0, 0.5, 1.0, 1.0])
    (found,) = numbers_path(Rotated.of(X.astype(np.float32), scale, None), y, (50.0,))
    C = X - X.mean(axis=0)
    expected = np.linalg.solve(C.T @ C + np.diag(50.0 / scale**2), C.T @ (y - y.mean()))
    np.testing.assert_allclose(found[:-1, 0], expected, atol=1e-4)


def test_the_product_that_is_missing_comes_first():
    X, rng = table(600)
    basis = Basis.of(X, ALL, 0, 500)
    left = (X[:, 1] * X[:, 4] + 0.3 * rng.normal(size=600)).astype(np.float32)[:, None]
    pairs = best_pairs(basis, basis.expand(X), left, 3)
    assert pairs.shape == (3, 2)
    assert pairs[0].tolist() == [1, 4]


def test_levels_of_one_category_are_never_multiplied():
    level = np.eye(3)[np.random.default_rng(0).integers(0, 3, 200)]
    basis = Basis.of(level, np.arange(3), 8, 500)
    assert len(best_pairs(basis, basis.expand(level), level[:, :1].astype(np.float32), 10)) == 0


@pytest.mark.parametrize("target", ["product", "xor", "bump"])
def test_what_no_linear_model_finds(target):
    """On 1,000 fresh rows at most a tenth of the variance is left, noise apart; the line leaves nine tenths."""
    X, _ = table(1500)
    truth = {
        "product": X[:, 0] * X[:, 1],
        "xor": 2.0 * (X[:, 3] != X[:, 4]),
        "bump": 2.0 * np.cos(2 * X[:, 2]),
    }[target]
    y = truth + 0.3 * np.random.default_rng(1).normal(size=1500)
    model = Additive(dict(CONFIG), 0)
    model.fit(X[:500], y[:500])
    left = np.mean((model.predict(X[500:]) - truth[500:]) ** 2) / truth.var()
    line = Ridge(1.0).fit(X[:500], y[:500]).predict(X[500:])
    assert left < 0.1
    assert np.mean((line - truth[500:]) ** 2) / truth.var() > 0.9


def test_noise_is_hardly_fitted():
    """A permuted target: the mean is as good; 5 % worse on 2,000 rows would be overfitting."""
    X, rng = table(2300)
    y = rng.normal(size=2300)
    model = Additive(dict(CONFIG, pairs=50), 0)
    model.fit(X[:300], y[:300])
    assert np.mean((model.predict(X[300:]) - y[300:]) ** 2) < 1.05 * np.mean((y[:300].mean() - y[300:]) ** 2)


@pytest.mark.parametrize("classes", [0, 2])
def test_a_row_of_weight_two_is_two_rows(classes):
    X, rng = table(60)
    y = X[:, 0] + rng.normal(size=60)
    twice = np.arange(60) % 3 == 0
    Y = (y > 0).astype(float)[:, None]
    A = X.astype(np.float32)
    weighted = Rotated.of(A, np.ones(5), 1.0 + twice)
    repeated = Rotated.of(np.vstack([A, A[twice]]), np.ones(5), None)
    if classes:
        (a,), (b,) = classes_path(weighted, Y, (3.0,)), classes_path(repeated, np.vstack([Y, Y[twice]]), (3.0,))
    else:
        (a,), (b,) = numbers_path(weighted, y, (3.0,)), numbers_path(repeated, np.append(y, y[twice]), (3.0,))
    np.testing.assert_allclose(X @ a[:-1] + a[-1], X @ b[:-1] + b[-1], atol=5e-3)


def test_of_very_many_columns_the_strongest_are_kept():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 900))
    y = 3 * X[:, 700] + rng.normal(size=200)
    model = Additive(dict(CONFIG), 0)
    model.fit(X, y)
    assert len(model.basis.inputs) == 400
    assert 700 in model.basis.inputs
    assert strongest(X, y[:, None], np.ones(200), 1).tolist() == [700]
    again = Splines().load(Splines().dump(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_one_class_few_rows_and_no_columns():
    X = np.arange(8.0).reshape(4, 2)
    one = Additive(dict(CONFIG), 3)
    one.fit(X, np.array([2, 2, 2, 2]))
    assert predict(one, X, 3).tolist() == [[0.0, 0.0, 1.0]] * 4
    for rows in (1, 2, 3):
        few = Additive(dict(CONFIG), 0)
        few.fit(X[:rows], np.arange(rows, dtype=float))
        assert np.isfinite(few.predict(X)).all()
    none = Additive(dict(CONFIG), 2)
    none.fit(np.zeros((6, 0)), np.array([0, 1, 0, 1, 1, 1]))
    np.testing.assert_allclose(none.predict_proba(np.zeros((1, 0))), [[1 / 3, 2 / 3]], atol=1e-3)


def test_another_width_is_an_error():
    X, rng = table(100)
    model = Additive(dict(CONFIG), 0)
    model.fit(X, rng.normal(size=100))
    with pytest.raises(InvalidInput, match="X has 4 columns, and the model was fitted on 5"):
        model.predict(X[:, :4])


def test_forged_files_are_refused():
    X, _ = table(200)
    family = Splines()
    estimator = family.build(dict(CONFIG), Job("multiclass", 4, 0))
    family.fit(estimator, (X, np.digitize(X[:, 0] * X[:, 1], [-1, 1])), None)
    data = family.dump(estimator)
    kinds = {
        "weights": ("float64", 2), "inputs": ("int64", 1), "column": ("int64", 1), "knot": ("float64", 1),
        "pairs": ("int64", 2),
        "classes": ("int64", 1), "target": ("float64", 1),
    }  # fmt: skip
    good = npz.load(data, kinds)
    assert good["classes"].tolist() == [0, 1, 2, 4, 5]
    assert len(good["pairs"]) > 0
    for change in (
        {"weights": good["weights"][:, :2]},
        {"weights": good["weights"][1:]},
        {"weights": good["weights"] * np.inf},
        {"column": good["column"] + 5},
        {"column": good["column"] - 5},
        {"knot": good["knot"][1:]},
        {"inputs": good["inputs"] + 1},
        {"inputs": good["inputs"][1:]},
        {"pairs": good["pairs"] + 1000},
        {"pairs": good["pairs"] - 1000},
        {"pairs": good["pairs"][:, :1]},
        {"classes": np.array([0, 2, 1, 4, 5])},
        {"classes": np.array([0, 1, 4, 4, 5])},
        {"classes": np.array([0, 1, 2, 4, -5])},
        {"classes": np.array([0, 1, 2, 4, 2**60])},
        {"classes": np.array([5])},
        {"target": np.array([1.0, 0.0])},
        {"target": np.array([0.0])},
    ):
        with pytest.raises(InvalidInput):
            family.load(npz.dump({**good, **change}))


def test_rows_are_turned_only_when_they_are_asked_for():
    X, rng = table(300)
    y = X[:, 0] + rng.normal(size=300)
    data = Rotated.of(X.astype(np.float32), np.ones(5), None)
    (before,) = numbers_path(data, y, (2.0,))
    Z = data.turned.astype(np.float64)
    np.testing.assert_allclose(Z.T @ Z, np.diag(data.power), atol=1e-2)
    assert data.turned is data.turned
    (after,) = numbers_path(data, y, (2.0,))
    np.testing.assert_allclose(before, after, atol=1e-4)
