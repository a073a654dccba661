"""Diagnostics of predictions: curves, confusion, calibration and residuals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score

from seasoned.report.figures.diagnostics import (
    calibration,
    confusion,
    middle,
    pairs,
    precision_recall,
    residual_histogram,
    roc,
)

SEEDS = st.integers(0, 2**32 - 1)


def binary(seed, rows=60):
    """Truth with both classes, and scores with ties."""
    rng = np.random.default_rng(seed)
    truth = np.append(rng.integers(0, 2, rows), [0, 1])
    return truth, rng.integers(0, 11, rows + 2) / 10


@given(SEEDS)
def test_areas_under_curves_equal_scikit_learn(seed):
    truth, score = binary(seed)
    assert roc(truth, score).area == pytest.approx(roc_auc_score(truth, score))
    assert precision_recall(truth, score).area == pytest.approx(average_precision_score(truth, score))


@given(SEEDS)
def test_roc_curve_rises_from_zero_to_one(seed):
    truth, score = binary(seed, rows=1000)
    curve = roc(truth, score + np.linspace(0, 0.01, len(score)))  # no ties: more points than are kept
    assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0, 0, 1, 1)
    assert (np.diff(curve.x) >= 0).all()
    assert (np.diff(curve.y) >= 0).all()
    assert len(curve.x) <= 400


@given(SEEDS, st.integers(2, 40))
def test_confusion_counts_every_row(seed, k):
    rng = np.random.default_rng(seed)
    truth, codes = rng.integers(0, k, 200), rng.integers(0, k, 200)
    found = confusion(truth, codes, tuple(f"c{i}" for i in range(k)), most=20)
    assert found.counts.sum() == 200
    assert found.counts.shape == (len(found.labels),) * 2 == (min(k, 20),) * 2
    if k <= 20:
        np.testing.assert_array_equal(found.counts, confusion_matrix(truth, codes, labels=range(k)))
        assert found.right == tuple(range(k))
    else:
        assert found.labels[-1] == f"{k - 19} others"
        assert found.right == (*range(19), None), "the others may be confused with each other"


@given(SEEDS)
def test_calibration_equals_scikit_learn_inside_its_interval(seed):
    truth, score = binary(seed)
    score = np.clip(score + 0.05, 0, 1)  # bin edges belong to different bins there and here
    found = calibration(truth, np.column_stack([1 - score, score]))
    observed, predicted = calibration_curve(truth, score, n_bins=10)
    np.testing.assert_allclose(found.observed, observed)
    np.testing.assert_allclose(found.predicted, predicted)
    assert found.counts.sum() == len(truth)
    assert (found.low - 1e-12 <= found.observed).all()
    assert (found.observed <= found.high + 1e-12).all()
    assert ((found.low >= 0) & (found.high <= 1)).all()


def test_calibration_is_of_the_positive_class():
    truth, predicted = np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1]])
    found = calibration(truth, predicted, positive=0)
    np.testing.assert_allclose(found.observed, [2 / 3])
    np.testing.assert_allclose(found.predicted, [0.9])


def test_calibration_of_many_classes_is_of_the_most_likely_class():
    found = calibration(np.array([0, 1, 2]), np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]]))
    np.testing.assert_allclose(found.observed, [2 / 3])
    np.testing.assert_allclose(found.predicted, [0.8])


def test_wilson_interval_is_the_published_one():
    found = calibration(np.array([1] * 8 + [0] * 2), np.full((10, 2), 0.5))
    # 8 of 10: Newcombe (1998) gives 0.4902 to 0.9433
    assert found.low[0] == pytest.approx(0.4902, abs=1e-4)
    assert found.high[0] == pytest.approx(0.9433, abs=1e-4)


@given(SEEDS, st.sampled_from([1, 2, 1_000, 5_000]))
def test_pairs_are_rows_of_the_table_and_keep_the_extremes(seed, rows):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=rows)
    found = pairs(truth, truth + 1)
    np.testing.assert_allclose(found.predicted, found.truth + 1)
    assert (found.truth.min(), found.truth.max()) == (truth.min(), truth.max())
    assert len(found.truth) == min(rows, 1_500)
    assert found.rows == rows


@given(SEEDS)
def test_residual_histogram_counts_every_row_around_zero(seed):
    residuals = np.random.default_rng(seed).standard_cauchy(300)
    found = residual_histogram(np.zeros(300), residuals)
    assert found.counts.sum() == 300
    assert found.edges[0] == -found.edges[-1]
    assert residual_histogram(np.zeros(3), np.zeros(3)).counts.sum() == 3


@given(SEEDS)
def test_row_of_weight_three_counts_as_three_rows(seed):
    """Whatever counts rows counts a row of weight 3 as three of them."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, 5, 62)
    many = np.repeat(np.arange(62), weights)
    truth, score = binary(seed)
    both = np.column_stack([1 - score, score])
    codes = both.argmax(axis=1)
    counted = confusion(truth[many], codes[many], ("a", "b")).counts
    np.testing.assert_array_equal(confusion(truth, codes, ("a", "b"), weights=weights).counts, counted)
    found, repeated = calibration(truth, both, weights=weights), calibration(truth[many], both[many])
    np.testing.assert_allclose(found.observed, repeated.observed)
    np.testing.assert_allclose(found.predicted, repeated.predicted)
    assert (found.high - found.low >= repeated.high - repeated.low - 1e-12).all(), "but it tells less than three rows"
    assert found.counts.sum() == 62
    for curve in (roc, precision_recall):
        weighted, longer = curve(truth, score, weights), curve(truth[many], score[many])
        np.testing.assert_allclose(weighted.x, longer.x)
        np.testing.assert_allclose(weighted.y, longer.y)
        assert weighted.area == pytest.approx(longer.area)
    drawn = residual_histogram(truth, score, weights=weights)
    assert drawn.counts.sum() == weights.sum()
    counts, _ = np.histogram(np.clip((score - truth)[many], drawn.edges[0], drawn.edges[-1]), drawn.edges)
    np.testing.assert_array_equal(drawn.counts, counts)
    assert np.mean(score[many] <= middle(score, weights)) >= 0.5
    assert np.mean(score[many] >= middle(score, weights)) >= 0.5


@given(SEEDS)
def test_equal_weights_equal_no_weights(seed):
    truth, score = binary(seed)
    both, weights = np.column_stack([1 - score, score]), np.full(62, 7.0)
    for plain, weighted in zip(calibration(truth, both), calibration(truth, both, weights=weights), strict=True):
        np.testing.assert_allclose(plain, weighted)
    assert roc(truth, score).area == pytest.approx(roc(truth, score, weights).area)
    assert middle(np.array([4.0]), np.array([0.5])) == middle(np.array([4.0])) == 4.0


def test_curves_of_many_rows_keep_the_area_of_a_few_positives():
    rng = np.random.default_rng(0)
    truth = np.zeros(60_000, dtype=int)
    truth[:100] = 1
    score = np.where(truth == 1, rng.beta(8, 2, len(truth)), rng.beta(1, 12, len(truth)))
    for curve in (precision_recall(truth, score), roc(truth, score)):
        assert len(curve.x) <= 410
    found = precision_recall(truth, score)
    area = float(np.sum(np.diff(found.x) * found.y[1:]))
    assert area == pytest.approx(found.area, abs=0.02), "the figure agrees with its heading"


def test_confusion_of_very_many_classes_needs_no_table_of_pairs():
    rng = np.random.default_rng(0)
    truth, codes = rng.integers(0, 200_000, 5_000), rng.integers(0, 200_000, 5_000)
    truth[:500] = codes[:500] = 7
    found = confusion(truth, codes, tuple(map(str, range(200_000))))
    assert found.counts.shape == (20, 20)
    assert found.counts.sum() == 5_000
    assert found.counts[list(found.labels).index("7"), list(found.labels).index("7")] >= 500
