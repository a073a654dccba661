from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from seasoned.incontext.prior.rules import (
    RULES,
    conjunction,
    draw_classes_of_rule,
    draw_driver_column,
    draw_numbers_of_rule,
    draw_rule,
    lookup,
    parity,
    product,
    xor,
)


def drawn(rule, seed, rows=1200):
    rng = np.random.default_rng(seed)
    u = rng.random((rows, 4))
    return u, *rule(rng, u)


@pytest.mark.parametrize("rule", [xor, parity, lookup])
def test_no_single_driver_tells_the_outcome(rule):
    """Mutual information of driver and outcome is that of independence: 2 n times it is chi-square, mean = freedom."""
    statistics, freedoms = 0.0, 0
    for seed in range(20):
        u, outcome, levels = drawn(rule, seed)
        for driver, count in enumerate(levels):
            table = np.zeros((count, outcome.max() + 1))
            np.add.at(table, ((u[:, driver] * count).astype(int), outcome), 1)
            expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / len(u)
            statistics += (np.square(table - expected) / expected).sum()
            freedoms += (table.shape[0] - 1) * (table.shape[1] - 1)
    assert statistics < freedoms + 5 * np.sqrt(2 * freedoms)


@pytest.mark.parametrize("rule", [xor, lookup, product])
def test_a_tree_solves_what_a_linear_model_cannot(rule):
    gaps = []
    for seed in range(8):
        u, outcome, levels = drawn(rule, seed)
        y = draw_classes_of_rule(np.random.default_rng(seed), outcome, levels)
        X = u[:, : len(levels)]
        tree = DecisionTreeClassifier(max_depth=8, min_samples_leaf=5, random_state=0).fit(X[:800], y[:800])
        linear = LogisticRegression().fit(X[:800], y[:800])
        gaps.append(tree.score(X[800:], y[800:]) - linear.score(X[800:], y[800:]))
    assert np.median(gaps) > 0.25


def test_and_is_true_where_all_drivers_are_high():
    u, outcome, levels = drawn(conjunction, 0)
    assert np.array_equal(outcome == 1, (u[:, : len(levels)] >= 0.5).all(axis=1))


def test_rules_come_in_their_shares():
    """XOR has a share of .25: 300 draws have a standard error of .025."""
    assert sum(RULES.values()) == pytest.approx(1)
    levels = Counter(draw_rule(np.random.default_rng(seed), 50, 4)[1][1] for seed in range(300))
    assert 0.05 < levels[0, 0] / 300 < 0.16
    assert 0.25 < levels[2, 2] / 300 < 0.5


def test_rules_fit_into_two_columns():
    for seed in range(60):
        u, (outcome, levels) = draw_rule(np.random.default_rng(seed), 100, 2)
        assert u.shape == (100, 2)
        assert outcome.shape == (100,)
        assert len(levels) == 2


def test_a_column_shows_the_levels_of_its_driver():
    u = np.random.default_rng(0).random(400)
    marks = set()
    for seed in range(30):
        column, categorical = draw_driver_column(np.random.default_rng(seed), u, 2)
        marks.add(categorical)
        if categorical:
            assert not set(column[u < 0.5]) & set(column[u >= 0.5])
        else:
            assert column[u < 0.5].max() < column[u >= 0.5].min()
    assert marks == {True, False}


def test_numbers_of_a_rule_have_a_height_for_each_label():
    _, outcome, levels = drawn(xor, 0)
    y = draw_numbers_of_rule(np.random.default_rng(0), outcome, levels)
    assert abs(y[outcome == 0].mean() - y[outcome == 1].mean()) > 1
    assert y.std() == pytest.approx(1, abs=1e-3)
