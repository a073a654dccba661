"""Calibration: the maps, whether one is taken, and what becomes of it in a fit and in a bundle."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.optimize import isotonic_regression
from sklearn.linear_model import LogisticRegression

from in_process import estimator, stay_in_process
from seasoned import SearchSettings, load
from seasoned.errors import InvalidInput
from seasoned.tabular.metrics.registry import Metric, resolve
from seasoned.tabular.postprocessing.calibration import (
    Isotonic,
    Scaling,
    choose_calibration,
    fit_isotonic,
    fit_scaling,
    from_json,
)
from seasoned.tabular.postprocessing.out_of_fold import OutOfFold


def softmax(z):
    shares = np.exp(z - z.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def drawn(n, k, slope, biases=0.0, seed=0):
    """Labels drawn from softmax(slope * z + biases), and a model that says softmax(z)."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, k)) * 1.5
    true = softmax(slope * z + biases)
    y = (true.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return softmax(z), np.minimum(y, k - 1)


def pooled(p, y, weights=None):
    return OutOfFold(np.arange(len(y)), y, p, weights, np.arange(len(y)) % 5)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("slope", [0.4, 1.0, 2.5])
def test_a_temperature_is_found_again(k, slope):
    p, y = drawn(20_000, k, slope)
    found = fit_scaling(p, y, biased=False)
    assert found.slope == pytest.approx(slope, rel=0.06)
    assert not any(found.biases)


def test_biases_are_found_again_up_to_a_constant():
    biases = np.array([0.0, 1.0, -0.5])
    p, y = drawn(30_000, 3, 0.7, biases)
    found = fit_scaling(p, y, biased=True)
    assert found.slope == pytest.approx(0.7, rel=0.06)
    np.testing.assert_allclose(np.array(found.biases) - found.biases[0], biases, atol=0.1)


def test_of_two_classes_it_is_platts_logistic_regression():
    p, y = drawn(5_000, 2, 0.5, np.array([0.0, 0.8]))
    logit = np.log(p[:, 1] / p[:, 0])
    reference = LogisticRegression(C=1e10).fit(logit[:, None], y)
    found = fit_scaling(p, y, biased=True)
    np.testing.assert_allclose(found.apply(p), reference.predict_proba(logit[:, None]), atol=1e-3)
    assert found.name == "Platt scaling"


def test_a_row_of_weight_two_counts_as_two():
    p, y = drawn(600, 3, 0.5)
    twice = np.where(np.arange(600) < 200, 2.0, 1.0)
    rows = np.repeat(np.arange(600), twice.astype(int))
    for fit in (lambda *a: fit_scaling(*a, biased=True), fit_isotonic):
        weighted, repeated = fit(p, y, twice), fit(p[rows], y[rows], None)
        np.testing.assert_allclose(weighted.apply(p), repeated.apply(p), atol=0.02)  # pulls are in rows


def test_isotonic_curves_are_those_of_pool_adjacent_violators_and_never_certain():
    p, y = drawn(4_000, 2, 0.5)
    found = fit_isotonic(p, y)
    order = np.argsort(p[:, 1])
    reference = isotonic_regression(y[order].astype(float)).x
    gap = np.abs(found.apply(p)[order, 1] - reference)
    assert np.quantile(gap, 0.9) < 0.05  # between levels it is linear, not a step
    for curve in (found.apply(p), fit_isotonic(*drawn(4_000, 3, 0.5)).apply(p[:, [0, 1, 1]] / 1.5)):
        assert curve.min() > 0
        np.testing.assert_allclose(curve.sum(axis=1), 1.0)
    assert (np.diff(found.apply(p)[order, 1]) >= 0).all()


@pytest.mark.parametrize("k", [2, 3])
def test_maps_survive_as_text_bit_by_bit(k):
    p, y = drawn(3_000, k, 0.5)
    for found in (fit_scaling(p, y, biased=False), fit_scaling(p, y, biased=True), fit_isotonic(p, y)):
        again = from_json(json.loads(json.dumps(found.to_json())), k)
        assert again == found
        np.testing.assert_array_equal(again.apply(p), found.apply(p))
        with pytest.raises(ValueError, match="calibration"):
            from_json(found.to_json(), k + 1)


@pytest.mark.parametrize(
    "forged",
    [
        {"kind": "scaling", "slope": float("nan"), "biases": [0.0, 0.0]},
        {"kind": "scaling", "slope": -1.0, "biases": [0.0, 0.0]},
        {"kind": "scaling", "slope": 1.0, "biases": [0.0, float("inf")]},
        {"kind": "isotonic", "knots": [[[0.1, 0.1], [0.2, 0.3]]]},
        {"kind": "isotonic", "knots": [[[0.1, 0.2], [0.4, 0.3]]]},
        {"kind": "isotonic", "knots": [[[0.1, 0.2], [0.4, 1.0]]]},
        {"kind": "isotonic", "knots": [[[], []]]},
        {"kind": "isotonic", "knots": [[[0.1, float("nan")], [0.2, 0.3]]]},
        {"kind": "code", "knots": [[[0.1], [0.2]]]},
    ],
)
def test_forged_maps_are_refused(forged):
    with pytest.raises(ValueError, match="calibration"):
        from_json(forged, 2)


@pytest.mark.parametrize("metric", ["log_loss", "brier"])
@pytest.mark.parametrize("k", [2, 4])
def test_the_gain_is_cross_fitted(metric, k):
    p, y = drawn(3_000, k, 0.4)
    measure = resolve(metric, "binary" if k == 2 else "multiclass", k)
    found = choose_calibration(pooled(p, y), measure)
    assert found.before == pytest.approx(measure.loss(y, p))
    assert found.after == pytest.approx(measure.loss(y, found.predicted))
    fresh, labels = drawn(20_000, k, 0.4, seed=1)
    held_out = measure.loss(labels, found.calibration.apply(fresh))
    assert found.after == pytest.approx(held_out, rel=0.06)
    assert held_out < measure.loss(labels, fresh)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("n", [40, 130, 1_000])
def test_rows_without_an_error_do_not_make_it_certain(n, k):
    """The first row that turns out wrong would cost more than all of them gain."""
    rng = np.random.default_rng(n)
    y = np.arange(n) % k
    p = softmax(4.0 * np.eye(k)[y] + 0.5 * rng.normal(size=(n, k)))
    assert (p.argmax(axis=1) == y).all()
    measure = resolve("log_loss", "binary" if k == 2 else "multiclass", k)
    chosen = choose_calibration(pooled(p, y), measure)
    for found in (chosen.calibration, fit_scaling(p, y, biased=False), fit_scaling(p, y, biased=True)):
        if found is not None:
            assert 1 - found.apply(p)[np.arange(n), y].mean() > 0.3 / n  # would be 0 without the row more


def test_it_needs_every_class():
    p, y = drawn(2_000, 2, 0.4)
    for name in ("roc_auc", "accuracy", "f1"):
        assert isinstance(choose_calibration(pooled(p, y), resolve(name, "binary", 2)).calibration, Scaling)
    assert choose_calibration(pooled(p[y == 0], y[y == 0]), resolve("log_loss", "binary", 2)) is None


def test_isotonic_regression_is_taken_where_the_curve_is_no_scaling():
    rng = np.random.default_rng(0)
    said = rng.random(20_000)
    y = (rng.random(20_000) < np.where(said < 0.5, 0.2, 0.8)).astype(int)
    found = choose_calibration(pooled(np.column_stack([1 - said, said]), y), resolve("log_loss", "binary", 2))
    assert isinstance(found.calibration, Isotonic)
    assert found.after == pytest.approx(-(0.2 * np.log(0.2) + 0.8 * np.log(0.8)), rel=0.02)


def test_costs_are_lower_with_probabilities_that_are_right():
    p, y = drawn(4_000, 2, 0.3)
    measure = resolve(Metric("cost", costs=[[0, 1], [5, 0]]), "binary", 2)
    found = choose_calibration(pooled(p, y), measure)
    assert found.calibration is not None
    assert found.after < found.before


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)


def noisy(n=400, k=2, seed=0):
    """So many columns that a linear model is surer of itself than it should be."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 100))
    y = np.where(rng.random(n) < 0.25, rng.integers(0, k, n), np.digitize(X[:, 0], np.linspace(-1, 1, k + 1)[1:-1]))
    return X, y


@pytest.mark.parametrize("k", [2, 3])
def test_a_whole_fit_calibrates_says_so_and_the_bundle_gives_the_same_bits(here, tmp_path, k):
    X, y = noisy(k=k)
    settings = {"models": ["linear"], "folds": 2}
    plain = estimator("classification", metric="log_loss", search=SearchSettings(**settings)).fit(X, y)
    asked = SearchSettings(**settings, calibrate=True)
    model = estimator("classification", metric="log_loss", search=asked).fit(X, y)
    finish = model.fitted_.postprocessor
    assert plain.fitted_.postprocessor.calibration is None
    assert finish.calibration is not None
    assert "calibrated by" in model.fitted_.sentences[0]
    assert model.fitted_.validated.loss == pytest.approx(finish.calibrated[1])
    assert finish.calibrated[1] < finish.calibrated[0] == pytest.approx(plain.fitted_.validated.loss)
    fresh, labels = noisy(4_000, k, seed=1)
    assert model.score(fresh, labels) > plain.score(fresh, labels)
    model.save(tmp_path / "model.seasoned")
    again = load(tmp_path / "model.seasoned")
    np.testing.assert_array_equal(again.predict_proba(fresh), model.predict_proba(fresh))
    assert again.fitted_.postprocessor == finish


def test_the_setting_is_checked():
    with pytest.raises(InvalidInput, match="calibrate is 'isotonic'"):
        SearchSettings(calibrate="isotonic")
