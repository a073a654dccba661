"""What a person would do without few-shot learning: one global model, or a model for each group.

The global model has the adaptation rows of all test tasks among its training rows. It is the average of a linear and a
boosted model, weighed by cross-validation over rows: the very families and weighting that `FewShotRegressor` begins
with. Once without the group column and once with it, as a category.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold

from seasoned.tabular.ensemble.greedy_selection import select
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import find
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.schema.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

FAMILIES = ("baseline", "linear", "lightgbm")


class GlobalModel:
    """The weighted average of a linear and a boosted model."""

    def fit(self, X: pd.DataFrame, y: np.ndarray, seed: int) -> GlobalModel:
        """Fit on a table and numbers."""
        schema = Schema.infer(X)
        self.plan = ColumnPlan.fit(schema.apply(X), schema, seed=seed)
        matrices: Any = self.plan.matrices(X, ("codes", "dense"))
        job = Job("regression", 0, seed, categorical=self.plan.categorical, many=self.plan.many)
        found = [cross_validated(find(name), matrices, y, job) for name in FAMILIES]
        metric = resolve("rmse", "regression", 0)
        weights = select([held_out for held_out, _ in found], y, metric, most=len(found), seed=seed)
        self.members = []
        for place, weight in weights.items():
            model = find(FAMILIES[place])
            estimator = model.build(model.with_rounds(model.space("regression").default, found[place][1]), job)
            model.fit(estimator, (matrices[model.diet], y), None)
            self.members.append((weight, model.diet, estimator))
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Numbers, shape (n,)."""
        matrices: Any = self.plan.matrices(X, ("codes", "dense"))
        return sum(weight * estimator.predict(matrices[diet]) for weight, diet, estimator in self.members)


def cross_validated(model: Any, matrices: Any, y: np.ndarray, job: Job) -> tuple[np.ndarray, int | None]:
    """Out-of-fold predictions, and the mean number of rounds."""
    X, held_out, rounds = matrices[model.diet], np.zeros(len(y)), []
    for train, test in KFold(5, shuffle=True, random_state=job.seed).split(X):
        estimator = model.build(model.space("regression").default, job)
        rounds.append(model.fit(estimator, (X[train], y[train]), (X[test], y[test])))
        held_out[test] = estimator.predict(X[test])
    return held_out, None if rounds[0] is None else round(float(np.mean(rounds)))


def own_model(dense: np.ndarray, y: np.ndarray, dense_test: np.ndarray) -> np.ndarray:
    """Ridge regression on one task's few rows, its penalty by leave-one-out; the largest penalty is the mean.

    The columns are scaled by all tasks' rows, which is more than one task alone would know.
    """
    return RidgeCV(alphas=np.logspace(-2, 4, 13)).fit(dense, y).predict(dense_test)
