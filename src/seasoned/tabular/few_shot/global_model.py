"""Global model of all tasks, whose predictions each task corrects with its own parameters.

The global model is cross-validated over tasks, and all fold models are kept. A new task is predicted by all of them, a
known task by the fold models that were not trained on it. The parameters of a task therefore always correct errors on
a task that the global model was not trained on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.ensemble.fitted_model import Fitted, Member
from seasoned.tabular.ensemble.greedy_selection import select
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models.registry import BASELINE, find
from seasoned.tabular.preprocessing.column_plan import ColumnPlan
from seasoned.tabular.schema.schema import Schema

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Target
    from seasoned.tabular.models._common.base import Model

__all__ = ["GlobalModel", "fit_global", "fold_models"]

_FAMILIES: Final = ("linear", "lightgbm")
_FOLDS: Final = 5
_FEW_FOLDS: Final = 3
_LEAST_WEIGHT: Final = 0.05  # smallest ensemble weight of a family that is kept
_FEW_FOLDS_ROWS: Final = 20_000  # rows above which `_FEW_FOLDS` folds are used


@dataclass(frozen=True, slots=True)
class GlobalModel:
    """Fold models of a global model, with one fold of tasks held out each.

    Attributes:
        fitted: Ensemble of all fold models, for new tasks.
        member_folds: The held-out fold of each ensemble member.
        task_folds: The fold of each task, shape (tasks,).
        held_out: Out-of-fold predictions, shape (n,) or (n, classes).
        dense: The columns as scaled numbers without missing values, shape (n, p).
    """

    fitted: Fitted
    member_folds: tuple[int, ...]
    task_folds: NDArray[np.int64]
    held_out: NDArray[np.float64]
    dense: NDArray[np.float64]


def fit_global(
    frame: pd.DataFrame, target: Target, codes: NDArray[np.int64], seed: int, deadline: float
) -> GlobalModel:
    """Fit linear and boosted models on folds of tasks, and weight them by greedy selection on held-out tasks.

    Args:
        frame: The features.
        target: The target.
        codes: The task code of each row, from 0, shape (n,).
        seed: Seed of folds and models.
        deadline: End of the fit in seconds on `time.monotonic`'s clock; it limits the boosting rounds.
    """
    schema = Schema.infer(frame)
    plan = ColumnPlan.fit(schema.apply(frame), schema, seed=seed)
    matrices: dict[Any, Any] = dict(plan.matrices(frame, ("codes", "dense")))
    folds = _folds(codes, seed)
    job = Job(target.task, len(target.classes), seed, categorical=plan.categorical, many=plan.many)
    models = [find(name) for name in _families(folds[codes], target)]
    count = int(folds.max()) + 1
    found, predictions = [], []
    for place, model in enumerate(models):
        seconds = max(0.5, (deadline - time.monotonic()) / (len(models) - place)) / count
        estimators, held_out = _fit_folds(model, matrices[model.diet], target, job, folds[codes], seconds)
        found.append(estimators)
        predictions.append(held_out)
    metric = resolve("rmse" if target.task == "regression" else "log_loss", target.task, len(target.classes))
    weights = _weights(select(predictions, target.values, metric, most=len(models), seed=seed, groups=codes))
    members = [
        (fold, Member(models[place].name, {}, found[place][fold], weight / count, whole=False))
        for fold in range(count)
        for place, weight in weights.items()
    ]
    fitted_all = Fitted(target.task, target.classes, metric, plan, tuple(m for _, m in members), (), rows=len(frame))
    held_out = np.asarray(sum(weight * predictions[place] for place, weight in weights.items()))
    return GlobalModel(fitted_all, tuple(fold for fold, _ in members), folds, held_out, matrices["dense"])


def _families(row_folds: NDArray[np.int64], target: Target) -> tuple[str, ...]:
    """Families to fit: only the baseline if the training rows of a fold have a single class."""
    if target.task != "regression":
        for fold in np.unique(row_folds):
            if len(np.unique(target.values[row_folds != fold])) < 2:
                return (BASELINE.name,)
    return (BASELINE.name, *_FAMILIES)


def _fit_folds(
    model: Model, X: NDArray[np.float64], target: Target, job: Job, row_folds: NDArray[np.int64], seconds: float
) -> tuple[list[Any], NDArray[np.float64]]:
    """Fold models of a family, and their out-of-fold predictions, shape (n,) or (n, classes)."""
    estimators = []
    held_out = np.zeros((len(X), len(target.classes)) if job.n_classes else len(X))
    for fold in range(int(row_folds.max()) + 1):
        held = row_folds == fold
        estimator = model.build(model.space(target.task).default, job)
        model.fit(estimator, (X[~held], target.values[~held]), (X[held], target.values[held]), seconds)
        held_out[held] = predict(estimator, X[held], len(target.classes))
        estimators.append(estimator)
    return estimators, held_out


def _weights(found: dict[int, float]) -> dict[int, float]:
    """Normalised weights, without families of little weight, which would only enlarge the file."""
    kept = {place: weight for place, weight in found.items() if weight >= _LEAST_WEIGHT}
    return {place: weight / sum(kept.values()) for place, weight in kept.items()}


def fold_models(fitted: Fitted, member_folds: tuple[int, ...], fold: int) -> Fitted:
    """Ensemble of the models that were not trained on the tasks of a fold."""
    own = [member for member, place in zip(fitted.members, member_folds, strict=True) if place == fold]
    total = sum(member.weight for member in own)
    return replace(fitted, members=tuple(replace(member, weight=member.weight / total) for member in own))


def _folds(codes: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Fold of each task, shape (tasks,): tasks from large to small, each to the fold with the fewest rows so far."""
    counts = np.bincount(codes)
    count = _FOLDS if len(codes) <= _FEW_FOLDS_ROWS else _FEW_FOLDS
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-counts[order], kind="stable")]
    folds, rows = np.zeros(len(counts), dtype=np.int64), np.zeros(count)
    for task in order:
        folds[task] = np.argmin(rows)
        rows[folds[task]] += counts[task]
    return folds
