"""Array tables of 300 rows for single model families, and single fits of a family."""

from __future__ import annotations

import numpy as np

from optional import FAMILIES, needs
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import find

TASKS = ("binary", "multiclass", "regression")
QUICK = {
    "xgboost": {"eta": 0.3, "max_depth": 4},
    "catboost": {"learning_rate": 0.2, "depth": 4},
    "realmlp": {"layers": 1, "width": 32, "epochs": 40, "batch": 64},
    "tuned_mlp": {"layers": 1, "width": 16, "rounds": 60},
}
BOOSTERS = ("xgboost", "catboost")
ELSEWHERE = frozenset({"linear", "lightgbm", "histogram", "forest", "adaptive_linear"})
"""Families whose fits `test_families.py` and `test_penalty_tuning.py` test."""
NAMES = tuple(name for name in FAMILIES if name not in ELSEWHERE)


def table(task, rows=300):
    """Features and target: numbers with gaps, a constant, and two columns of codes, one of which is informative."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 5))
    X[:, 2], X[:, 3], X[:, 4] = rng.integers(0, 40, rows), rng.integers(0, 3, rows), 1.0
    signal = X[:, 0] + 2 * (X[:, 2] % 3 == 0) + 0.3 * rng.normal(size=rows)
    X[::7, 0] = X[::9, 2] = np.nan
    if task == "regression":
        return X, 10 * signal
    return X, np.digitize(signal, [0.5] if task == "binary" else [0.0, 1.5])


def prepared(name, task, **changes):
    """Family, quick configuration, job and table. A family that reads the dense matrix gets a table without gaps."""
    needs(name)
    X, y = table(task)
    model = find(name)
    job = Job(task, 0 if task == "regression" else len(set(y)), 0, categorical=(2, 3))
    X = np.nan_to_num(X) / [1, 1, 40, 3, 1] if model.diet == "dense" else X
    return model, model.space(task).default | QUICK.get(name, {}) | changes, job, X, y


def fitted(name, task, **changes):
    model, config, job, X, y = prepared(name, task, **changes)
    estimator = model.build(config, job)
    rounds = model.fit(estimator, (X[:200], y[:200]), (X[200:], y[200:]))
    return model, config, job, estimator, rounds, X, y


def learned(name, X, y, weight, quantile=None, rounds=None):
    """Predictions of a regression family that was fitted with row weights."""
    model = find(name)
    config = model.with_rounds(dict(model.space("regression").default), rounds)
    learner = model.build(config, Job("regression", 0, 0, quantile=quantile))
    model.fit(learner, (X, y), None, weights=(weight, None))
    return learner.predict(X)
