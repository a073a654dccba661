"""Hyperband: several brackets of successive halving, from the most aggressive one to one that stops no trial.

Bracket s of 0..S skips the S - s lowest rungs. The most aggressive bracket (s = S) begins at min. The most conservative
one (s = 0) runs every trial to max. As in the paper, a round has ceil((S + 1) / (s + 1) * eta^s) trials of bracket s.
So all brackets cost about the same number of steps. The brackets are interleaved evenly, so the study can stop at any
time. Trials compete within their bracket by ASHA's rule, without waiting. A model-based sampler then models the highest
rung with enough results; the combination is BOHB with asynchronous halving.

Sources: Li et al. (2018), Hyperband: a novel bandit-based approach to hyperparameter optimization, JMLR 18; Falkner et
al. (2018), BOHB, ICML; asynchronous brackets: Li et al. (2020), section 3.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from seasoned.fidelity.base import Decision, Fidelity, as_whole, check_steps, ladder
from seasoned.fidelity.halving import judge_at_rung, promotable, settle_best
from seasoned.fidelity.rungs import Ladder, Rungs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.trials import Event, StudySpec

__all__ = ["Hyperband"]


@dataclass(frozen=True, slots=True)
class Hyperband(Fidelity[Rungs]):
    """Brackets of asynchronous halving.

    Attributes:
        min: The first rung of the most aggressive bracket.
        max: Steps of a complete trial.
        eta: One in `eta` trials on a rung goes on, to `eta` times as many steps.
        promote: True if trials pause at rungs and are promoted; False if they run until they are stopped.

    Raises:
        InvalidInput: Unless 1 <= min <= max and eta >= 2.

    Example:
        >>> [Hyperband(min=1, max=27, eta=3).rungs_of(place) for place in range(3)]
        [(1, 3, 9, 27), (3, 9, 27), (1, 3, 9, 27)]
    """

    min: int = 1
    max: int = 81
    eta: float = 3
    promote: bool = False

    def __post_init__(self) -> None:
        as_whole(self, "min", "max")
        check_steps(self.min, self.max, self.eta)

    @property
    def levels(self) -> tuple[int, ...]:
        """Steps of all rungs: the rungs of the most aggressive bracket."""
        return ladder(self.min, self.max, self.eta)

    def rungs_of(self, place: int) -> tuple[int, ...]:
        """Return the rungs of the trial at `place`, counted from the study's first trial."""
        return self.levels[_order(len(self.levels), float(self.eta)).skipped(place) :]

    def init(self, spec: StudySpec) -> Rungs:
        """Return empty rungs."""
        return Rungs(spec.first)

    def tell(self, state: Rungs, events: Sequence[Event]) -> Rungs:
        """Fold the events in: each report enters the rungs of its trial's bracket."""
        judge, settle = judge_at_rung(self.eta, promote=self.promote), settle_best(self.eta, promote=self.promote)
        return state.tell(events, self._ladder, judge, settle)

    def _ladder(self, place: int) -> Ladder:
        rungs = self.rungs_of(place)
        return Ladder(len(rungs), rungs)

    def decide(self, state: Rungs, number: int, step: int) -> Decision:
        """See `Fidelity.decide`."""
        return promotable(state, number, step, self.eta)

    def ready(self, state: Rungs) -> frozenset[int] | None:
        """Paused trials that are to be promoted; None unless `promote`."""
        return state.ready if self.promote else None

    def budget(self, state: Rungs, number: int) -> int:
        """Return the next rung if `promote`, else `max`."""
        return state.standings[number].next_level if self.promote else self.max


class _Order:
    """Order of the brackets in a round, as the number of skipped rungs per trial; each bracket is spread evenly.

    The order is computed on demand: with many rungs, a round has more trials than a study runs.
    """

    def __init__(self, levels: int, eta: float) -> None:
        self._shares = [math.ceil(levels / (s + 1) * eta**s - 1e-9) for s in range(levels - 1, -1, -1)]
        self._owed = [0] * levels
        self._known: list[int] = []
        self._lock = Lock()

    def skipped(self, place: int) -> int:
        """Return the number of rungs that the trial at `place`, counted from the study's first trial, skips."""
        if place < 0:  # a trial of an earlier space of the study: it has all rungs
            return 0
        total = sum(self._shares)
        place %= total
        with self._lock:  # studies in other threads share the order if their rungs are the same
            while len(self._known) <= place:
                self._owed = [debt + share for debt, share in zip(self._owed, self._shares, strict=True)]
                chosen = max(range(len(self._owed)), key=self._owed.__getitem__)
                self._owed[chosen] -= total
                self._known.append(chosen)
            return self._known[place]


_order = cache(_Order)
