"""Sequence of local searches in a study: each starts from the best point of the global steps since the last search."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.surrogates.gp.trust_region_model import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.samplers.bayes.observations import Observations
    from seasoned.surrogates.layout import Layout

__all__ = ["LocalSearch", "followed"]

_WORTHY: Final = 1e-5  # smallest significant gain, as a share of the lower quartile of the losses minus the best loss
_SAME: Final = 0.05  # distance per coordinate from a finished search, in units of the cube, at which no new one starts
_RESTARTED: Final = 0.2  # radius of the trust region after a restart


@dataclass(frozen=True, slots=True)
class LocalSearch:
    """Progress of the present local search.

    Attributes:
        region: Trust region.
        since: Index of the first result that counts for the search. Earlier results enter the model but cannot be the
            best point.
        ended: Indices of the best results of earlier searches.
        resting: Number of global results to wait for before the search begins; 0 while it runs.
    """

    region: Region = field(default_factory=Region)
    since: int = 0
    ended: tuple[int, ...] = ()
    resting: int = 0


def followed(descent: LocalSearch, seen: Observations, losses: NDArray[np.float64], layout: Layout) -> LocalSearch:
    """Return the local search after the latest result.

    Args:
        descent: The local search before the result.
        seen: Finished trials, the latest last.
        losses: Losses of the finished trials, shape (n,); infinite for infeasible ones.
        layout: Layout of the coordinates.
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
    fine = numeric[layout.spacing[numeric] <= descent.region.radius]  # coarse levels carry no step length
    length = float(np.abs(seen.unit[-1, fine] - seen.unit[best, fine]).max(initial=0.0)) or None
    region = descent.region.stepped(length, gained=bool(gain > 0), worthy=bool(gain > _WORTHY * spread))
    if not region.collapsed(len(numeric) or seen.unit.shape[1]):
        return replace(descent, region=region)
    return _over(descent, best if gain <= 0 else len(losses) - 1, len(losses), seen.unit.shape[1])


def _over(descent: LocalSearch, best: int, count: int, dimension: int) -> LocalSearch:
    return LocalSearch(Region(_RESTARTED), count, (*descent.ended, best), dimension + 2)


def _rested(descent: LocalSearch, seen: Observations, losses: NDArray[np.float64], layout: Layout) -> LocalSearch:
    """Count one global result; a new search begins unless its start is close to the end of an earlier search."""
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
