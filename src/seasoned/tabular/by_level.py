"""Which results a family's sampler learns from where trials are judged on samples of the rows first."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from seasoned.samplers.base import Sampler, Suggestion
from seasoned.trials import Asked, Finished, Reported, TrialState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seasoned.trials import Event, StudySpec

__all__ = ["ByLevel"]


@dataclass(frozen=True, slots=True)
class _State:
    """One state of the sampler for each level.

    Attributes:
        enough: Results that a level needs before it is modelled.
        states: The sampler's states.
        results: How many trials each level has seen.
        reports: Running trial -> rows -> loss.
    """

    enough: int
    states: tuple[Any, ...]
    results: tuple[int, ...]
    reports: Mapping[int, Mapping[int, float]] = field(default_factory=dict)

    @property
    def chosen(self) -> int:
        """The highest level with enough results; the lowest where none has."""
        return max((level for level, count in enumerate(self.results) if count >= self.enough), default=0)


@dataclass(frozen=True, slots=True)
class ByLevel(Sampler[_State]):
    """A sampler that models one level: losses after different numbers of rows are never mixed, nor are their seconds.

    As `fidelity/modelling.py` has it for steps of training, but here every level is a fit of its own: of a trial's
    seconds a level gets the part that its rows are of all rows that were fitted. That is known at the trial's end, so
    until then it counts as running.

    Attributes:
        sampler: What proposes.
        rows: Training rows of each level, rising; the last is that of a complete trial.
        fits: Fits on all rows that a complete trial takes: its folds.

    Example:
        >>> from seasoned.samplers import Random
        >>> ByLevel(Random(), (1_000, 3_000, 9_000), 3).shares(2)
        (0.25, 0.75, 0.0)
    """

    sampler: Sampler[Any]
    rows: tuple[int, ...]
    fits: int = 1

    def init(self, spec: StudySpec) -> _State:
        """The sampler's first state for each level."""
        count = len(self.rows)
        return _State(len(spec.space) + 3, (self.sampler.init(spec),) * count, (0,) * count)

    def ask(self, state: _State, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], _State]:
        """What the sampler suggests from the chosen level; the tag says which that was."""
        level = state.chosen
        given, after = self.sampler.ask(state.states[level], numbers)
        tagged = [Suggestion(one.config, {"level": level, "tag": one.tag}) for one in given]
        return tagged, replace(state, states=(*state.states[:level], after, *state.states[level + 1 :]))

    def tell(self, state: _State, events: Sequence[Event]) -> _State:
        """Tell each level what happened there."""
        heard: list[list[Event]] = [[] for _ in self.rows]
        results, reports = list(state.results), dict(state.reports)
        for event in events:
            if isinstance(event, Asked):
                reports[event.number] = {}
                for level, told in enumerate(heard):
                    told.append(replace(event, tag=_note(event.tag, level)))
            elif isinstance(event, Reported) and event.number in reports:
                reports[event.number] = {event.step: event.value, **reports[event.number]}
            elif isinstance(event, Finished) and event.number in reports:
                ends = self._ends(event, reports.pop(event.number))
                for level, end in enumerate(ends):
                    heard[level].append(end)
                    results[level] += end.state is TrialState.COMPLETE
        told_all = tuple(
            self.sampler.tell(one, news) if news else one for one, news in zip(state.states, heard, strict=True)
        )
        return _State(state.enough, told_all, tuple(results), reports)

    def _ends(self, event: Finished, reports: Mapping[int, float]) -> list[Finished]:
        """How the trial ended on each level."""
        reached = (
            sum(rows in reports for rows in self.rows[:-1]) if event.state is TrialState.PRUNED else len(self.rows)
        )
        found = []
        for rows, share in zip(self.rows, self.shares(reached), strict=True):
            seconds = None if event.seconds is None else share * event.seconds
            if rows == self.rows[-1] or event.state is TrialState.FAILED or not share:
                found.append(replace(event, seconds=seconds))
            elif math.isfinite(reports.get(rows, math.nan)):
                found.append(Finished(event.number, TrialState.COMPLETE, (reports[rows],), seconds))
            else:
                found.append(Finished(event.number, TrialState.FAILED, None, seconds, "its loss is not known there"))
        return found

    def shares(self, reached: int) -> tuple[float, ...]:
        """The part of a trial's seconds that each level took, if it reached so many of them."""
        spent = [rows if level < reached else 0 for level, rows in enumerate(self.rows)]
        spent[-1] *= self.fits
        total = sum(spent)
        return tuple(rows / total if total else 0.0 for rows in spent)

    def capacity(self, state: _State) -> int | None:
        """The sampler's."""
        return self.sampler.capacity(state.states[0])


def _note(tag: Mapping[str, Any] | None, level: int) -> Any:
    """The sampler's own note, for the level that it was written on."""
    return tag.get("tag") if tag is not None and tag.get("level") == level else None
