"""History: the trials of a study, folded from its events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from seasoned.errors import InvalidInput
from seasoned.trials.trial import (
    Created,
    Finished,
    Reassigned,
    Remaining,
    Reported,
    SpaceChanged,
    Suggested,
    Trial,
    TrialState,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from seasoned.space import Space
    from seasoned.trials.trial import Event

__all__ = ["History"]


class History:
    """Trials of a study, folded from its events, with the queries of other packages.

    Trials that are not valid in the present space stay in the history but are neither counted as finished nor the best.

    Example:
        >>> from seasoned.space import Space
        >>> from seasoned.trials import Config
        >>> history = History(Space())
        >>> history.extend([Suggested(0, Config()), Finished(0, TrialState.COMPLETE, (1.5,))])
        >>> history.best.value, history.finished
        (1.5, 1)
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._trials: list[Trial | None] = []  # by number; None for a number without an `Suggested` event
        self._drivers: dict[int, str] = {}  # running trial -> driver
        self._moved = False  # True after a move from another space; before, all configurations are valid
        self._outside: set[int] = set()  # trials not valid in the present space
        self._best: Trial | None = None
        self._counts = dict.fromkeys(TrialState, 0)
        self._counts_outside = dict.fromkeys(TrialState, 0)  # counts of the trials not valid in the present space
        self._steps: dict[int, set[int]] = {}  # trial -> reported steps
        self._launches: dict[int, int] = {}  # trial -> restarts of the paused trial since its last report
        self._begins: dict[int, int] = {}  # trial -> beginnings after takeovers since its last report

    def extend(self, events: Iterable[Event]) -> None:
        """Fold events in, in log order."""
        for event in events:
            match event:
                case Suggested():
                    self._ask(event)
                case Finished():
                    self._finish(event)
                case SpaceChanged():
                    self._move(event.space)
                case Reported():
                    self._report(event)
                case Reassigned():
                    self._take(event)
                case Created() | Remaining():
                    pass

    def _ask(self, event: Suggested) -> None:
        while len(self._trials) <= event.number:
            self._trials.append(None)
        self._trials[event.number] = Trial(event.number, event.config, tag=event.tag)
        self._drivers[event.number] = event.driver
        self._counts[TrialState.RUNNING] += 1
        if self._moved and not self.space.contains(event.config):
            self._outside.add(event.number)
            self._counts_outside[TrialState.RUNNING] += 1

    def _take(self, event: Reassigned) -> None:
        if event.number in self._drivers:
            if event.begun:
                self._begins[event.number] = self.begins(event.number) + 1
            elif self._drivers[event.number] == event.driver:
                self._launches[event.number] = self.launches(event.number) + 1
            self._drivers[event.number] = event.driver

    def _finish(self, event: Finished) -> None:
        asked = self[event.number]
        trial = replace(
            asked,
            state=event.state,
            values=event.values,
            seconds=event.seconds,
            error=event.error,
            constraints=event.constraints,
            notes=event.notes,
            prune_reason=event.prune_reason,
        )
        self._trials[event.number] = trial
        self._drivers.pop(event.number, None)
        for counts in (self._counts, self._counts_outside)[: 1 + (event.number in self._outside)]:
            counts[TrialState.RUNNING] -= 1
            counts[event.state] += 1
        self._consider(trial)

    def _report(self, event: Reported) -> None:
        trial = self._trials[event.number] if event.number in self else None
        steps = self._steps.setdefault(event.number, set())
        if trial is not None and trial.state is TrialState.RUNNING and event.step not in steps:
            steps.add(event.step)
            self._launches.pop(event.number, None)
            self._begins.pop(event.number, None)
            self._trials[event.number] = replace(trial, reports=(*trial.reports, (event.step, event.value)))

    def _consider(self, trial: Trial) -> None:
        """Update the best trial: by violation, then by value, then by number."""
        if trial.values is None or trial.number in self._outside:
            return
        if self._best is None or _merit(trial) < _merit(self._best):
            self._best = trial

    def _move(self, space: Space) -> None:
        self.space = space
        self._moved = True
        self._outside = {trial.number for trial in self if not space.contains(trial.config)}
        states = [self[number].state for number in self._outside]
        self._counts_outside = {state: states.count(state) for state in TrialState}
        self._best = None
        for trial in self:
            self._consider(trial)

    def __len__(self) -> int:
        return sum(self._counts.values())

    def __iter__(self) -> Iterator[Trial]:
        return (trial for trial in self._trials if trial is not None)

    def __getitem__(self, number: int) -> Trial:
        trial = self._trials[number] if 0 <= number < len(self._trials) else None
        if trial is None and not self._trials:
            raise InvalidInput(f"there is no trial {number}; the study has none yet: ask() for one, or run optimize().")
        if trial is None:
            raise InvalidInput(f"there is no trial {number}; the study has the numbers 0 to {len(self._trials) - 1}.")
        return trial

    def __contains__(self, number: object) -> bool:
        return isinstance(number, int) and 0 <= number < len(self._trials) and self._trials[number] is not None

    @property
    def best(self) -> Trial | None:
        """Valid complete trial with the smallest first objective; of equal ones, the earliest trial.

        Feasible trials rank first. Without a feasible trial, it is the trial of smallest violation.
        """
        return self._best

    @property
    def finished(self) -> int:
        """Number of complete, pruned and failed trials that are valid in the present space."""
        return sum(self.count(state) for state in TrialState if state is not TrialState.RUNNING)

    @property
    def outside(self) -> frozenset[int]:
        """Numbers of the trials that are not valid in the present space."""
        return frozenset(self._outside)

    @property
    def running(self) -> Mapping[int, str]:
        """Number of each running trial -> its present or last driver."""
        return self._drivers

    def launches(self, number: int) -> int:
        """Return the number of restarts of a paused trial since its last report."""
        return self._launches.get(number, 0)

    def begins(self, number: int) -> int:
        """Return the number of beginnings of a trial under drivers that took it over, since its last report."""
        return self._begins.get(number, 0)

    def has_report(self, number: int, step: int) -> bool:
        """Return True if the trial has reported the step."""
        return step in self._steps.get(number, ())

    def count(self, state: TrialState) -> int:
        """Return the number of trials in a state that are valid in the present space."""
        return self._counts[state] - self._counts_outside[state]

    def counts_for(self, event: Event) -> bool:
        """Return True unless the event belongs to a trial that is not valid in the present space."""
        return not (isinstance(event, Suggested | Reported | Finished) and event.number in self._outside)

    def errors(self) -> Sequence[tuple[str, int]]:
        """Return the reasons of failure in the present space with their counts, the most frequent first."""
        found: dict[str, int] = {}
        for trial in self:
            if trial.state is TrialState.FAILED and trial.number not in self._outside:
                reason = trial.error or "no reason was given"
                found[reason] = found.get(reason, 0) + 1
        return sorted(found.items(), key=lambda item: -item[1])


def _merit(trial: Trial) -> tuple[float, float, int]:
    assert trial.values is not None, "only complete trials are compared"
    return trial.violation, trial.values[0], trial.number
