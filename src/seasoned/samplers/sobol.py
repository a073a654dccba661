"""Quasi-random search: a scrambled Sobol sequence, which covers the cube more evenly than random draws.

Sobol (1967); scrambling after Matousek (1998), On the L2-discrepancy for anchored boxes, as in scipy.stats.qmc.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.samplers.base import Sampler, Suggestion, next_of_plan
from seasoned.trials import Config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.trials import Event, StudySpec

__all__ = ["Sobol"]

_BLOCK: Final = 1024  # points computed at a time
_MOST_DIMENSIONS: Final = 21201  # number of dimensions in the direction numbers of Joe and Kuo (2008)


@dataclass(frozen=True, slots=True)
class SobolState:
    """Specification and the cached block of points.

    Attributes:
        spec: Specification of the study.
        block: Index of the cached block; not compared, because the seed determines the sequence.
        points: Points of the block, shape (1024, d).
    """

    spec: StudySpec
    block: int = field(default=-1, compare=False)
    points: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Sobol(Sampler[SobolState]):
    """Scrambled Sobol sequence: the k-th trial is its k-th point; parallel drivers share one sequence.

    Example:
        >>> from seasoned import Float, Space, minimize
        >>> best = minimize(lambda config: config["x"] ** 2, Space(x=Float(-1, 1)), trials=16, sampler=Sobol(), seed=0)
        >>> best.value < 0.01
        True
    """

    def init(self, spec: StudySpec) -> SobolState:
        """Return the first state. Raises InvalidInput for more than 21,201 parameters."""
        if len(spec.space) > _MOST_DIMENSIONS:
            raise InvalidInput(
                f"the space has {len(spec.space)} parameters, more than the {_MOST_DIMENSIONS} that a Sobol sequence "
                "supports; use Random()."
            )
        return SobolState(spec)

    def ask(self, state: SobolState, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], SobolState]:
        """Suggest the warm start's configurations, then the sequence from its first point."""
        suggestions = []
        for number in numbers:
            config, place = next_of_plan(state.spec, number)
            if config is None:
                state = _with_point(state, place)
                config = Config(state.spec.space.decode(state.points[place % _BLOCK]))
            suggestions.append(Suggestion(config))
        return suggestions, state

    def tell(self, state: SobolState, events: Sequence[Event]) -> SobolState:  # noqa: ARG002 - the sequence is fixed
        """Return the state unchanged."""
        return state

    def capacity(self, state: SobolState) -> int | None:  # noqa: ARG002 - whatever the space
        """Return None: no limit."""
        return None


def _with_point(state: SobolState, place: int) -> SobolState:
    """State with the block that contains the point at index `place`."""
    block = place // _BLOCK
    if block == state.block:
        return state
    return replace(state, block=block, points=_points(len(state.spec.space), state.spec.seed, block))


def _points(dimension: int, seed: int, block: int) -> NDArray[np.float64]:
    """Block of the sequence, shape (1024, d)."""
    if dimension == 0:
        return np.empty((_BLOCK, 0))
    from scipy.stats import qmc

    sequence = qmc.Sobol(dimension, scramble=True, rng=np.random.default_rng(seed))
    if block:  # scipy cannot move forward by 0
        sequence.fast_forward(block * _BLOCK)
    return sequence.random(_BLOCK)
