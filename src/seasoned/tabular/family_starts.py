"""What past tasks expect inside a family: a prior mean for the Bayesian optimisation that searches there.

The learned metric knows configurations that past tasks share. What lies between and beyond them a family's own search
looks for, and it need not begin with a flat expectation: a forest over all past tasks' trials of the family, as
quantiles within each task, says which settings did better there (`knowledge/transfer.py`). It is a *relative* warm
start, whose values the search has as its prior mean, as far as the trials on this table agree with it, and which adds
no trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.knowledge.transfer import Evaluations, quantile_start
from seasoned.space import Choice

if TYPE_CHECKING:
    from seasoned.knowledge.recall import Recalled
    from seasoned.space import Space
    from seasoned.trials import WarmStart

__all__ = ["family_starts"]

_LEAST: Final = 3  # tasks that know a family, and configurations of it that a task has scored


def family_starts(found: Recalled, space: Space, *, seed: int = 0) -> dict[str, WarmStart]:
    """Relative warm starts of the families of which at least three past tasks scored at least three configurations.

    Each past task counts as much as it bears on the new one. A trial that was stopped is left out: its score is only a
    bound, which has no rank.

    Args:
        found: Past tasks and configurations.
        space: The joint space; its one parameter is the choice of a family.
        seed: Of the forests.
    """
    (choice,) = space.parameters.values()
    assert isinstance(choice, Choice), "the joint space has no other parameter"
    scored = np.isfinite(found.scores)
    if found.stopped is not None:
        scored &= ~found.stopped
    rows: dict[str, list[int]] = {}
    for row, config in enumerate(found.configs):
        rows.setdefault(next(iter(config["model"])), []).append(row)
    starts = {}
    for family, members in rows.items():
        inner = choice.options.get(family)
        known = scored[:, members]
        tasks = np.flatnonzero((known.sum(axis=1) >= _LEAST) & (found.weights > 0.0))
        if inner is None or not inner.dimensions or len(tasks) < _LEAST:
            continue
        points = np.stack([inner.encode(found.configs[row]["model"][family]).unit for row in members])
        past = [Evaluations(points[known[task]], found.scores[task, members][known[task]]) for task in tasks]
        starts[family] = quantile_start(inner, past, seed=seed, weights=found.weights[tasks].tolist())
    return starts
