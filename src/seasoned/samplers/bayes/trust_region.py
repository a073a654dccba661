"""A study's local searches: one after another, each from the best point of the global steps since the last one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.surrogates.gp.trust_region_model import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.samplers.bayes.observations import Observations
    from seasoned.surrogates.layout import Layout

__all__ = ["Descent", "followed"]

_WORTHY: Final = 1e-5  # share of the distance from the best loss to the lower quartile that makes a gain significant
_SAME: Final = 0.05  # in units of the cube: this near to a finished search, a new one in its categories would end there
_RESTARTED: Final = 0.2  # radius of the trust region after a restart


@dataclass(frozen=True, slots=True)
class Descent:
    """Where the present local search stands.

    Attributes:
        region: Its trust region.
        since: Index of the first result that counts for it; earlier ones inform its model but cannot be its best.
        ended: Indices of the best results of earlier searches.
        resting: Results of global steps to wait for before it begins; 0 while it runs.
    """

    region: Region = field(default_factory=Region)
    since: int = 0
    ended: tuple[int, ...] = ()
    resting: int = 0


def followed(descent: Descent, seen: Observations, losses: NDArray[np.float64], layout: Layout) -> Descent:
    """The local search after the latest result.

    Args:
        descent: The local search before that result.
        seen: Finished trials, the latest last.
        losses: To be minimised, infinite where a trial does not count, shape (n,).
        layout: What the coordinates mean.
    """
    numeric = layout.numeric
    if seen.tags[-1].get("step") != "local":
        return _rested(descent, seen, losses, layout)
    before = losses[descent.since : -1]
    if descent.resting or not np.isfinite(before).any():
        return descent
    best = descent.since + int(np.argmin(before))
    gain = losses[best] - losses[-1]
    spread = float(np.quantile(losses[np.isfinite(losses)], 0.25)) - float(losses.min())
    fine = numeric[layout.spacing[numeric] <= descent.region.radius]  # a step between levels does not tell the radius
    length = float(np.abs(seen.unit[-1, fine] - seen.unit[best, fine]).max(initial=0.0)) or None
    region = descent.region.stepped(length, gained=bool(gain > 0), worthy=bool(gain > _WORTHY * spread))
    if not region.collapsed(len(numeric) or seen.unit.shape[1]):
        return replace(descent, region=region)
    return _over(descent, best if gain <= 0 else len(losses) - 1, len(losses), seen.unit.shape[1])


def _over(descent: Descent, best: int, count: int, dimension: int) -> Descent:
    return Descent(Region(_RESTARTED), count, (*descent.ended, best), dimension + 2)


def _rested(descent: Descent, seen: Observations, losses: NDArray[np.float64], layout: Layout) -> Descent:
    """One result fewer to wait for; a new search begins unless its start lies where another ended."""
    if not descent.resting:
        return descent
    if descent.resting > 1:
        return replace(descent, resting=descent.resting - 1)
    start = descent.since + int(np.argmin(losses[descent.since :]))
    there, numeric, nominal = seen.unit[list(descent.ended)], layout.numeric, list(layout.nominal)
    near = (np.abs(there[:, numeric] - seen.unit[start, numeric]) < _SAME).all(axis=1)
    same = (there[:, nominal] == seen.unit[start, nominal]).all(axis=1)
    if not np.isfinite(losses[start]) or (near & same).any():
        return replace(descent, since=len(losses), resting=seen.unit.shape[1] + 2)
    return replace(descent, resting=0)
