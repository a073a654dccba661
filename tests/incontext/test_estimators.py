"""Estimators: order of rows, columns and classes, many classes, long and wide tables, quantiles, errors."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from seasoned.errors import InvalidInput
from seasoned.incontext.estimators import InContextClassifier, InContextRegressor
from seasoned.incontext.many_classes import ClassTree, classify
from seasoned.incontext.views import Limits, Views
from small_networks import random_network, random_table


@pytest.fixture
def net():
    return random_network()


def test_order_of_rows_changes_no_bit(net):
    X, y = random_table(0, 60, 4)
    order = np.random.default_rng(1).permutation(60)
    first = InContextClassifier(net).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(InContextClassifier(net).fit(X[order], y[order]).predict_proba(X), first)
    numbers = X[:, 0].copy()
    numbers[np.isnan(numbers)] = 0
    first = InContextRegressor(net).fit(X, numbers).predict(X)
    np.testing.assert_array_equal(InContextRegressor(net).fit(X[order], numbers[order]).predict(X), first)


def test_order_of_columns_and_names_of_classes_do_not_matter(net):
    X, y = random_table(0, 60, 4)
    first = InContextClassifier(net, categorical=[1]).fit(X, y).predict_proba(X)
    order = np.array([2, 0, 3, 1])
    second = InContextClassifier(net, categorical=[3]).fit(X[:, order], y).predict_proba(X[:, order])
    np.testing.assert_allclose(second, first, atol=1e-5)
    names = np.array(["c", "a", "b"])[y.astype(int)]
    third = InContextClassifier(net, categorical=[1]).fit(X, names)
    np.testing.assert_allclose(third.predict_proba(X)[:, [2, 0, 1]], first, atol=1e-5)
    assert set(third.predict(X)) <= {"a", "b", "c"}


def test_repeated_rows_with_different_classes_have_no_order(net):
    X, y = random_table(3, 20, 3)
    X, y = np.concatenate([X, X, X]), np.concatenate([y, (y + 1) % 3, y])
    order = np.random.default_rng(1).permutation(60)
    first = InContextClassifier(net).fit(X, y).predict_proba(X[:20])
    np.testing.assert_array_equal(InContextClassifier(net).fit(X[order], y[order]).predict_proba(X[:20]), first)


def test_more_classes_than_slots(net):
    X, _ = random_table(0, 230, 4)
    y = np.arange(230) % 23
    predicted = InContextClassifier(net, views=1).fit(X, y).predict_proba(X[:9])
    assert predicted.shape == (9, 23)
    np.testing.assert_allclose(predicted.sum(axis=1), 1, atol=1e-5)


def test_tree_of_classes_multiplies_probabilities():
    class Shares:
        def __init__(self, y, count):
            self.shares = np.bincount(y, minlength=count) / len(y)

        def predict(self, X):
            return np.tile(self.shares, (len(X), 1))

    y = np.repeat(np.arange(25), np.arange(1, 26))
    tree = classify(lambda X, y, count: Shares(y, count), np.zeros((len(y), 1)), y, 25)
    assert isinstance(tree, ClassTree)
    np.testing.assert_allclose(tree.predict(np.zeros((2, 1)))[0], np.bincount(y) / len(y))


def test_long_and_wide_tables_are_sampled_by_view(net):
    X, y = random_table(0, 90, 12)
    views = Views.of(net, X, y.astype(int), np.zeros(12, bool), 3, count=2, seed=0, limits=Limits(rows=30, columns=5))
    assert [len(view.columns) for view in views.views] == [5, 5]
    assert not np.array_equal(views.views[0].columns, views.views[1].columns)
    assert np.isfinite(views.predict(X)).all()
    assert InContextClassifier(net, max_context=20).fit(X, y).predict(X).shape == (90,)


def test_more_views_are_a_mean(net):
    X, y = random_table(0, 40, 4)
    one, four = (InContextClassifier(net, views=count).fit(X, y).predict_proba(X) for count in (1, 4))
    assert np.abs(one - four).max() > 1e-4
    again = InContextClassifier(net, views=4, random_state=1).fit(X, y).predict_proba(X)
    assert np.abs(again - four).max() > 1e-5


def test_quantiles_between_the_levels(net):
    X, _ = random_table(0, 40, 4)
    model = InContextRegressor(net).fit(X, np.arange(40.0))
    quantiles = model.predict_quantiles(X[:6], [0.1, 0.105, 0.9])
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert quantiles.min() < model.predict(X[:6]).min() < quantiles.max()
    with pytest.raises(InvalidInput, match="has a level outside"):
        model.predict_quantiles(X, [0.001])


def test_network_is_read_from_its_file_and_estimators_are_copied(net, tmp_path):
    net.save(tmp_path / "n.npz")
    X, y = random_table(0, 40, 4)
    model = InContextClassifier(tmp_path / "n.npz").fit(X, y)
    for copy in (pickle.loads(pickle.dumps(model)), clone(model).fit(X, y)):
        np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))


def test_columns_that_do_not_exist_are_refused(net):
    X, y = random_table(0, 40, 4)
    with pytest.raises(InvalidInput, match="names a column"):
        InContextClassifier(net, categorical=[4]).fit(X, y)
