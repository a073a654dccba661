"""Targets learned on the scale of their logarithm."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar

from in_process import estimator, stay_in_process
from seasoned import SearchSettings, load
from seasoned.errors import InvalidInput
from seasoned.tabular import container
from seasoned.tabular.logarithm import TARGET_SCALE, Exponential, Logarithm, logarithm_for, on_scales
from seasoned.tabular.metrics import resolve
from seasoned.tabular.models.base import Job
from seasoned.tabular.models.registry import choose, joint_space
from seasoned.tabular.objective import CrossValidation
from seasoned.tabular.pipeline import current, textual
from seasoned.tabular.run_arrays import Arrays, write_arrays

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


def test_some_families_start_on_both_scales():
    families = choose(["linear", "lightgbm", "forest"])
    space = joint_space(families, "regression", logarithm=LOG)
    plain = [{"model": {model.name: dict(model.space("regression").default)}} for model in families]
    starts = on_scales(plain, LOG)
    found = [(name, settings[TARGET_SCALE]) for start in starts for name, settings in start["model"].items()]
    assert found == [*((name, "plain") for name in ("linear", "lightgbm", "forest")), ("lightgbm", "log")]
    for start in starts:
        space.check(start)
    for scale in (None, Logarithm(1.0, "logarithms")):
        assert on_scales(plain, scale) == plain
        assert (
            joint_space(families, "regression", logarithm=scale).parameters
            == joint_space(families, "regression").parameters
        )


def test_experience_from_before_is_of_targets_as_they_are():
    families = choose(["linear"])
    space, without = joint_space(families, "regression", logarithm=LOG), joint_space(families, "regression")
    before = {"model": {"linear": {"penalty": 2.0}}}
    now = current(before, 2, space)
    assert now == {"model": {"linear": {"penalty": 2.0, TARGET_SCALE: "plain"}}}
    assert textual(now) == textual(before)
    assert current(now, 2, without) == before
    other = {"model": {"linear": {"penalty": 2.0, TARGET_SCALE: "log"}}}
    assert current(other, 2, without) is None
    assert textual(other) != textual(before)


def run(folder, y, job, X=None):
    rows = len(y)
    folds = [(np.arange(rows // 2, rows), np.arange(rows // 2)), (np.arange(rows // 2), np.arange(rows // 2, rows))]
    write_arrays(folder, np.asarray(y), folds, {"dense": np.asarray(X)})
    (folder / "trials").mkdir()
    return CrossValidation(Arrays(folder), job, measure("rmse"))


def test_a_model_of_logarithms_predicts_numbers(tmp_path):
    X, y = grown()
    objective = run(tmp_path, y, Job("regression", 0, 0, logarithm=LOG), X)
    plain, log = ({"model": {"linear": {"penalty": 1.0, TARGET_SCALE: scale}}} for scale in ("plain", "log"))
    assert objective(log) < 0.6 * objective(plain)
    factor = objective.records.of(log).factor
    assert factor == pytest.approx(np.exp(0.3**2 / 2), abs=0.05)
    assert objective.records.of(plain).factor == 1.0
    whole, part = objective.refit(log), objective.refit(log, fold=1)
    for fitted in (whole, part):
        assert fitted.factor == factor
        logs = np.clip(fitted.estimator.predict(X.to_numpy()), fitted.low, fitted.high)
        np.testing.assert_array_equal(fitted.predict(X.to_numpy()), factor * np.exp(logs))
    assert whole.predict(np.array([[50.0, 0.0]])).item() == pytest.approx(factor * y.max())  # no further


def test_a_logarithm_that_is_not_there_is_refused_in_the_trial(tmp_path):
    X, y = grown()
    objective = run(tmp_path, y - 10 * y.mean(), Job("regression", 0, 0), X)
    with pytest.raises(ValueError, match="has none"):
        objective({"model": {"linear": {"penalty": 1.0, TARGET_SCALE: "log"}}})
    with pytest.raises(ValueError, match="no logarithm"):
        LOG.forward(np.array([1.0, 0.0]))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A fit whose only member is a line through logarithms, with made features, and its file."""
    with pytest.MonkeyPatch.context() as patch:
        stay_in_process(patch)
        X, y = grown()
        found = estimator("regression", ["mlp", "linear"], trials=12, metric="r2").fit(X, y)
    path = tmp_path_factory.mktemp("log") / "m.seasoned"
    found.save(path)
    return found, X, y, path


def test_the_search_finds_the_scale(bundle):
    found, X, y, _ = bundle
    chosen = [member.config[TARGET_SCALE] for member in found.fitted_.members]
    assert chosen[0] == "log"
    tried = {trial["config"][TARGET_SCALE] for trial in found.fitted_.trials}
    assert tried == {"plain", "log"}
    assert found.score(X, y) > 0.85


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
    manifest, members = container.unpack(path, None)
    name = next(name for name in members if name.startswith("target-scale"))
    file = tmp_path / "forged.seasoned"
    file.write_bytes(container.pack(manifest, {**members, name: json.dumps(forged).encode()}, None))
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
            assert TARGET_SCALE not in member.config
    assert found["rmsle"] < 0.8 * found["rmse"]


@pytest.mark.parametrize("metric", ["mae", "median_ae", "mape"])
def test_absolute_errors_are_learned_by_the_median(metric, monkeypatch):
    """Noise that is skewed far to the right, whose mean is no guess at what is usual."""
    stay_in_process(monkeypatch)
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=600), "b": rng.normal(size=600)})
    y = 20 + 3 * X["a"] + rng.lognormal(sigma=1.5, size=600)
    assert measure(metric).learned_quantile == 0.5
    losses = {}
    for learned in (metric, "rmse"):
        fitted = estimator("regression", ["linear"], metric=learned, search=SearchSettings(["linear"], 2))
        predicted = fitted.fit(X[:400], y[:400]).predict(X[400:])
        losses[learned] = measure(metric).loss(y[400:].to_numpy(), predicted)
    assert losses[metric] < 0.9 * losses["rmse"]


def test_small_numbers_count_more_where_errors_are_shares(tmp_path):
    y = np.array([0.0, 1.0, 10.0, 100.0] * 10)
    job = Job("regression", 0, 0, quantile=0.5, relative=True)
    objective = run(tmp_path, y, job, np.zeros((40, 1)))
    objective({"model": {"linear": {"penalty": 1.0}}})
    found = objective.refit({"model": {"linear": {"penalty": 1.0}}}).predict(np.zeros((1, 1)))
    assert found.item() <= 1.0  # half of the mass 1/0.055, 1, 0.1, 0.01 lies at or below
