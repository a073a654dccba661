"""Tuning of the settings of a deep kernel, by cross-validation over families of tasks.

    minimise over settings:  mean over tasks of  NLL(targets of the task | kernel trained on tasks of other families)

NLL is per evaluation, after the adaptation steps of the kernel. The first trial has the current settings.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.evaluations import quantiles
from seasoned.knowledge.transfer.deep_kernel_settings import DeepSettings
from seasoned.knowledge.transfer.deep_kernel_training import teaches, train_deep_kernel
from seasoned.knowledge.tuning.ranges import holding
from seasoned.samplers.auto import Auto
from seasoned.space import Categorical, Float, Int, Space
from seasoned.study import Study
from seasoned.surrogates.gp.deep_kernel import likelihood
from seasoned.trials import WarmStart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.knowledge.experience.evaluations import Evaluations

__all__ = ["TunedDeepKernel", "deep_space", "left_out_likelihood", "tune_deep_kernel"]

_FOLDS: Final = 3  # number of groups of families in cross-validation
_MIN_TASKS: Final = 3  # least number of training tasks of a kernel
_SUPPORT: Final = 12  # largest number of evaluations of a task for adaptation
_MAX_EVALUATIONS: Final = 60  # largest number of evaluations of a task on which the kernel is scored


class TunedDeepKernel(NamedTuple):
    """Best settings of a deep kernel, and the study that tuned them."""

    settings: DeepSettings
    study: Study


def deep_space(default: DeepSettings) -> Space:
    """Space of the tuned settings; the defaults are the current settings.

    Example:
        >>> configured(DeepSettings(), deep_space(DeepSettings()).default).hidden == DeepSettings().hidden
        True
    """
    return Space(
        by=Categorical(["likelihood", "maml"], default=default.by),
        units=Int(*holding(default.hidden[0], 8, 64), log=True, default=default.hidden[0]),
        layers=Int(*holding(len(default.hidden), 1, 3), default=len(default.hidden)),
        outputs=Int(*holding(default.outputs, 2, 16), log=True, default=default.outputs),
        inner_lr=Float(*holding(default.inner_lr, 0.005, 0.5), log=True, default=default.inner_lr),
        lr=Float(*holding(default.lr, 5e-4, 2e-2), log=True, default=default.lr),
    )


def configured(default: DeepSettings, config: dict[str, Any]) -> DeepSettings:
    """Apply a configuration to settings. Layers of different widths stay unless `units` or `layers` changes."""
    units, layers = int(config["units"]), int(config["layers"])
    as_is = (units, layers) == (default.hidden[0], len(default.hidden))
    hidden = default.hidden if as_is else (units,) * layers
    chosen = {name: config[name] for name in ("by", "outputs", "inner_lr", "lr")}
    return dataclasses.replace(default, hidden=hidden, **chosen)


def left_out_likelihood(tasks: Sequence[Evaluations], families: Sequence[str], settings: DeepSettings) -> float:
    """Mean negative log-likelihood per evaluation on tasks of families that the kernel was not trained on.

    A kernel trained by MAML adapts to some evaluations of a task and is scored on others. A kernel trained by
    likelihood is scored without adaptation.

    Args:
        tasks: Past tasks, with points in one space.
        families: Family of each task.
        settings: Training settings.

    Raises:
        InvalidInput: If no task has enough different evaluations for a score.
    """
    names = np.array(families)
    losses: list[float] = []
    for group in np.array_split(np.unique(names), _FOLDS):
        kernel = train_deep_kernel(
            [task for task, name in zip(tasks, names, strict=True) if name not in group], settings
        )
        for task in (task for task, name in zip(tasks, names, strict=True) if name in group):
            targets = quantiles(task.scores)
            order = np.random.default_rng(settings.seed).permutation(len(targets))
            first = min(_SUPPORT, len(order) // 2)
            support, query = order[:first], order[first : first + _MAX_EVALUATIONS]
            if len(query) < 2 or not np.ptp(targets[query]) > 0.0:
                continue
            used = kernel.adapted(task.points[support], targets[support])
            losses.append(likelihood(used, task.points[query], targets[query])[0])
    if not losses:
        raise InvalidInput(
            "no task has two different evaluations beside those set aside for adaptation; give tasks with more "
            "evaluations."
        )
    return float(np.mean(losses))


def tune_deep_kernel(
    tasks: Sequence[Evaluations],
    families: Sequence[str],
    *,
    trials: int = 12,
    default: DeepSettings | None = None,
    seed: int = 0,
) -> TunedDeepKernel:
    """Tune the training settings of a deep kernel for the prediction of unseen families.

    Args:
        tasks: Past tasks, with points in one space.
        families: Family of each task.
        trials: Number of trials.
        default: Settings of the first trial; the defaults if None.
        seed: Seed of the sampler.

    Raises:
        InvalidInput: If there are fewer than three families, or a fold leaves fewer than three training tasks.
    """
    if len(set(families)) < _FOLDS or len(tasks) != len(families):
        raise InvalidInput(
            f"there are {len(tasks)} tasks of {len(set(families))} families; give at least {_FOLDS} families."
        )
    names = np.array([name for task, name in zip(tasks, families, strict=True) if teaches(task)])
    beside = min(int((~np.isin(names, group)).sum()) for group in np.array_split(np.unique(families), _FOLDS))
    if beside < _MIN_TASKS:
        raise InvalidInput(
            f"with a third of the families held out, only {beside} tasks remain for training, and at least "
            f"{_MIN_TASKS} are needed; give more past tasks."
        )
    start = default or DeepSettings()
    space = deep_space(start)
    study = Study(space, sampler=Auto(warm_start=WarmStart(configurations=(dict(space.default),))), seed=seed)
    study.optimize(
        lambda config: left_out_likelihood(tasks, families, configured(start, config)), trials=trials, progress=False
    )
    return TunedDeepKernel(configured(start, study.best.config), study)
