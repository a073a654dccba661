"""Drawn tables: sizes, reproducibility, shares of kinds, and what can be learned of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from seasoned.incontext.prior import draw_table
from seasoned.incontext.prior.graph import draw_nodes, draw_parents
from seasoned.incontext.prior.learnable import is_learnable
from seasoned.incontext.prior.node_functions import FUNCTIONS
from seasoned.incontext.prior.rules import draw_rule
from seasoned.incontext.prior.targets import FEWEST


@pytest.fixture(scope="module")
def tables():
    return [draw_table(np.random.default_rng([1, seed]), 150, 6) for seed in range(80)]


@pytest.mark.parametrize(("rows", "columns"), [(64, 2), (300, 40)])
def test_table_has_the_asked_size(rows, columns):
    table = draw_table(np.random.default_rng(0), rows, columns)
    assert table.X.shape == (rows, columns)
    assert table.y.shape == (rows,)
    assert table.categorical.shape == (columns,)
    assert table.X.dtype == table.y.dtype == np.float32


def test_same_seed_same_table():
    first, second, third = (draw_table(np.random.default_rng(seed), 100, 5) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.X, second.X)
    np.testing.assert_array_equal(first.y, second.y)
    assert not np.array_equal(first.X, third.X)


def test_classes_are_consecutive_and_not_rare(tables):
    for table in tables:
        assert np.isfinite(table.y).all()
        if table.n_classes:
            counts = np.bincount(table.y.astype(int))
            assert len(counts) == table.n_classes <= 10
            assert counts.min() >= FEWEST
        else:
            assert table.y.std() > 0


def test_kinds_of_tables_are_mixed(tables):
    assert 0.3 < np.mean([table.n_classes == 0 for table in tables]) < 0.7
    assert 0.1 < np.mean([np.isnan(table.X).any() for table in tables]) < 0.5
    assert 0.15 < np.mean([table.categorical.mean() for table in tables]) < 0.6
    assert sum(table.n_classes > 2 for table in tables) > 5


def test_rows_are_exchangeable(tables):
    """The halves of a table differ no more than by chance."""
    differences = []
    for table in tables:
        y = (table.y - table.y.mean()) / table.y.std()
        differences.append((y[:75].mean() - y[75:].mean()) * np.sqrt(75 / 2))
    assert np.mean(np.square(differences)) < 1.6


def test_noise_is_not_learnable_and_a_threshold_is():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 4))
    assert is_learnable(X, (X[:, 1] > 0) * 1.0, 2, seed=0)
    assert is_learnable(X, X[:, 1], 0, seed=0)
    passed = [is_learnable(X, rng.standard_normal(200), 0, seed) for seed in range(40)]
    assert np.mean(passed) < 0.2


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_functions_of_nodes_are_finite_and_depend_on_their_input(function):
    x = np.random.default_rng(0).standard_normal((50, 3))
    values = [function(np.random.default_rng(1), part, 2) for part in (x, x[::-1])]
    assert values[0].shape == (50, 2)
    assert np.isfinite(values[0]).all()
    assert not np.array_equal(values[0], values[1])


def test_parents_come_before_their_children():
    for seed in range(20):
        for node, parents in enumerate(draw_parents(np.random.default_rng(seed), 12)):
            assert len(set(parents)) == len(parents)
            assert (parents < node).all()


def test_nodes_are_standardised():
    values, graph = draw_nodes(np.random.default_rng(2), 400)
    assert len(values) == len(graph) >= 3
    spreads = np.concatenate([value.std(axis=0) for value in values])
    assert np.allclose(spreads[spreads > 0], 1)


def test_some_rules_are_seen_by_a_tree_and_not_by_a_linear_model():
    gaps = []
    for seed in range(30):
        X, _, value = draw_rule(np.random.default_rng(seed), 600, 4)
        y = value[:, 0] > np.median(value)
        scores = [
            model.fit(X[:400], y[:400]).score(X[400:], y[400:])
            for model in (DecisionTreeClassifier(max_depth=5, random_state=0), LogisticRegression())
        ]
        gaps.append(scores[0] - scores[1])
    assert np.quantile(gaps, 0.7) > 0.15
