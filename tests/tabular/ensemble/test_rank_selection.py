"""Selection of ensemble members for the AUC."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.tabular.ensemble.greedy_selection import select
from seasoned.tabular.ensemble.rank_selection import heaviest, select_members
from seasoned.tabular.metrics.registry import resolve


def models(rows=300, seed=0):
    """Truth of two classes, and six models that know it with different noise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=rows)
    scores = [y + rng.normal(scale=1 + 0.3 * k, size=rows) for k in range(6)]
    shares = [1 / (1 + np.exp(-score)) for score in scores]
    return y, [np.stack([1 - share, share], axis=1) for share in shares]


def test_weights_by_auc_and_by_log_loss_are_averaged():
    y, predictions = models()
    found = select_members(predictions, y, resolve("roc_auc", "binary", 2), most=10, seed=0)
    parts = [select(predictions, y, resolve(name, "binary", 2), most=10, seed=0) for name in ("roc_auc", "log_loss")]
    assert parts[0] != parts[1]
    for place in range(6):
        assert found.get(place, 0.0) == pytest.approx(np.mean([part.get(place, 0.0) for part in parts]))


@pytest.mark.parametrize(("name", "task", "classes"), [("log_loss", "binary", 2), ("accuracy", "binary", 2)])
def test_other_metrics_select_by_themselves(name, task, classes):
    y, predictions = models()
    metric = resolve(name, task, classes)
    assert select_members(predictions, y, metric, most=4, seed=0) == select(predictions, y, metric, most=4, seed=0)


def test_limits_hold_for_the_average():
    y, predictions = models()
    paces = (np.array([1.0, 2.0, 2.0, 3.0, 1.0, 1.0]), 4.0)
    for most in (1, 2, 3):
        found = select_members(predictions, y, resolve("roc_auc", "binary", 2), most=most, paces=paces, seed=0)
        assert len(found) <= most
        assert paces[0][list(found)].sum() <= 4.0
        assert sum(found.values()) == pytest.approx(1.0)


def test_the_heaviest_weights_that_fit():
    weights = {0: 0.1, 1: 0.4, 2: 0.4, 3: 0.1}
    assert heaviest(weights, 2, None) == {1: 0.5, 2: 0.5}
    assert heaviest(weights, 3, (np.array([1.0, 3.0, 3.0, 1.0]), 4.0)) == pytest.approx({1: 0.8, 0: 0.2})
