"""What rules that compare whole curves remember: reports and results of all trials, a fold of the study's events."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from seasoned.fidelity.base import Decision, rank_value
from seasoned.trials import Asked, Finished, Reported, TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from seasoned.trials import Event

__all__ = ["Judge", "Record"]


@dataclass(frozen=True, slots=True)
class Record:
    """Curves, results and verdicts.

    Attributes:
        curves: Trial number -> step -> value, in the order of the reports; the first report of a step counts. Values
            that are not finite are infinite. Trials that were stopped, failed or broke a constraint are left out.
        results: Number of each complete trial that kept the constraints -> its value, in the order in which they ended.
        at_step: Step -> the values that these trials reported there, in increasing order.
        verdicts: Number of each running trial that reported -> what its latest report led to.
    """

    curves: Mapping[int, Mapping[int, float]] = field(default_factory=dict)
    results: Mapping[int, float] = field(default_factory=dict)
    at_step: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    verdicts: Mapping[int, Decision] = field(default_factory=dict)

    def told(self, events: Sequence[Event], judge: Judge) -> Record:
        """With more events folded in.

        Args:
            events: In log order.
            judge: What a report leads to, given all earlier events and the report itself.
        """
        curves, results = dict(self.curves), dict(self.results)
        at_step, verdicts = dict(self.at_step), dict(self.verdicts)
        so_far = Record(curves, results, at_step, verdicts)  # a view that grows with the events
        for event in events:
            if isinstance(event, Asked):
                curves[event.number] = {}
            elif isinstance(event, Reported):
                known = curves.get(event.number)
                if known is not None and event.number not in results and event.step not in known:
                    curves[event.number] = {**known, event.step: rank_value(event.value)}
                    verdicts[event.number] = judge(so_far, event.number, event.step)
            elif isinstance(event, Finished) and event.number in curves:
                verdicts.pop(event.number, None)
                if event.state is not TrialState.COMPLETE or event.values is None or event.violation > 0:
                    del curves[event.number]
                    continue
                results[event.number] = event.values[0]
                for step, value in curves[event.number].items():
                    values = list(at_step.get(step, ()))
                    insort(values, value)
                    at_step[step] = tuple(values)
        return Record(curves, results, at_step, verdicts)

    def verdict(self, number: int) -> Decision:
        """What the trial's latest report led to."""
        return self.verdicts.get(number, Decision.GO_ON)

    @property
    def best(self) -> int | None:
        """The complete trial with the smallest value; among equals, the first to end."""
        return min(self.results, key=self.results.__getitem__, default=None)


Judge: TypeAlias = "Callable[[Record, int, int], Decision]"
"""What the trial's report of a step leads to."""
