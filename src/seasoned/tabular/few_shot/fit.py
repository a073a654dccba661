"""Fit of a few-shot model to a table with tasks: global model, meta-training, parameters of the known tasks."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.metagrad._common.npz_files import flatten, unflatten
from seasoned.metagrad.learners.shrinkage import HeadAdapter
from seasoned.tabular.few_shot.adapter import adapter_of, own_params
from seasoned.tabular.few_shot.global_model import fit_global
from seasoned.tabular.few_shot.meta_training import (
    default_learner,
    for_tables,
    judge_settings,
    meta_train,
    rows_of_tasks,
    split_tasks,
)
from seasoned.tabular.few_shot.model import AdaptedTable, FewShotFitted, Scaling, network_inputs
from seasoned.tabular.few_shot.tasks import count_tasks
from seasoned.tabular.fit.leakage import warn_of_leaks

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.metagrad import MetaLearner
    from seasoned.tabular.few_shot.adapter import Adapter
    from seasoned.tabular.input.target import Target

__all__ = ["Options", "adapt_table", "fit_tasks"]

logger = logging.getLogger("seasoned.tabular")

_MANY_CLASSES: Final = 100  # number of classes from which on a warning is logged
_MANY_CLASSES_WARNING: Final = (
    "there are %d classes, and few-shot learning is made for up to some tens: it will be slow, and a few rows say "
    "little about so many; pass the task as an ordinary column to AutoClassifier instead."
)
_GLOBAL_SHARE: Final = 0.5  # share of the time limit for the global model


class Options(NamedTuple):
    """Settings of a fit.

    Attributes:
        learner: A meta-learner; None for the default.
        shots: Largest number of support rows in meta-training.
        validation: Share of tasks held out.
        deadline: End of the fit in seconds on `time.monotonic`'s clock.
        seed: Seed of all random draws.
    """

    learner: MetaLearner | None
    shots: int
    validation: float
    deadline: float
    seed: int


def fit_tasks(
    frame: pd.DataFrame, target: Target, words: NDArray[Any], columns: tuple[str, ...], options: Options
) -> tuple[FewShotFitted, Adapter]:
    """Fit the global model, meta-train its correction, and adapt to the known tasks.

    Args:
        frame: The features.
        target: The target, one value per row.
        words: The task name of each row, shape (n,).
        columns: The task columns.
        options: Settings.
    """
    tasks, codes = np.unique(words, return_inverse=True)
    count_tasks(codes, len(tasks))
    classes, seed = len(target.classes), options.seed
    if classes >= _MANY_CLASSES:
        logger.warning(_MANY_CLASSES_WARNING, classes)
    learner = for_tables(default_learner(classes, seed) if options.learner is None else options.learner, classes)
    share = time.monotonic() + _GLOBAL_SHARE * (options.deadline - time.monotonic())
    base = fit_global(frame, target, codes, seed, share)
    warn_of_leaks(base.fitted.plan.schema.apply(frame), target)
    scaling = Scaling.fit(target.values, base.held_out, target.task)
    X = network_inputs(scaling, base.held_out, base.dense)
    y = target.values.astype(np.int32) if classes else scaling.errors(target.values, base.held_out)
    groups = rows_of_tasks(codes, seed)
    split = split_tasks(groups, options.validation, seed)
    learner = meta_train(learner, X, y, split, options.shots, options.deadline)
    adapter = adapter_of(learner)
    if isinstance(adapter, HeadAdapter):
        adapter = judge_settings(adapter, X, y, split, options.shots, seed)
    prior = unflatten(flatten(learner.params(learner.start(learner.theta))))
    if not classes and isinstance(adapter, HeadAdapter):  # gradient steps need the errors of meta-training
        for rows in groups:
            y[rows] = scaling.errors_of_task(target.values[rows], base.held_out[rows])
    own = own_params(adapter, prior, X, y, groups)
    network = learner.predictor
    fitted = FewShotFitted(
        base.fitted, base.member_folds, scaling, network, prior, tasks, base.task_folds, own, columns
    )
    return fitted, adapter


def adapt_table(
    fitted: FewShotFitted, adapter: Adapter, frame: pd.DataFrame, target: Target, *, tune: bool
) -> AdaptedTable:
    """Adapt the model to the labelled rows of one task.

    Args:
        fitted: The fitted model of all tasks.
        adapter: The task adapter.
        frame: Features of the rows.
        target: Target of the rows.
        tune: True to choose steps and rate by cross-validation on the rows.
    """
    return adapt_to(fitted, adapter, *fitted.expected(frame), target, tune=tune)


def adapt_to(
    fitted: FewShotFitted,
    adapter: Adapter,
    expected: NDArray[np.float64],
    X: NDArray[np.float32],
    target: Target,
    *,
    tune: bool,
) -> AdaptedTable:
    """`adapt_table` for rows whose result of `fitted.expected` is known: global predictions and network inputs."""
    errors = fitted.scaling.errors_of_task if isinstance(adapter, HeadAdapter) else fitted.scaling.errors
    y = target.values if len(target.classes) else errors(target.values, expected)
    return AdaptedTable(fitted, *adapter.adapt(X, y, tune=tune), rows=len(X))
