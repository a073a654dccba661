"""The best settings of each family as past tasks together expect them, which a build tries beside the even spread.

The even spread over the families' spaces says where tasks do well; between its points, a forest over what all tasks
found says where they would do better still.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.knowledge.advice.similar_tasks import TaskQuery, recall
from seasoned.knowledge.meta_features.meta_features import METAFEATURES
from seasoned.knowledge.transfer.warm_starts import Evaluations, quantile_start
from seasoned.space import Choice
from seasoned.tabular.metrics.registry import usual_metric
from seasoned.tabular.models.registry import choose, joint_space
from seasoned.tabular.trial.configuration import KIND, current

if TYPE_CHECKING:
    from seasoned.knowledge.advice.similar_tasks import SimilarTasks
    from seasoned.knowledge.experience.experience import Experience
    from seasoned.space import Space
    from seasoned.tabular.input.target import Task
    from seasoned.trials import WarmStart

__all__ = ["expected_optima"]

_MIN_SCORED: Final = 3  # smallest number of tasks with a family, and of its configurations that such a task has scored


def expected_optima(experience: Experience, task: Task) -> list[dict[str, Any]]:
    """The configuration that is expected to do best in each family that past tasks know; none where they are few.

    Args:
        experience: Of past tasks; each table counts once.
        task: The sort of task.
    """
    space = joint_space(choose(None), task)
    unknown = np.full(len(METAFEATURES), math.nan)
    asking = TaskQuery(KIND, task, usual_metric(task), usual_metric(task), unknown)
    found = recall(experience, asking, partial(current, space=space)) if len(experience) else None
    if found is None:
        return []
    starts = {model.name: family_start(found, space, model.name) for model in choose(None)}
    return [{"model": {family: dict(start.configurations[0])}} for family, start in starts.items() if start]


def family_start(found: SimilarTasks, space: Space, family: str, *, seed: int = 0) -> WarmStart | None:
    """Relative warm start of a family; None if fewer than three past tasks scored three of its configurations.

    Each past task counts by its relevance to the new one. Stopped trials are left out, because their scores are bounds,
    which have no rank.

    Args:
        found: Past tasks and configurations.
        space: The joint space. Its one parameter is the choice of a family.
        family: Name of the family.
        seed: Seed of the forest.
    """
    (choice,) = space.parameters.values()
    assert isinstance(choice, Choice), "the joint space has no other parameter"
    inner = choice.options.get(family)
    members = [row for row, config in enumerate(found.configs) if family in config["model"]]
    if inner is None or not inner.dimensions or len(members) < _MIN_SCORED:
        return None
    known = np.isfinite(found.scores[:, members])
    if found.stopped is not None:
        known &= ~found.stopped[:, members]
    tasks = np.flatnonzero((known.sum(axis=1) >= _MIN_SCORED) & (found.weights > 0.0))
    if len(tasks) < _MIN_SCORED:
        return None
    points = np.stack([inner.encode(found.configs[row]["model"][family]).unit for row in members])
    past = [Evaluations(points[known[task]], found.scores[task, members][known[task]]) for task in tasks]
    return quantile_start(inner, past, seed=seed, weights=found.weights[tasks].tolist())
