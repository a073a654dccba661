"""Forest surrogate: predictions, spread, and seeds."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.surrogates.forest import fit_forest


def data(count=300, noise=0.0, seed=0):
    rng = np.random.default_rng(seed)
    points = rng.random((count, 4))
    codes = np.round(points[:, 2] * 2) / 2
    points[:, 2] = codes
    values = np.sin(3 * points[:, 0]) + 2 * (codes == 0.5) + noise * rng.standard_normal(count)
    return points, values


@pytest.mark.parametrize("random_splits", [True, False])
def test_the_forest_predicts_unseen_points(random_splits):
    forest = fit_forest(*data(), seed=0, random_splits=random_splits)
    points, values = data(seed=1)
    mean, std = forest.predict(points)
    assert np.mean((mean - values) ** 2) < 0.05 * values.var()
    assert np.corrcoef(np.abs(mean - values), std)[0, 1] > 0.2  # where it errs more it is less sure


def test_the_spread_covers_noise():
    points, values = data(1000, noise=0.5)
    _, std = fit_forest(points, values, seed=0, leaf=5).predict(points)
    assert 0.3 < np.median(std) < 0.7
    _, quiet = fit_forest(*data(1000), seed=0, leaf=5).predict(points)
    assert np.median(quiet) < 0.5 * np.median(std)


def test_the_spread_is_the_law_of_total_variance():
    points, values = data(60, noise=0.1)
    forest = fit_forest(points, values, seed=0, leaf=3)
    mean, std = forest.predict(points[:5])
    by_tree = forest.by_tree(points[:5])
    np.testing.assert_allclose(mean, by_tree.mean(axis=0))
    leaves = [tree.apply(points[:5].astype(np.float32)) for tree in forest.trees]
    within = np.mean([v[leaf] for v, leaf in zip(forest.variances, leaves, strict=True)], axis=0)
    np.testing.assert_allclose(std**2, within + by_tree.var(axis=0))


def test_a_seed_fixes_the_forest():
    points, values = data(100)
    one, two, other = (fit_forest(points, values, seed=seed).predict(points[:9]) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("scale", [2.0**300, 2.0**-300, -4.0])
def test_predictions_scale_with_the_values(scale):
    points, values = data(100)
    mean, std = fit_forest(points, values, seed=0).predict(points[:9])
    scaled_mean, scaled_std = fit_forest(points, scale * values, seed=0).predict(points[:9])
    np.testing.assert_allclose(scaled_mean, scale * mean, rtol=0.05)  # ties between splits may break another way
    np.testing.assert_allclose(scaled_std, abs(scale) * std, rtol=0.5)


def test_single_and_equal_values_are_predicted_exactly():
    mean, std = fit_forest([[0.5]], [2.0], seed=0).predict([[0.1], [0.9]])
    np.testing.assert_array_equal(mean, [2.0, 2.0])
    assert (std >= 0).all()
    mean, std = fit_forest(data(20)[0], np.ones(20), seed=0).predict(data(5)[0])
    np.testing.assert_array_equal(mean, np.ones(5))
    assert (std < 1e-6).all()


def test_wrong_shapes_and_infinite_values_are_refused():
    with pytest.raises(InvalidInput, match="shape"):
        fit_forest(np.ones((3, 2)), np.ones(2), seed=0)
    with pytest.raises(InvalidInput, match="finite"):
        fit_forest(np.ones((2, 2)), [1.0, np.inf], seed=0)
