"""The quantile metric, the families that learn it, and what is stored of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import mean_pinball_loss

from in_process import estimator, stay_in_process
from optional import FAMILIES, needs
from seasoned import load
from seasoned.errors import InvalidInput
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.metrics.vectorized import losses_of
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models._common.quantile_regression import fit_line, quantile_of
from seasoned.tabular.models.neighbors import Vote
from seasoned.tabular.models.registry import BASELINE, MODELS, choose, find, for_quantile
from seasoned.tabular.models.trees.random_forest import leaf_quantiles
from seasoned.tabular.safe_files import npz

ABLE = [name for name in FAMILIES if getattr(MODELS[name], "quantiles", False)]


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.95])
def test_the_loss_is_the_pinball_loss(quantile):
    rng = np.random.default_rng(0)
    y, stack, weight = rng.normal(size=80), rng.normal(size=(3, 80)), rng.gamma(1.0, size=80)
    metric = resolve(f"quantile@{quantile}", "regression", 0)
    assert metric.name == f"quantile@{quantile}"
    for w in (None, weight):
        expected = [mean_pinball_loss(y, p, alpha=quantile, sample_weight=w) for p in stack]
        np.testing.assert_allclose([metric.loss(y, p, w) for p in stack], expected)
        np.testing.assert_allclose(losses_of(stack, y, metric, weight=w), expected)
    assert metric.score(2.0) == 2.0
    assert resolve(f"pinball@{quantile}", "regression", 0).quantile == quantile


@pytest.mark.parametrize("name", ["quantile", "quantile@1.5", "quantile@0.0", "quantile@ten"])
def test_which_quantile_must_be_said(name):
    with pytest.raises(InvalidInput, match="which quantile"):
        resolve(name, "regression", 0)
    with pytest.raises(InvalidInput, match="for numbers"):
        resolve("quantile@0.5", "binary", 2)


def test_the_quantile_of_weighted_values():
    values, mass = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 8.0])
    assert [quantile_of(values, mass, q) for q in (0.05, 0.1, 0.5, 0.9, 0.95)] == [1.0, 1.0, 2.0, 2.0, 3.0]


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_the_line_is_that_of_the_linear_programme(quantile):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, 3))
    y = 5 + X @ [1.0, -2.0, 0.0] + (1 + np.abs(X[:, 0])) * rng.normal(size=400)
    reference = QuantileRegressor(quantile=quantile, alpha=0.0).fit(X, y)
    slopes, intercept = fit_line(X, y, quantile, 1e-9)
    np.testing.assert_allclose(slopes, reference.coef_, atol=0.15)
    found, best = (mean_pinball_loss(y, p, alpha=quantile) for p in (X @ slopes + intercept, reference.predict(X)))
    assert found <= best * 1.005
    assert np.mean(y <= X @ slopes + intercept) == pytest.approx(quantile, abs=0.005)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_one_huge_number_turns_no_line(quantile):
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, size=(1_000, 2))
    y = X[:, 0] + (0.2 + X[:, 1]) * rng.normal(size=1_000)
    slopes, _ = fit_line(X, y, quantile, 1e-9)
    turned, _ = fit_line(X, np.where(np.arange(1_000) == 7, 1e6, y), quantile, 1e-9)
    np.testing.assert_allclose(turned, slopes, atol=0.1)
    assert np.sign(slopes[1]) == np.sign(quantile - 0.5) or quantile == 0.5


def test_quantiles_of_leaves_are_those_of_their_rows():
    rng = np.random.default_rng(0)
    leaf, y, mass = rng.integers(1, 6, 200), rng.normal(size=200), rng.gamma(1.0, size=200)
    found = leaf_quantiles(leaf, y, mass, 0.3, 7)
    expected = [quantile_of(y[leaf == node], mass[leaf == node], 0.3) for node in range(1, 6)]
    np.testing.assert_array_equal(found[1:6], expected)
    np.testing.assert_allclose(found[[0, 6]], np.average(y, weights=mass))


@pytest.mark.parametrize("by_distance", [False, True])
def test_the_neighbours_quantile_is_that_of_their_weighted_values(by_distance):
    rng = np.random.default_rng(0)
    X, y, mass = rng.normal(size=(60, 2)), rng.normal(size=60), rng.gamma(1.0, size=60)
    vote = Vote(25, 2, by_distance, 0, quantile=0.3)
    vote.fit(X, y, mass)
    rows = rng.normal(size=(9, 2))
    weights, values = vote._neighbours(rows)
    expected = [quantile_of(value, weight, 0.3) for weight, value in zip(weights, values, strict=True)]
    np.testing.assert_array_equal(vote.predict(rows), expected)


@pytest.mark.parametrize(("classes", "quantile"), [(2, [0.5]), (0, [1.0]), (0, [0.2, 0.3])])
def test_a_neighbours_file_with_another_quantile_is_refused(classes, quantile):
    arrays = {"X": np.ones((3, 1), np.float32), "y": np.zeros(3), "settings": np.array([1, 2, 0, classes])}
    with pytest.raises(InvalidInput, match="outside their range"):
        find("neighbours").load(npz.dump({**arrays, "quantile": np.array(quantile)}))


def spread_out(n, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n, 2))
    return X, 10 * X[:, 0] + (1.0 + 2.0 * (X[:, 1] > 0)) * rng.normal(size=n)


LEARNING = [pytest.param(name, marks=[pytest.mark.slow] * (name == "realmlp")) for name in (*ABLE, BASELINE.name)]


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize("quantile", [0.1, 0.9])
def test_families_learn_it_and_their_files_predict_the_same_bits(name, quantile):
    """A share of 4,000 fresh rows lies below; its standard error is .005, and .06 are left to the families' bias."""
    needs(name)
    X, y = spread_out(3_000)
    fresh, truth = spread_out(4_000, seed=1)
    model, config = find(name), dict(find(name).space("regression").default)
    learner = model.build(config, Job("regression", 0, 0, quantile=quantile))
    model.fit(learner, (X, y), (fresh[:1000], truth[:1000]), None)
    predicted = predict(learner, fresh, 0)
    assert np.mean(truth < predicted) == pytest.approx(quantile, abs=0.06)
    np.testing.assert_array_equal(predict(model.load(model.dump(learner)), fresh, 0), predicted)
    expected = 10 * fresh[:, 0] + norm.ppf(quantile) * (1.0 + 2.0 * (fresh[:, 1] > 0))
    if name not in {"linear", BASELINE.name}:
        assert np.corrcoef(predicted - 10 * fresh[:, 0], expected - 10 * fresh[:, 0])[0, 1] > 0.5


def test_families_that_learn_the_mean_take_part_only_when_named(caplog):
    assert {model.name for model in for_quantile(choose(None), None)} <= set(ABLE)
    assert [model.name for model in for_quantile(choose(["linear", "tree"]), ["linear", "tree"])] == ["linear", "tree"]
    kept = {model.name for model in for_quantile(choose(["default", "tree", "-lightgbm"]), ["default", "tree"])}
    assert kept == ({model.name for model in for_quantile(choose(None), None)} | {"tree"}) - {"lightgbm"}
    with pytest.raises(InvalidInput, match="none of the families left learns a quantile"):
        for_quantile(choose([f"-{name}" for name in ABLE]), [f"-{name}" for name in ABLE])
    assert "tree learn the mean" in caplog.text


def test_a_whole_fit_and_its_bundle(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    X, y = spread_out(1_500)
    fresh, truth = spread_out(4_000, seed=1)
    shares = []
    for quantile in (0.1, 0.9):
        model = estimator("regression", ["linear", "lightgbm"], metric=f"quantile@{quantile}").fit(X, y)
        shares.append(np.mean(truth < model.predict(fresh)))
        assert model.score(fresh, truth) == pytest.approx(
            -mean_pinball_loss(truth, model.predict(fresh), alpha=quantile)
        )
        model.save(tmp_path / "model.seasoned")
        again = load(tmp_path / "model.seasoned")
        np.testing.assert_array_equal(again.predict(fresh), model.predict(fresh))
        assert again.score(fresh, truth) == model.score(fresh, truth)
    np.testing.assert_allclose(shares, [0.1, 0.9], atol=0.05)
