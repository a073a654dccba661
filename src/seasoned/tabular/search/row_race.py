"""Racing over rows: on a large table, trials that lag too far behind the best trial get no more rows.

A trial is compared with the best trial of all families, and more strictly with the best trial of its own family. A
trial of another family can help the ensemble even if it is worse alone; a worse trial of the same family hardly can.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from seasoned.fidelity.base import Decision, Fidelity, rank_value
from seasoned.tabular.trial.results import MAX_LAG
from seasoned.trials import Finished, Reported, Suggested, TrialState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seasoned.trials import Event, StudySpec

__all__ = ["RowRace", "RowRaceState"]

_FAMILY: Final = 0.0  # allowed lag behind the best of the same family, beyond chance: another trial must be better


@dataclass(frozen=True, slots=True)
class RowRaceState:
    """State of the race over rows: losses on samples.

    Attributes:
        start: Number of the study's first trial.
        families: Trial -> its family.
        losses: Running or complete trial -> rows -> loss; infinite if it is not finite.
        verdicts: Running trial -> decision on its latest report.
    """

    start: int = 0
    families: Mapping[int, str] = field(default_factory=dict)
    losses: Mapping[int, Mapping[int, float]] = field(default_factory=dict)
    verdicts: Mapping[int, Decision] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowRace(Fidelity[RowRaceState]):
    """Racing over rows: trials are compared after the same training rows, on the same held-out rows.

    A trial is stopped if it lags too far behind the best of all families, beyond the chance of these rows. It is also
    stopped if it lags at all behind the best of its own family. The first few trials are never stopped, because the
    others are compared with them. In the opening, trials are compared with these first trials alone. A search with a
    trial budget then does not depend on which trial is faster.

    Attributes:
        rows: Training rows of each level, ascending; the last is all rows.
        baseline: Loss of a constant prediction on the held-out rows. None where undefined; no trial is stopped then.
        slack: Standard deviation of a lag by chance.
        first: Number of trials that are never stopped.
        opening: Number of trials that are compared with the first ones alone.

    Example:
        >>> RowRace((1_000, 3_000, 9_000), baseline=1.0, slack=0.01).levels
        (1000, 3000, 9000)
    """

    rows: tuple[int, ...]
    baseline: float | None
    slack: float
    first: int = 2
    opening: int = 0

    @property
    def levels(self) -> tuple[int, ...]:
        """Training rows at which trials are compared; the last level is all rows."""
        return self.rows

    def init(self, spec: StudySpec) -> RowRaceState:
        """Initial state without trials."""
        return RowRaceState(spec.first)

    def tell(self, state: RowRaceState, events: Sequence[Event]) -> RowRaceState:
        """Record reports, and judge each one at its place in the log."""
        families, losses, verdicts = dict(state.families), dict(state.losses), dict(state.verdicts)
        so_far = RowRaceState(state.start, families, losses, verdicts)  # its mappings grow with the events
        for event in events:
            if isinstance(event, Suggested):
                families[event.number], losses[event.number] = _family(event.config), {}
                verdicts[event.number] = Decision.GO_ON
            elif isinstance(event, Reported) and event.number in verdicts and event.step not in losses[event.number]:
                losses[event.number] = {**losses[event.number], event.step: rank_value(event.value)}
                verdicts[event.number] = self._judge(so_far, event.number, event.step)
            elif isinstance(event, Finished) and event.number in verdicts:
                del verdicts[event.number]
                if event.state is not TrialState.COMPLETE:
                    del losses[event.number]  # a stopped or failed trial is no reference
        return so_far

    def _judge(self, state: RowRaceState, number: int, step: int) -> Decision:
        place = number - state.start
        if place < self.first or step not in self.rows[:-1]:
            return Decision.GO_ON
        rivals = range(state.start, state.start + self.first) if place < self.opening else state.losses
        known = {
            other: state.losses[other][step]
            for other in rivals
            if other != number and step in state.losses.get(other, {})
        }
        own, family = state.losses[number][step], state.families[number]
        related = [loss for other, loss in known.items() if state.families[other] == family]
        behind = self._lags(own, known.values(), MAX_LAG) or self._lags(own, related, _FAMILY)
        return Decision.STOP if behind else Decision.GO_ON

    def _lags(self, own: float, rivals: Any, share: float) -> bool:
        """True if the loss is behind the best of the rivals by more than the share and chance allow."""
        best = min(rivals, default=math.inf)
        if not math.isfinite(best) or self.baseline is None:
            return False
        if not math.isfinite(own):
            return True
        gap = self.baseline - best
        return gap > 0 and (own - best) / gap - self.slack > share

    def decide(self, state: RowRaceState, number: int, step: int) -> Decision:  # noqa: ARG002 - `tell` has judged it
        """See `Fidelity.decide`."""
        return state.verdicts.get(number, Decision.GO_ON)

    def budget(self, state: RowRaceState, number: int) -> int:  # noqa: ARG002 - no trial pauses
        """All rows."""
        return self.rows[-1]


def _family(config: Mapping[str, Any]) -> str:
    return str(next(iter(config.get("model", ())), ""))
