"""Targets learned on the scale of their logarithm."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LinearRegression

from in_process import estimator, stay_in_process
from seasoned import SearchSettings, load
from seasoned.errors import InvalidInput
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models._common.log_target import Exponential, Logarithm, logarithm_for
from seasoned.tabular.models._common.target_transforms import SCALE
from seasoned.tabular.safe_files import zip_container
from seasoned.tabular.trial.arrays import Arrays, write_arrays
from seasoned.tabular.trial.cross_validation import CrossValidation

LOG = Logarithm(0.0, "squares")


def grown(rows=300, noise=0.3):
    """A table whose target grows by factors."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows)})
    return X, np.exp(8 + X["a"] - 0.5 * X["b"] + noise * rng.normal(size=rows))


def measure(name):
    return resolve(name, "regression", 0)


@pytest.mark.parametrize(("judged", "error"), [("squares", np.square), ("absolute", np.abs)])
def test_the_factor_is_the_one_that_errs_least(judged, error):
    rng = np.random.default_rng(0)
    truth, mass = rng.gamma(2.0, size=400), rng.gamma(1.0, size=400)
    guess = truth * np.exp(rng.normal(size=400) - 0.4)
    scale = Logarithm(1.0, judged)
    best = minimize_scalar(
        lambda k: (mass * error(truth + 1 - k * (guess + 1))).sum(), bounds=(0.1, 5), method="bounded"
    )
    assert scale.factor(truth, guess, mass) == pytest.approx(best.x, rel=1e-3)


def test_where_there_is_no_factor_it_is_one():
    y = np.array([1.0, 2.0])
    assert Logarithm(1.0, "logarithms").factor(y, 3 * y) == 1.0
    assert LOG.factor(y, np.zeros(2)) == LOG.factor(y, np.array([np.nan, 1.0])) == 1.0


def test_which_targets_are_learned_on_it():
    rng = np.random.default_rng(0)
    skewed = rng.lognormal(size=500)
    assert logarithm_for(measure("rmse"), skewed) == LOG
    assert logarithm_for(measure("r2"), np.round(5 * skewed) * (rng.random(500) < 0.9)) == Logarithm(1.0, "squares")
    assert logarithm_for(measure("mae"), skewed) == Logarithm(0.0, "absolute")
    for other in (skewed - 1, -skewed, rng.random(500) + 1, np.ones(500), np.maximum(skewed, 3) ** -1):
        assert logarithm_for(measure("rmse"), other) is None
    for metric in ("quantile@0.9", "max_error", lambda y, p: float(np.abs(y - p).max())):
        assert logarithm_for(measure(metric), skewed) is None
    assert logarithm_for(measure("rmsle"), rng.random(500)) == Logarithm(1.0, "logarithms")


def test_no_row_has_a_say_in_its_own_factor():
    rng = np.random.default_rng(0)
    parts = [(y, y * k, None) for y, k in zip(rng.gamma(2.0, size=(3, 40)), (0.5, 0.8, 2.0), strict=True)]
    found = LOG.crossed(parts)
    for place, (_, predicted, _) in enumerate(parts):
        others = [part for other, part in enumerate(parts) if other != place]
        np.testing.assert_array_equal(found[place], LOG.factor_of(others) * predicted)
    (halves,) = LOG.crossed(parts[:1])
    np.testing.assert_allclose(halves, parts[0][0])  # both halves say 2
    one = np.ones(1)
    np.testing.assert_array_equal(LOG.crossed([(5 * one, one, None)])[0], one)  # nobody else knows


def run(folder, y, job, X=None):
    rows = len(y)
    folds = [(np.arange(rows // 2, rows), np.arange(rows // 2)), (np.arange(rows // 2), np.arange(rows // 2, rows))]
    write_arrays(folder, np.asarray(y), folds, {"dense": np.asarray(X)})
    (folder / "trials").mkdir()
    return CrossValidation(Arrays(folder), job, measure("rmse"))


def test_a_model_of_logarithms_predicts_numbers(tmp_path):
    X, y = grown(20_000)
    objective = run(tmp_path, y, Job("regression", 0, 0, logarithm=LOG), X)
    plain, log = ({"model": {"linear": {"penalty": 1.0, SCALE.name: scale}}} for scale in ("plain", "log"))
    assert objective(log) < 0.6 * objective(plain)
    factor = objective.records.of(log).factor
    assert factor == pytest.approx(np.exp(0.3**2 / 2), abs=0.05)
    assert objective.records.of(plain).factor == 1.0
    whole, part = objective.refit(log), objective.refit(log, fold=1)
    for fitted in (whole, part):
        assert fitted.factor == factor
        numbers = factor * np.exp(fitted.estimator.predict(X.to_numpy()))
        np.testing.assert_allclose(
            fitted.predict(X.to_numpy()), np.clip(numbers, np.exp(fitted.low), np.exp(fitted.high))
        )
    assert whole.predict(np.array([[50.0, 0.0]])).item() == pytest.approx(y.max())  # no further


def test_a_logarithm_that_is_not_there_is_refused_in_the_trial(tmp_path):
    X, y = grown()
    objective = run(tmp_path, y - 10 * y.mean(), Job("regression", 0, 0), X)
    with pytest.raises(ValueError, match="has none"):
        objective({"model": {"linear": {"penalty": 1.0, SCALE.name: "log"}}})
    with pytest.raises(ValueError, match="no logarithm"):
        LOG.forward(np.array([1.0, 0.0]))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A fit whose members are lines through logarithms, and its file."""
    with pytest.MonkeyPatch.context() as patch:
        stay_in_process(patch)
        X, y = grown()
        found = estimator("regression", ["linear"], trials=12, metric="r2").fit(X, y)
    path = tmp_path_factory.mktemp("log") / "m.seasoned"
    found.save(path)
    return found, X, y, path


def test_the_search_finds_the_scale(bundle):
    found, X, y, _ = bundle
    chosen = [member.config[SCALE.name] for member in found.fitted_.members]
    assert set(chosen) == {"log"}
    tried = {trial.config[SCALE.name] for trial in found.fitted_.trials}
    assert tried == {"plain", "log"}
    line = LinearRegression().fit(X, y)
    assert 1 - found.score(X, y) < 0.5 * (1 - line.score(X, y))


def test_a_bundle_keeps_it_to_the_bit(bundle):
    found, X, _, path = bundle
    np.testing.assert_array_equal(load(path).predict(X), found.predict(X))


def test_refit_learns_it_again(bundle, monkeypatch):
    found, X, y, path = bundle
    stay_in_process(monkeypatch)
    again = load(path).refit(X, 2 * y)
    np.testing.assert_allclose(again.predict(X), 2 * found.predict(X), rtol=0.1)
    with pytest.raises(InvalidInput, match="have a logarithm"):
        load(path).refit(X, y - 10 * y.mean())


@pytest.mark.parametrize("forged", [[0.0, np.nan, 0.0, 1.0], [0.0, 1.0, 2.0, 1.0], [0.0, -1.0, 0.0, 1.0], [0.0, 1.0]])
def test_an_impossible_scale_in_a_file_is_refused(bundle, forged, tmp_path):
    path = bundle[-1]
    manifest, members = zip_container.unpack(path, None)
    name = next(name for name in members if name.startswith("target-scale"))
    file = tmp_path / "forged.seasoned"
    file.write_bytes(zip_container.pack(manifest, {**members, name: json.dumps(forged).encode()}, None))
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(file)


def test_rmsle_is_learned_on_its_own_scale(monkeypatch):
    stay_in_process(monkeypatch)
    X, y = grown(noise=1.0)
    y = np.floor(y / 1000)  # zeros among them
    found = {}
    for metric in ("rmsle", "rmse"):
        fitted = estimator("regression", ["linear"], metric=metric, search=SearchSettings(["linear"], 2)).fit(
            X[:200], y[:200]
        )
        found[metric] = measure("rmsle").loss(y[200:].to_numpy(), fitted.predict(X[200:]))
        if metric == "rmsle":
            (member,) = fitted.fitted_.members
            assert isinstance(member.estimator, Exponential)
            assert SCALE.name not in member.config
    assert found["rmsle"] < 0.8 * found["rmse"]
