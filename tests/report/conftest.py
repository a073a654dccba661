"""Fitted models and report data for the tests of reports."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from messy import messy
from seasoned import AutoClassifier, AutoRegressor, SearchSettings
from seasoned.report._common.data import ColumnRow, Importance, MemberRow, Predictions, ReportData, TrialRow
from warm_workers import cache, cache_folder, one_thread_each

__all__ = ["cache", "cache_folder"]

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\"'"


@pytest.fixture(scope="session")
def fitted(tmp_path_factory):
    """A fitted estimator for each task, and rows that it has not seen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEASONED_CACHE", str(tmp_path_factory.mktemp("cache")))
        one_thread_each(patch)
        return {task: fit(task) for task in ("binary", "multiclass", "regression")}


def fit(task):
    X, y = messy(task, rows=240)
    make = AutoRegressor if task == "regression" else AutoClassifier
    search = SearchSettings(folds=2, models=["linear", "lightgbm"])
    model = make(search=search, trials=2, random_state=0, experience=None, workers=1)
    return model.fit(X[:160], y[:160]), X[160:], y[160:]


@pytest.fixture(scope="session")
def rare(tmp_path_factory):
    """A classifier of 12 positives among 8,000 rows, and its rows."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=8_000), "b": rng.normal(size=8_000)})
    y = pd.Series(np.where(np.argsort(np.argsort(-X["a"])) < 12, "yes", "no"))
    search = SearchSettings(models=["linear"], folds=2)
    model = AutoClassifier("roc_auc", search=search, trials=1, workers=1, random_state=0, experience=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEASONED_CACHE", str(tmp_path_factory.mktemp("rare")))
        return model.fit(X, y), X, y


def trials():
    return (
        TrialRow(0, "linear", "complete", 0.71, 0.4, config={"penalty": 1.0}),
        TrialRow(1, "lightgbm", "complete", 0.87, 3.1, config={"num_leaves": 31, "boost": {"dart": {"drop": 0.1}}}),
        TrialRow(2, "forest", "failed", None, 1.0, "MemoryError: 8 GB were not enough"),
        TrialRow(3, "lightgbm", "complete", 0.10, 2.0),
        TrialRow(4, "lightgbm", "pruned", None, 0.3, "behind the others after the first fold"),
        TrialRow(5, "linear", "cut off"),
    )


@pytest.fixture
def data():
    """A binary report with all its parts."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 300)
    positive = np.clip(0.25 + 0.5 * truth + 0.2 * rng.normal(size=300), 0.01, 0.99)
    return ReportData(
        task="binary",
        metric="roc_auc",
        greater_is_better=True,
        trials=trials(),
        columns=(
            ColumnRow("age", "numeric", "The number."),
            ColumnRow("same", "constant", "Left out: one value.", dropped=True),
        ),
        members=(MemberRow("lightgbm", 0.75, 0.87, 1), MemberRow("linear", 0.25, 0.71, 0, {"penalty": 1.0})),
        classes=("no", "yes"),
        score=0.88,
        rows=1_200,
        fit_seconds=58.2,
        target="churn",
        predictions=Predictions(truth, np.column_stack([1 - positive, positive]), unseen=True, score=0.95),
        importance=Importance(("age", "size"), (0.2, -0.01), (0.03, 0.02), 300, 5),
        code="from seasoned import AutoClassifier",
        notes=("random_state was no number.",),
        versions={"python": "3.11"},
        created="2030-01-01 00:00 UTC",
    )


@pytest.fixture
def hostile(data):
    """The same, with every text that comes from the user's data an attack."""
    return replace(
        data,
        metric=HOSTILE,
        target=HOSTILE,
        classes=(HOSTILE, f"b{HOSTILE}"),
        columns=(ColumnRow(HOSTILE, HOSTILE, HOSTILE),),
        trials=tuple(
            replace(t, model=HOSTILE, error=t.error and HOSTILE, config={HOSTILE: HOSTILE}) for t in data.trials
        ),
        members=tuple(replace(m, model=HOSTILE, config={HOSTILE: HOSTILE}) for m in data.members),
        importance=Importance((HOSTILE, "b"), (0.1, 0.2), (0.0, 0.1), 10, 2, left_out=3),
        code=HOSTILE,
        notes=(HOSTILE,),
        versions={HOSTILE: HOSTILE},
        created=HOSTILE,
    )
