"""Rows that count differently: in every family that can, in the metric, in the ensemble, and in whole fits."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.tabular.models.base import Job, predict
from seasoned.tabular.models.registry import MODELS, UNWEIGHTED, find

WEIGHING = ("baseline", *(name for name in MODELS if name not in UNWEIGHTED))


def contradictory(task):
    """Each row three times with the one target and once with the other; the first weighs a quarter of the second.

    Where weights count, each of both has half of the mass and more: 3 against 12.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2))
    X, y = np.vstack([X, X, X, X]), np.repeat([0, 0, 0, 1], 100)
    weights = np.where(y == 1, 12.0, 1.0)
    return X, y.astype(float) if task == "regression" else y, weights / weights.mean()


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("name", WEIGHING)
def test_heavy_rows_win(name, task):
    X, y, weights = contradictory(task)
    model, classes = find(name), {"binary": 2, "multiclass": 3, "regression": 0}[task]
    for weighing, share in ((None, 0.25), ((weights, weights), 0.8)):
        estimator = model.build(model.space(task).default, Job(task, classes, 0))
        model.fit(estimator, (X, y), (X, y), None, weighing)
        predicted = predict(model.load(model.dump(estimator)), X, classes)
        found = predicted if task == "regression" else predicted[:, 1]
        assert found.mean() == pytest.approx(share, abs=0.05)
