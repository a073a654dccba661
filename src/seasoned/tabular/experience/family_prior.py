"""What past tasks expect inside a family: a prior mean for the Bayesian optimisation that searches there.

The learned metric covers configurations that past tasks share. The space between and beyond them is left to a family's
own search, which need not begin with a flat prior: a forest over all past tasks' trials of the family, as quantiles
within each task, says which settings did better there (`knowledge/transfer.py`). It is a *relative* warm start: the
search takes its values as a prior mean, as far as the trials on this table agree with it, and it adds no trial.
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
    from seasoned.knowledge.advice.similar_tasks import Recalled
    from seasoned.space import Space

__all__ = ["FamilyStarts", "family_start"]

logger = logging.getLogger("seasoned.tabular")

_LEAST: Final = 3  # tasks that know a family, and configurations of it that such a task has scored


@dataclass(frozen=True, slots=True, eq=False)
class FamilyStarts:
    """Each family's warm start, learned once, when it is first asked for; an empty one where too little is known.

    What others have put into a store must not end a fit: where learning fails, the log says so, and the family is
    searched without it.

    Args:
        found: Past tasks and configurations.
        space: The joint space.
    """

    found: Recalled
    space: Space
    _known: dict[str, WarmStart] = field(default_factory=dict, init=False, repr=False)

    def __call__(self, family: str) -> WarmStart:
        """What past tasks expect inside the family."""
        if family not in self._known:
            try:
                start = family_start(self.found, self.space, family)
            except Exception as error:  # noqa: BLE001 - a stranger's experience can hold anything
                logger.warning("experience: its expectations for %s are not used (%s).", family, error)
                start = None
            self._known[family] = start or WarmStart()
        return self._known[family]


def family_start(found: Recalled, space: Space, family: str, *, seed: int = 0) -> WarmStart | None:
    """The relative warm start of a family; None if fewer than three past tasks scored three configurations of it.

    Each past task counts by its relevance to the new one. A trial that was stopped is left out: its score is only a
    bound, which has no rank.

    Args:
        found: Past tasks and configurations.
        space: The joint space; its one parameter is the choice of a family.
        family: Its name.
        seed: Of the forest.
    """
    (choice,) = space.parameters.values()
    assert isinstance(choice, Choice), "the joint space has no other parameter"
    inner = choice.options.get(family)
    members = [row for row, config in enumerate(found.configs) if family in config["model"]]
    if inner is None or not inner.dimensions or len(members) < _LEAST:
        return None
    known = np.isfinite(found.scores[:, members])
    if found.stopped is not None:
        known &= ~found.stopped[:, members]
    tasks = np.flatnonzero((known.sum(axis=1) >= _LEAST) & (found.weights > 0.0))
    if len(tasks) < _LEAST:
        return None
    points = np.stack([inner.encode(found.configs[row]["model"][family]).unit for row in members])
    past = [Evaluations(points[known[task]], found.scores[task, members][known[task]]) for task in tasks]
    return quantile_start(inner, past, seed=seed, weights=found.weights[tasks].tolist())
