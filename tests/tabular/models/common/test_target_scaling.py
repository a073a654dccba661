"""Scaling of targets: models do not depend on a target's unit or zero."""

from __future__ import annotations

import numpy as np
import pytest

from in_process import estimator, stay_in_process
from optional import FAMILIES, needs
from seasoned import load
from seasoned.errors import InvalidInput
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models._common.target_scaling import Units
from seasoned.tabular.models.registry import MODELS, find

ROWS = 400
UNITS = {"tiny": (1e-9, 0.0), "huge": (1e9, 0.0), "far from zero": (1.0, 1.7e9)}
QUICK = {
    "realmlp": {"layers": 1, "width": 32, "epochs": 40, "batch": 64},
    "tuned_mlp": {"layers": 1, "width": 16, "rounds": 60},
}


def rows():
    """Columns, and numbers that they explain in part."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, 4))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * (X[:, 2] > 0) + 0.3 * rng.normal(size=ROWS)


def error(name, y, quantile=None):
    """RMSE on the last quarter of a model fitted on the rest, and of the same once it was written and read."""
    needs(name)
    X, _ = rows()
    train, valid, test = np.split(np.arange(ROWS), [200, 300])
    model = find(name)
    settings = model.space("regression").default | QUICK.get(name, {})
    estimator = model.build(settings, Job("regression", 0, 0, quantile=quantile))
    model.fit(estimator, (X[train], y[train]), (X[valid], y[valid]))
    found = predict(estimator, X[test], 0)
    np.testing.assert_array_equal(predict(model.load(model.dump(estimator)), X[test], 0), found)
    return np.sqrt(np.mean((found - y[test]) ** 2))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_learns_as_much_in_any_unit(name, unit):
    _, y = rows()
    factor, zero = UNITS[unit]
    plain, other = error(name, y), error(name, factor * y + zero) / factor
    assert plain < 0.95 * np.std(y)
    assert other == pytest.approx(plain, rel=0.05)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", [name for name in FAMILIES if getattr(MODELS[name], "quantiles", False)])
def test_quantiles_in_any_unit(name, unit):
    _, y = rows()
    factor, zero = UNITS[unit]
    assert error(name, factor * y + zero, 0.5) / factor == pytest.approx(error(name, y, 0.5), rel=0.1)


def test_a_whole_fit_knows_how_far_off_it_is_where_numbers_are_far_from_zero(monkeypatch, tmp_path):
    """Ensemble, report and intervals look at kept predictions: in single precision those of 1.7e9 had no units left."""
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    X, y = rows()
    plain, far = (
        estimator("regression", models=["linear", "splines", "lightgbm"]).fit(X, y + zero) for zero in (0.0, 1.7e9)
    )
    far.save(tmp_path / "m.seasoned")
    for model in (far, load(tmp_path / "m.seasoned")):
        kept = model.fitted_.validated
        assert kept.loss == pytest.approx(plain.fitted_.validated.loss, rel=0.05)
        gap = np.sqrt(np.mean((kept.truth - kept.predicted) ** 2))
        assert gap == pytest.approx(kept.loss, rel=0.01)
        low, high = model.predict_interval(X).T
        assert np.mean((low <= y + 1.7e9) & (y + 1.7e9 <= high)) > 0.85
        assert np.mean(high - low) < 6 * kept.loss
        assert np.sqrt(np.mean((model.predict(X) - y - 1.7e9) ** 2)) < kept.loss
    weights = [[member.weight for member in model.fitted_.members] for model in (plain, far)]
    assert weights[0] == pytest.approx(weights[1], abs=0.11)


def test_one_huge_number_does_not_make_all_others_one():
    X, y = rows()
    y[0] = 1e9
    train, test = np.arange(300), np.arange(300, ROWS)
    model = find("lightgbm")
    estimator = model.build({**model.space("regression").default, "rounds": 100}, Job("regression", 0, 0, quantile=0.5))
    model.fit(estimator, (X[train], y[train]), None)
    errors = np.abs(predict(estimator, X[test], 0) - y[test])
    assert np.median(errors) < 0.6 * np.median(np.abs(y - np.median(y)))


def test_units_are_those_of_the_bulk():
    y = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 1e12])
    assert Units.of(y) == Units(2.5, pytest.approx(2.5 / 1.349))
    assert Units.of(y, n_classes=3).forward(y) is y, "class codes stay"
    assert Units.of(np.array([5.0, 5.0])) == Units(5.0, 1.0)
    assert Units.of(np.array([0.0, 0.0, 0.0, 0.0, 2.0])) == Units(0.0, pytest.approx(np.sqrt(4 / 5)))
    wide = Units.of(np.array([0.0, 1e-9, 2e-9, 3e-9, 1e37]))
    assert np.isfinite(wide.forward(np.array([1e37])).astype(np.float32)).all()


@pytest.mark.parametrize("text", ["", "1", "1 2 3", "1 0", "nan 1", "0 inf", "0 -1", "a b"])
def test_units_that_no_model_has_are_refused(text):
    with pytest.raises(InvalidInput, match="units"):
        Units.from_text(text)
