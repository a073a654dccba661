"""Median stopping: a trial ends when its best value so far is worse than the complete trials' median at that step.

The rule assumes no shape of the curves and needs no rungs. It is lenient: about half of the trials pass at any step.

Source: Golovin et al. (2017), Google Vizier, section 3.2; with the median of the values at the step, as in Optuna.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from seasoned.fidelity.base import Decision, Fidelity, as_whole, check_count, check_steps, ladder
from seasoned.fidelity.reports import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.trials import Event, StudySpec

__all__ = ["Median"]


@dataclass(frozen=True, slots=True)
class Median(Fidelity[Record]):
    """Median stopping rule.

    A trial is stopped at step t if its smallest value up to t is greater than the median of the complete trials' values
    at t.

    Attributes:
        min: The first step at which a trial may be stopped.
        max: Steps of a complete trial.
        startup: Number of complete trials before any trial is stopped.
        interval: Steps between two comparisons. From `min` on, the first report in each interval is compared.

    Raises:
        InvalidInput: Unless 1 <= min <= max, startup >= 1 and interval >= 1.

    Example:
        >>> Median(min=5, max=50).levels
        (5, 15, 45, 50)
    """

    min: int = 1
    max: int = 81
    startup: int = 5
    interval: int = 1

    def __post_init__(self) -> None:
        as_whole(self, "min", "max", "startup", "interval")
        check_steps(self.min, self.max)
        for name in ("startup", "interval"):
            check_count(name, getattr(self, name))

    @property
    def levels(self) -> tuple[int, ...]:
        """Steps at which a sampler models the objective; the rule itself compares once in every interval."""
        return ladder(self.min, self.max, 3)

    def init(self, spec: StudySpec) -> Record:  # noqa: ARG002 - the rule needs nothing of it
        """Return an empty record."""
        return Record()

    def tell(self, state: Record, events: Sequence[Event]) -> Record:
        """Fold the events in; each report is compared with the trials completed before it."""
        return state.tell(events, self._judge)

    def _judge(self, record: Record, number: int, step: int) -> Decision:
        before = max((at for at in record.curves[number] if at < step), default=0)
        turn = before < self.min or (step - self.min) // self.interval > (before - self.min) // self.interval
        if not (turn and self.min <= step < self.max) or len(record.results) < self.startup:
            return Decision.GO_ON
        values = [value for value in record.at_step.get(step, ()) if math.isfinite(value)]
        own = min(value for at, value in record.curves[number].items() if at <= step)
        return Decision.STOP if values and own > median(values) else Decision.GO_ON

    def decide(self, state: Record, number: int, step: int) -> Decision:  # noqa: ARG002 - `tell` has judged it
        """See `Fidelity.decide`."""
        return state.verdict(number)

    def budget(self, state: Record, number: int) -> int:  # noqa: ARG002 - no trial pauses
        """Return `max`: no trial pauses."""
        return self.max
