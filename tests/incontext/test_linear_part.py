"""Linear part of a view: sums of effects, out-of-fold predictions, few rows and rare classes, columns of the views."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.incontext.encoding import CellEncoder
from seasoned.incontext.estimators import InContextRegressor
from seasoned.incontext.linear_part import LinearPart
from seasoned.incontext.views import Limits, Views
from small_networks import random_network


def linear_part(X, y, n_classes=0, categorical=()):
    marks = np.isin(np.arange(X.shape[1]), categorical)
    return LinearPart.of(X, y, CellEncoder.of(X, marks), n_classes, np.random.default_rng(0))


def effects(rows, columns=12, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, columns))
    return X, X @ rng.standard_normal(columns)


def correlation(first, second):
    return np.corrcoef(first, second)[0, 1]


def test_sum_of_effects_is_learned():
    X, y = effects(200)
    part = linear_part(X[:150], y[:150])
    assert correlation(part.predict(X[150:])[:, 0], y[150:]) > 0.98
    assert correlation(part.out_of_fold[:, 0], y[:150]) > 0.97


def test_levels_of_a_category_have_effects_of_their_own():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 6, (200, 1)).astype(float)
    y = np.array([3.0, -2.0, 5.0, 0.0, -4.0, 1.0])[X[:, 0].astype(int)]
    as_levels, as_numbers = (linear_part(X, y, categorical=marked).predict(X)[:, 0] for marked in ([0], []))
    assert correlation(as_levels, y) > 0.99
    assert correlation(as_numbers, y) < 0.8


def test_context_rows_get_predictions_of_models_that_did_not_see_them():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 30)), rng.standard_normal(60)
    noise = linear_part(X, y)
    assert correlation(noise.out_of_fold[:, 0], y) < 0.3
    classes = (y > 0).astype(int)
    part = linear_part(X, classes, 2)
    assert correlation(part.predict(X)[:, 0], y) > correlation(part.out_of_fold[:, 0], y) + 0.3


def test_log_odds_rank_the_classes():
    X, y = effects(300)
    codes = np.digitize(y, np.quantile(y, [1 / 3, 2 / 3]))
    part = linear_part(X, codes, 3)
    assert part.out_of_fold.shape == (300, 2)
    assert correlation(part.predict(X)[:, 1], y) > 0.9


def test_number_stays_near_the_range_of_the_target():
    X, y = effects(100)
    far = linear_part(X, y).predict(1e6 * X)[:, 0]
    assert far.max() <= y.max() + y.std()
    assert far.min() >= y.min() - y.std()


@pytest.mark.parametrize(
    ("rows", "codes", "n_classes"), [(19, None, 0), (19, [0, 1], 2), (40, [1], 3), (40, [0] * 39 + [1], 2)]
)
def test_no_linear_part_of_few_rows_or_one_class(rows, codes, n_classes):
    X, y = effects(rows)
    assert linear_part(X, y if codes is None else np.resize(codes, rows), n_classes) is None


def test_no_linear_part_without_effects():
    X, y = np.full((30, 1), np.nan), effects(30)[1]
    assert linear_part(X, y, categorical=[0]) is None


def test_class_of_one_row_and_class_without_rows_have_small_odds():
    X, y = effects(60)
    codes = np.where(y > 0, 1, 0)
    codes[7] = 3
    part = linear_part(X, codes, 5)
    assert np.isfinite(part.out_of_fold).all()
    assert part.predict(X)[:, 3].max() < part.predict(X)[:, 0].max()


def test_outputs_stay_where_a_view_takes_a_part_of_the_columns():
    X, y = effects(80, columns=30)
    none, limits = np.zeros(30, dtype=bool), Limits(rows=40, columns=5)
    added, offset = Views.of(random_network(), X, y, none, 0, count=2, seed=0, limits=limits).views
    assert added.columns.size == offset.columns.size == 5
    assert 30 in added.columns
    assert added.added is not None
    assert offset.offset is not None


def test_offset_view_corrects_the_linear_model():
    X, y = effects(120)
    network = random_network()
    silent = {**network.weights, "head": {name: 0 * array for name, array in network.weights["head"].items()}}
    predicted = InContextRegressor(type(network)(network.settings, silent, {})).fit(X[:80], y[:80]).predict(X[80:])
    assert correlation(predicted, y[80:]) > 0.95
