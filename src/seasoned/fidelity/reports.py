"""State of the rules that compare whole curves: reports and results of all trials, folded from the study's events."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from seasoned.fidelity.base import Decision, rank_value
from seasoned.trials import Finished, Reported, Suggested, TrialState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from seasoned.trials import Event

__all__ = ["Judge", "Record"]


@dataclass(frozen=True, slots=True)
class Record:
    """Learning curves, results and decisions.

    Attributes:
        curves: Trial number -> step -> value, in the order of the reports. The first report of a step counts. A value
            that is not finite is stored as infinity. Pruned, failed and infeasible trials are removed.
        results: Number of each complete, feasible trial -> its value, in the order of completion.
        at_step: Step -> values of the trials in `results` at this step, in increasing order.
        verdicts: Number of each running trial with a report -> the decision on its latest report.
    """

    curves: Mapping[int, Mapping[int, float]] = field(default_factory=dict)
    results: Mapping[int, float] = field(default_factory=dict)
    at_step: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    verdicts: Mapping[int, Decision] = field(default_factory=dict)

    def tell(self, events: Sequence[Event], judge: Judge) -> Record:
        """Return the record with `events` folded in.

        Args:
            events: New events, in log order.
            judge: Decides on a report, from the record of all events up to the report, the trial and the step.
        """
        curves, results = dict(self.curves), dict(self.results)
        at_step, verdicts = dict(self.at_step), dict(self.verdicts)
        so_far = Record(curves, results, at_step, verdicts)  # a view that grows with the events
        for event in events:
            if isinstance(event, Suggested):
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
        """Return the decision on the trial's latest report."""
        return self.verdicts.get(number, Decision.GO_ON)

    @property
    def best(self) -> int | None:
        """The feasible complete trial with the smallest value; of equal ones, the first completed."""
        return min(self.results, key=self.results.__getitem__, default=None)


Judge: TypeAlias = "Callable[[Record, int, int], Decision]"
"""Function of the record, the trial's number and the step: the decision on the report."""
