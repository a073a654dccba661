"""Bugs of families, metrics and what follows the search that a sixth reading found: each test failed before."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from seasoned.errors import InvalidInput
from seasoned.tabular.ensemble import finalize
from seasoned.tabular.ensemble.greedy_selection import select
from seasoned.tabular.input.target import encode
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.metrics.vectorized import losses_of
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models._common.log_target import logarithm_for
from seasoned.tabular.models.registry import find
from seasoned.tabular.postprocessing.out_of_fold import OutOfFold
from seasoned.tabular.postprocessing.postprocessor import Postprocessor
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.schema.time_zones import with_zone
from seasoned.tabular.trial.seed_average import Repeated, predict_matrices
from seasoned.tabular.validation.rare_classes import with_rare


def test_a_draw_of_very_many_rows_misses_no_class():
    truth = np.zeros(200_000, dtype=np.int64)
    truth[[7, 90_000]] = 1
    for seed in range(5):
        drawn = np.sort(np.random.default_rng(seed).permutation(200_000)[:50_000])
        rows = np.sort(with_rare(drawn, truth))
        assert truth[rows].any()
        assert set(drawn.tolist()) <= set(rows.tolist())
        assert len(rows) <= 50_002
        assert (np.diff(rows) > 0).all()


def test_a_loss_that_is_no_number_is_not_kept_and_takes_no_intervals_away(monkeypatch, caplog):
    rng = np.random.default_rng(0)
    y = rng.normal(size=400)
    pooled = OutOfFold(np.arange(400), y, y + rng.normal(size=400), None, np.arange(400) % 5)
    monkeypatch.setattr(finalize, "pool", lambda *_, **__: pooled)
    data = SimpleNamespace(matrix=lambda _: rng.integers(0, 3, (400, 1)))
    objective = SimpleNamespace(job=Job("regression", 0, 0), data=data, baseline_loss=lambda: None)

    def told(y, p):
        raise ValueError("undefined here")

    for metric in (SimpleNamespace(**fields(lambda *_: np.nan)), SimpleNamespace(**fields(told))):
        fitted = SimpleNamespace(metric=metric, members=[SimpleNamespace(below=(), weight=1.0)])
        found = finalize.learn_postprocessing(fitted, objective, calibrate=None)
        assert "validated" not in found
        assert found["finish"] == Postprocessor()
        assert np.isfinite(found["conformal"].scores).all()
    assert caplog.text.count("the report will lack the predictions in validation") == 2


def fields(function):
    def loss(y, predicted, weights=None):
        return function(y, predicted)

    return {"costs": None, "n_classes": 0, "name": "odd", "loss": loss, "scorer": "odd"}


def test_histogram_boosting_watches_rows_as_it_will_predict_them():
    """A column that only the validation rows lack was 0 there, and missing in predictions."""
    rng = np.random.default_rng(0)
    X = np.c_[rng.normal(5, 1, 600), rng.normal(size=600)]
    X[::2, 0] = np.nan
    y = 3.0 * np.isnan(X[:, 0]) + X[:, 1]
    valid = np.c_[np.full(200, np.nan), rng.normal(size=200)]
    truth = 3.0 + valid[:, 1]
    model = find("histogram")
    learner = model.build(dict(model.space("regression").default), Job("regression", 0, 0))
    seen = []
    kind = type(learner.learner)
    fit = kind.fit

    def watched(self, *given, **named):
        seen.append(named["X_val"].copy())
        return fit(self, *given, **named)

    kind.fit = watched
    try:
        rounds = model.fit(learner, (X, y), (valid, truth))
    finally:
        kind.fit = fit
    assert np.isnan(seen[-1][:, 0]).all()
    assert rounds > 5
    assert np.abs(learner.predict(valid) - truth).mean() < 0.5


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "f1_macro", "kappa"])
def test_metrics_of_classes_are_refused_for_numbers_that_are_whole(name):
    with pytest.raises(InvalidInput, match=r"does not fit a regression target"):
        resolve(name, "regression", 0, y=np.arange(60.0))


class Sure:
    def predict_proba(self, X):
        return np.tile([1.0, 0.0], (len(X), 1))


@pytest.mark.parametrize("folds", [6, 9, 10])
def test_sums_of_shares_are_no_more_than_certain(folds, monkeypatch):
    each = 0.5 / folds
    shares = (0.5, *([each] * folds))
    monkeypatch.setattr("seasoned.tabular.trial.seed_average.predict", lambda fit, X, _: fit.predict_proba(X))
    repeated = Repeated(tuple(Sure() for _ in shares), shares)
    found = predict_matrices(repeated, {"dense": np.zeros((3, 1))}, "dense", 2)
    assert found.max() == 1.0
    assert log_loss([0, 1, 0], found) > 0
    together = Postprocessor().together([np.tile([1.0, 0.0], (3, 1))] * len(shares), shares)
    assert together.max() == 1.0
    numbers = Postprocessor().together([np.full(3, 7.0)] * 2, (0.5, 0.5))
    assert numbers.tolist() == [7.0] * 3


def test_rmsle_of_numbers_between_minus_one_and_zero():
    metric = resolve("rmsle", "regression", 0)
    y = np.array([-0.5, 0.5, 2.0])
    assert metric.loss(y, y) == 0.0
    assert losses_of(y[None], y, metric).tolist() == [0.0]
    wrong = np.array([-2.0, 0.5, 2.0])
    np.testing.assert_allclose(losses_of(wrong[None], y, metric)[0], metric.loss(y, wrong))
    assert metric.loss(y, wrong) == 0.0  # what is below all that there is counts as the least of it
    assert logarithm_for(metric, y).offset == 1.0
    assert logarithm_for(metric, y - 0.6) is None
    assert logarithm_for(resolve("rmse", "regression", 0), y) is None


def test_a_model_alone_is_judged_as_its_averages_are():
    """In single precision one row of probability 1e-15 cost 16, in an average 35."""
    sure = np.tile(np.float32([1e-4, 0.9999]), (500, 1))
    sure[0] = [1.0, 1e-15]
    modest = np.tile(np.float32([0.05, 0.95]), (500, 1))
    y = np.ones(500, dtype=np.int64)
    chosen = select([sure, modest], y, resolve("log_loss", "binary", 2), most=1, seed=0)
    assert chosen == {1: 1.0}


def test_missing_labels_are_told_as_such():
    for y, classes in (([True, None], [False, True]), (["a", None], ["None", "a"]), ([1, np.nan], [0, 1])):
        with pytest.raises(InvalidInput, match="y is missing in 1 of 2 rows; score the other rows"):
            encode(y, np.array(classes))


def test_offsets_of_whole_hours_are_offsets():
    """PostgreSQL's text of a time: it was shifted to UTC, and read as the clock of the place."""
    times = pd.date_range("2026-01-01", periods=40, freq="7h", tz="Europe/Berlin")
    schema = Schema.infer(pd.DataFrame({"t": times, "c": np.arange(40) ** 2}))
    long, short = (
        schema.apply(pd.DataFrame({"t": [f"2026-01-01 12:00:00+01{minutes}"], "c": [1.0]}))["t"].tolist()
        for minutes in (":00", "")
    )
    assert long == short
    assert with_zone(pd.Series(["2026-01-01 12:00:00+01", "2026-01-01 12:00", "2026-01-01"])).tolist() == [
        True,
        False,
        False,
    ]
