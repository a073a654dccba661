from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from seasoned.incontext.prior import draw_table
from seasoned.incontext.prior.choices import ranks
from seasoned.incontext.prior.targets import FEWEST, MOST


@pytest.fixture(scope="module")
def tables():
    return [draw_table(np.random.default_rng([1, seed]), 160, 6) for seed in range(200)]


def forest_gain(table):
    """Share of the squared error of the constant that a forest saves on unseen rows; numbers count by their ranks."""
    X = np.where(np.isnan(table.X), -1e6, table.X)
    if table.n_classes:
        model, y = RandomForestClassifier(30, random_state=0), np.eye(table.n_classes)[table.y.astype(int)]
        guess = np.zeros((60, table.n_classes))
        model.fit(X[:100], table.y[:100])
        guess[:, model.classes_.astype(int)] = model.predict_proba(X[100:])
    else:
        model, y = RandomForestRegressor(30, random_state=0), ranks(table.y)[:, None]
        guess = model.fit(X[:100], y[:100, 0]).predict(X[100:])[:, None]
    constant = np.square(y[100:] - y[:100].mean(axis=0)).sum()
    return 1 - np.square(y[100:] - guess).sum() / constant


@pytest.mark.parametrize(("rows", "columns"), [(64, 2), (64, 100), (2048, 2), (300, 40)])
def test_table_has_the_asked_size(rows, columns):
    table = draw_table(np.random.default_rng(0), rows, columns)
    assert table.X.shape == (rows, columns)
    assert table.y.shape == (rows,)
    assert table.categorical.shape == (columns,)
    assert table.X.dtype == table.y.dtype == np.float32
    assert table.categorical.dtype == bool


def test_same_seed_same_table():
    first, second, third = (draw_table(np.random.default_rng(seed), 100, 5) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.X, second.X)
    np.testing.assert_array_equal(first.y, second.y)
    assert not np.array_equal(first.X, third.X)


def test_the_next_table_of_a_generator_is_another():
    rng = np.random.default_rng(3)
    assert not np.array_equal(draw_table(rng, 100, 5).X, draw_table(rng, 100, 5).X)


def test_cells_are_finite_or_gaps_and_categories_are_small_codes(tables):
    for table in tables:
        assert not np.isinf(table.X).any()
        codes = table.X[:, table.categorical]
        codes = codes[~np.isnan(codes)]
        assert (codes == np.round(codes)).all()
        assert codes.size == 0 or 0 <= codes.min() <= codes.max() < 100


def test_classes_are_consecutive_and_not_rare(tables):
    for table in tables:
        assert np.isfinite(table.y).all()
        if table.n_classes:
            counts = np.bincount(table.y.astype(int))
            assert len(counts) == table.n_classes <= MOST
            assert counts.min() >= FEWEST
        else:
            assert table.y.std() > 0


def test_kinds_of_tables_are_mixed(tables):
    """Bounds are 4 standard errors of 200 tables away from the shares that are meant."""
    classed = [table for table in tables if table.n_classes]
    assert 0.36 < len(classed) / len(tables) < 0.64
    assert 0.17 < np.mean([np.isnan(table.X).any() for table in tables]) < 0.43
    assert 0.25 < np.mean([table.categorical.mean() for table in tables]) < 0.5
    assert 0.4 < np.mean([table.n_classes == 2 for table in classed]) < 0.85
    shares = [np.bincount(table.y.astype(int)).min() / 160 for table in classed if table.n_classes == 2]
    assert 0.2 < np.mean(np.array(shares) < 0.3) < 0.75


def test_order_of_rows_tells_nothing(tables):
    """Mean square of a standard score: 1 for exchangeable rows, with a standard error of .1 over 200 tables."""
    scores = []
    for table in tables:
        place = np.linspace(-1, 1, 160)
        y = (table.y - table.y.mean()) / table.y.std()
        scores.append((place @ y) / np.sqrt(np.square(place).sum()))
    assert 0.6 < np.mean(np.square(scores)) < 1.4


def test_a_forest_beats_the_constant_on_most_tables_and_few_are_trivial(tables):
    gains = np.array([forest_gain(table) for table in tables[:80]])
    assert (gains > 0.02).mean() > 0.75
    assert (gains > 0.9).mean() < 0.35
    assert 0.15 < np.median(gains) < 0.75
