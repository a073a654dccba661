"""Ranking metrics of several classes: rows that lack a class, and pairs of classes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.metrics.vectorized import ranks


def test_weighted_pairwise_auc_is_the_same_with_an_absent_class():
    """Scores jumped where a fold lacks a class: a pair counted by its first class alone."""
    rng = np.random.default_rng(0)
    y, p = rng.choice(3, 300, p=[0.7, 0.2, 0.1]), rng.dirichlet(np.ones(3), 300)
    truth = -resolve("roc_auc_ovo_weighted", "multiclass", 3).loss(y, p)
    more = np.column_stack([p, np.zeros(300)])
    assert -resolve("roc_auc_ovo_weighted", "multiclass", 4).loss(y, more) == pytest.approx(truth)


@pytest.mark.parametrize("name", ["roc_auc", "roc_auc_ovr_weighted", "roc_auc_ovo", "average_precision"])
def test_ranking_metrics_average_over_the_classes_of_the_rows(name):
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 3, 60), rng.dirichlet(np.ones(4), 60)
    found = -resolve(name, "multiclass", 4).loss(y, p)
    if name == "roc_auc_ovo":
        pairs = [(a, b) for a in range(3) for b in range(3) if a != b]
        each = [roc_auc_score(y[np.isin(y, [a, b])] == a, p[np.isin(y, [a, b]), a]) for a, b in pairs]
        assert found == pytest.approx(np.mean(each))
        return
    one = average_precision_score if name == "average_precision" else roc_auc_score
    weights = np.bincount(y) if "weighted" in name else None
    assert found == pytest.approx(np.average([one(y == k, p[:, k]) for k in range(3)], weights=weights))


def test_pairwise_auc_is_a_ranking_metric_and_log_loss_is_not():
    assert ranks(resolve("roc_auc_ovo_weighted", "multiclass", 3))
    assert not ranks(resolve("log_loss", "multiclass", 3))
