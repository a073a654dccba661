"""Family prior: a prior mean from past tasks for the Bayesian optimisation inside a family.

The performance model covers configurations that past tasks share. All other configurations are left to the search
inside each family, which can use a prior. A random forest is fitted to the past trials of the family, with scores as
quantiles within each task. It predicts which settings were better (`knowledge/transfer/warm_starts.py`). The result is
a *relative* warm start: a prior mean for the search, as far as the trials on this table agree with it. It adds no
trial.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.knowledge.transfer.warm_starts import Evaluations, quantile_start
from seasoned.space import Choice
from seasoned.trials import WarmStart

if TYPE_CHECKING:
    from seasoned.knowledge.advice.similar_tasks import SimilarTasks
    from seasoned.space import Space

__all__ = ["FamilyPrior", "family_start"]

logger = logging.getLogger("seasoned.tabular")

_MIN_SCORED: Final = 3  # smallest number of tasks with a family, and of its configurations that such a task has scored


@dataclass(frozen=True, slots=True, eq=False)
class FamilyPrior:
    """Warm start of each family, learned at its first use and cached; empty where too little is known.

    Faulty content of a shared store must not end a fit. If learning fails, the log gives the reason, and the family is
    searched without a prior.

    Args:
        found: Past tasks and configurations.
        space: The joint space.
    """

    found: SimilarTasks
    space: Space
    _known: dict[str, WarmStart] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, family: str) -> WarmStart:
        """Warm start of the family."""
        if family not in self._known:
            try:
                start = family_start(self.found, self.space, family)
            except Exception as error:  # noqa: BLE001 - a stranger's experience can hold anything
                logger.warning("experience: its expectations for %s are not used (%s).", family, error)
                start = None
            self._known[family] = start or WarmStart()
        return self._known[family]


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
