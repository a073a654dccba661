"""Fits of three quick model families that form an ensemble."""

from __future__ import annotations

from in_process import estimator
from messy import messy
from seasoned import SearchSettings

MODELS = ("linear", "tree", "histogram")


def fit(task, metric=None, **options):
    """A fitted estimator, its features and its target: 160 rows, three folds."""
    X, y = messy(task, rows=160)
    search = SearchSettings(models=list(MODELS), folds=3)
    return estimator(task, MODELS, metric=metric, search=search, **options).fit(X, y), X, y
