"""The best settings of each family as past tasks together expect them, which a build tries beside the even spread.

The even spread over the families' spaces says where tasks do well; between its points, a forest over what all tasks
found (`tabular/family_starts.py`) says where they would do better still.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.knowledge.advice.similar_tasks import TaskQuery, recall
from seasoned.knowledge.meta_features.meta_features import METAFEATURES
from seasoned.tabular.experience.family_prior import family_start
from seasoned.tabular.metrics.registry import usual_metric
from seasoned.tabular.models.registry import choose, joint_space
from seasoned.tabular.trial.configuration import KIND, current

if TYPE_CHECKING:
    from seasoned.knowledge.experience.experience import Experience
    from seasoned.tabular.input.target import Task

__all__ = ["expected_optima"]


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
