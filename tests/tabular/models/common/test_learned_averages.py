"""Targets of regression: their scale, and the mean or the median."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from in_process import estimator, stay_in_process
from seasoned import Float, SearchSettings, Space
from seasoned.errors import InvalidInput
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models._common.target_transforms import CENTRE, SCALE
from seasoned.tabular.models.custom import CustomModel
from seasoned.tabular.models.registry import choose, joint_space
from seasoned.tabular.trial.arrays import Arrays, write_arrays
from seasoned.tabular.trial.configuration import current, textual
from seasoned.tabular.trial.cross_validation import CrossValidation

FAMILIES = choose(["linear", "lightgbm", "splines", "adaptive_linear"])
PLAIN = joint_space(FAMILIES, "regression")
BOTH = joint_space(FAMILIES, "regression", logarithm=True, absolute=True)
DEFAULTS = [{"model": {model.name: dict(model.space("regression").default)}} for model in FAMILIES]


def learned(starts):
    return [
        (name, settings.get(SCALE.name), settings.get(CENTRE.name))
        for start in starts
        for name, settings in start["model"].items()
    ]


def test_some_families_start_with_both():
    starts = SCALE.starts(CENTRE.starts(DEFAULTS, BOTH), BOTH)
    for start in starts:
        BOTH.check(start)
    order = [next(iter(start["model"])) for start in DEFAULTS]
    usual = {"linear": "mean", "lightgbm": "mean", "splines": "median", "adaptive_linear": None}
    assert learned(starts) == [
        *((name, "plain", usual[name]) for name in order),
        *((name, "plain", "median") for name in order if name in {"linear", "lightgbm"}),
        ("lightgbm", "log", "mean"),
    ]
    assert SCALE.starts(CENTRE.starts(DEFAULTS, PLAIN), PLAIN) == DEFAULTS


def test_what_has_no_settings_is_fitted_once():
    from sklearn.linear_model import LinearRegression

    space = joint_space([CustomModel("ols", LinearRegression(), Space())], "regression", logarithm=True)
    assert not space.parameters["model"].options["ols"].dimensions


def test_a_name_of_the_searchs_own_is_refused():
    from sklearn.linear_model import Ridge

    class Hijacker(CustomModel):
        def space(self, task):
            return SCALE.added(self.name, super().space(task))

    own = Hijacker("own", Ridge(), Space(alpha=Float(0.1, 10)))
    with pytest.raises(InvalidInput, match="rename it"):
        joint_space([own], "regression", logarithm=True)


def test_experience_from_before_is_of_targets_as_they_are():
    before = {"model": {"linear": {"penalty": 2.0}}}
    plain, log = ({"model": {"linear": {"penalty": 2.0, SCALE.name: scale}}} for scale in ("plain", "log"))
    space = joint_space(FAMILIES, "regression", logarithm=True)
    assert current(before, 2, space) == plain
    assert textual(plain) == textual(before) != textual(log)
    assert current(plain, 2, PLAIN) == before
    assert current(log, 2, PLAIN) is None


def test_experience_of_means_and_medians():
    space = joint_space(FAMILIES, "regression", absolute=True)
    before = {"model": {"splines": dict(PLAIN.parameters["model"].options["splines"].default)}}
    mean, median = (
        {"model": {"splines": {**before["model"]["splines"], CENTRE.name: centre}}} for centre in ("mean", "median")
    )
    assert current(before, 2, space) == median  # what is said of other metrics is meant of what the family does best
    assert current(mean, 2, space) == mean
    assert current(mean, 2, PLAIN) == before
    assert current(median, 2, PLAIN) is None
    assert len({textual(config) for config in (before, mean, median)}) == 3


@pytest.mark.parametrize("metric", ["mae", "median_ae", "mape"])
def test_absolute_errors_are_learned_by_the_median(metric, monkeypatch):
    """Noise that is skewed far to the right, whose mean is no guess at what is usual."""
    stay_in_process(monkeypatch)
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=600), "b": rng.normal(size=600)})
    y = 20 + 3 * X["a"] + rng.lognormal(sigma=1.5, size=600)
    measure = resolve(metric, "regression", 0)
    losses = {}
    for asked in (metric, "rmse"):
        fitted = estimator("regression", metric=asked, trials=4, search=SearchSettings(["linear"], 2, ensemble=1))
        losses[asked] = measure.loss(y[400:].to_numpy(), fitted.fit(X[:400], y[:400]).predict(X[400:]))
        (member,) = fitted.fitted_.members
        assert member.config.get(CENTRE.name) == ("median" if asked == metric else None)
        again = fitted.refit(X[:400], y[:400])
        np.testing.assert_allclose(again.predict(X[400:]), fitted.predict(X[400:]))
    assert losses[metric] < 0.9 * losses["rmse"]


def test_small_numbers_count_more_where_errors_are_shares(tmp_path):
    y = np.array([0.0, 1.0, 10.0, 100.0] * 10)
    job = Job("regression", 0, 0, quantile=0.5, relative=True)
    folds = [(np.arange(20, 40), np.arange(20)), (np.arange(20), np.arange(20, 40))]
    write_arrays(tmp_path, y, folds, {"dense": np.zeros((40, 1))})
    (tmp_path / "trials").mkdir()
    objective = CrossValidation(Arrays(tmp_path), job, resolve("mape", "regression", 0))
    objective({"model": {"linear": {"penalty": 1.0}}})
    found = objective.refit({"model": {"linear": {"penalty": 1.0}}}).predict(np.zeros((1, 1)))
    assert found.item() <= 1.0  # half of the mass 1/0.055, 1, 0.1, 0.01 lies at or below
