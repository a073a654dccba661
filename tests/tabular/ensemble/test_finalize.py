"""Finalisation of a fit: postprocessing that is learned from out-of-fold predictions."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from seasoned.tabular.ensemble import finalize
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.postprocessing.out_of_fold import OutOfFold
from seasoned.tabular.postprocessing.postprocessor import Postprocessor


def fields(function):
    def loss(y, predicted, weights=None):
        return function(y, predicted)

    return {"costs": None, "n_classes": 0, "name": "odd", "loss": loss, "scorer": "odd"}


def test_an_undefined_loss_is_dropped_and_keeps_the_intervals(monkeypatch, caplog):
    rng = np.random.default_rng(0)
    y = rng.normal(size=400)
    pooled = OutOfFold(np.arange(400), y, y + rng.normal(size=400), None, np.arange(400) % 5)
    monkeypatch.setattr(finalize, "pool_out_of_fold", lambda *_, **__: pooled)
    data = SimpleNamespace(matrix=lambda _: rng.integers(0, 3, (400, 1)))
    objective = SimpleNamespace(job=Job("regression", 0, 0), data=data, baseline_loss=lambda: None)

    def told(y, p):
        raise ValueError("undefined here")

    for metric in (SimpleNamespace(**fields(lambda *_: np.nan)), SimpleNamespace(**fields(told))):
        fitted = SimpleNamespace(metric=metric, members=[SimpleNamespace(base_configurations=(), weight=1.0)])
        found = finalize.learn_postprocessing(fitted, objective, calibrate=None)
        assert "validated" not in found
        assert found["postprocessor"] == Postprocessor()
        assert np.isfinite(found["conformal"].scores).all()
    assert caplog.text.count("the report will lack the predictions in validation") == 2
