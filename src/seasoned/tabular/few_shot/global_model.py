"""The model of all tasks together, which every task's own part corrects.

It is cross-validated over tasks, and the models of the folds are kept: together they predict for a new task, and for a
task seen in training those that did not see it predict. So what a task's own part learns to correct is always the error
on rows of a task that the model has never seen.
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
_LEAST_WEIGHT: Final = 0.05
_MANY: Final = 20_000  # rows above which fewer folds do


@dataclass(frozen=True, slots=True)
class GlobalModel:
    """A model for each fold of tasks.

    Attributes:
        fitted: The models of all folds; what they predict together is for new tasks.
        member_folds: The fold of tasks that each member has not seen.
        task_folds: The fold of each task, shape (tasks,).
        held_out: For every row, what the models that had not seen its task predict, shape (n,) or (n, classes).
        dense: The columns as scaled numbers without gaps, shape (n, p).
    """

    fitted: Fitted
    member_folds: tuple[int, ...]
    task_folds: NDArray[np.int64]
    held_out: NDArray[np.float64]
    dense: NDArray[np.float64]


def fit_global(
    frame: pd.DataFrame, target: Target, codes: NDArray[np.int64], seed: int, deadline: float
) -> GlobalModel:
    """Fit linear and boosted models fold by fold of tasks, and weigh them by their error on the tasks held out.

    Args:
        frame: The features.
        target: The target.
        codes: The task of each row, from 0.
        seed: Of folds and models.
        deadline: On `time.monotonic`'s clock; boosting stops in time for it.
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
    """The families to fit; only the baseline where a fold's other rows are of one class."""
    if target.task != "regression":
        for fold in np.unique(row_folds):
            if len(np.unique(target.values[row_folds != fold])) < 2:
                return (BASELINE.name,)
    return (BASELINE.name, *_FAMILIES)


def _fit_folds(
    model: Model, X: NDArray[np.float64], target: Target, job: Job, row_folds: NDArray[np.int64], seconds: float
) -> tuple[list[Any], NDArray[np.float64]]:
    """The model of each fold, and what they predict for the rows that they have not seen."""
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
    """The weights of the models that count; one that hardly does is not worth its place in every file."""
    kept = {place: weight for place, weight in found.items() if weight >= _LEAST_WEIGHT}
    return {place: weight / sum(kept.values()) for place, weight in kept.items()}


def fold_models(fitted: Fitted, member_folds: tuple[int, ...], fold: int) -> Fitted:
    """The models that have not seen the tasks of a fold, as one."""
    own = [member for member, place in zip(fitted.members, member_folds, strict=True) if place == fold]
    total = sum(member.weight for member in own)
    return replace(fitted, members=tuple(replace(member, weight=member.weight / total) for member in own))


def _folds(codes: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """A fold for each task: the largest first, each to the fold with the fewest rows so far."""
    counts = np.bincount(codes)
    count = _FOLDS if len(codes) <= _MANY else _FEW_FOLDS
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-counts[order], kind="stable")]
    folds, rows = np.zeros(len(counts), dtype=np.int64), np.zeros(count)
    for task in order:
        folds[task] = np.argmin(rows)
        rows[folds[task]] += counts[task]
    return folds
