"""One sampler state per rung: a model-based sampler learns from the highest rung with enough results.

The value after three epochs and the value after eighty are related, but values of different functions. So the sampler
has one state per rung. In the state of a rung, a trial is complete with its value on that rung. The sampler suggests
from the highest rung with at least d + 3 results, for d parameters. Without such a rung, it suggests from the rung with
the most results. A trial stopped before a rung counts as pruned in the rung's state. A complete trial without a value
on a rung is left out of the rung's state. Either its bracket has no such rung (`Hyperband`), or `Study.tell` added its
result without reports.

Source: Falkner, Klein and Hutter (2018), BOHB, section 4.1: N_min = d + 1 points, and two more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from seasoned.samplers.auto import Auto
from seasoned.samplers.base import Sampler, Suggestion
from seasoned.samplers.bayes.sampler import Bayes
from seasoned.samplers.tpe import TPE
from seasoned.trials import Finished, Reported, Suggested, TrialState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seasoned.fidelity.base import Fidelity
    from seasoned.trials import Event, StudySpec

__all__ = ["ByRung", "Views", "ask_all", "with_rungs"]


@dataclass(frozen=True, slots=True)
class Views:
    """States of the sampler, one per rung.

    Attributes:
        enough: Number of results that a rung needs before it is modelled.
        states: One sampler state per rung.
        results: Number of results on each rung.
        reached: Running trial -> its progress, in the form of the owning sampler: number of rungs, or reports.
        begins: Number of the study's first trial in its present space.
    """

    enough: int
    states: tuple[Any, ...]
    results: tuple[int, ...]
    reached: Mapping[int, Any] = field(default_factory=dict)
    begins: int = 0

    @property
    def chosen(self) -> int:
        """Index of the modelled rung."""
        fullest = max(range(len(self.results)), key=self.results.__getitem__)
        return max((rung for rung, count in enumerate(self.results) if count >= self.enough), default=fullest)

    @classmethod
    def first(cls, sampler: Sampler[Any], spec: StudySpec, count: int) -> Views:
        """Return the states before any trial."""
        return cls(len(spec.space) + 3, (sampler.init(spec),) * count, (0,) * count, begins=spec.first)

    def ask(self, sampler: Sampler[Any], numbers: Sequence[int]) -> tuple[Sequence[Suggestion], Views]:
        """Return suggestions from the modelled rung, whose index is stored in their tags, and the new state."""
        rung = self.chosen
        given, after = sampler.ask(self.states[rung], numbers)
        tagged = [Suggestion(one.config, {"rung": rung, "tag": one.tag}) for one in given]
        return tagged, replace(self, states=(*self.states[:rung], after, *self.states[rung + 1 :]))

    def tell(
        self,
        sampler: Sampler[Any],
        heard: Sequence[Sequence[Event]],
        results: Sequence[int],
        reached: Mapping[int, Any],
    ) -> Views:
        """Return the states with `heard`, one sequence of events per rung, folded in."""
        states = (sampler.tell(one, news) if news else one for one, news in zip(self.states, heard, strict=True))
        return replace(self, states=tuple(states), results=tuple(results), reached=reached)


@dataclass(frozen=True, slots=True)
class ByRung(Sampler[Views]):
    """Sampler that models the highest rung with enough results.

    Attributes:
        sampler: The model-based sampler.
        levels: Steps of the rungs, in increasing order; a complete trial reaches the last one.
        rule: Fidelity rule that assigns rungs to trials; None if every trial has all rungs.

    Example:
        >>> from seasoned.samplers import TPE
        >>> ByRung(TPE(), (1, 9, 81)).levels
        (1, 9, 81)
    """

    sampler: Sampler[Any]
    levels: tuple[int, ...]
    rule: Fidelity[Any] | None = None

    def init(self, spec: StudySpec) -> Views:
        """Return one initial sampler state per rung."""
        return Views.first(self.sampler, spec, len(self.levels))

    def ask(self, state: Views, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], Views]:
        """Return suggestions from the modelled rung."""
        return state.ask(self.sampler, numbers)

    def tell(self, state: Views, events: Sequence[Event]) -> Views:
        """Fold the events into the state of each rung."""
        heard: list[list[Event]] = [[] for _ in self.levels]
        results, reached = list(state.results), dict(state.reached)
        for event in events:
            if isinstance(event, Suggested):
                reached[event.number] = 0
                ask_all(heard, event)
            elif isinstance(event, Reported) and event.number in reached:
                passed = sum(event.step >= level for level in self.levels[:-1])
                for rung in range(reached[event.number], passed):
                    here = rung == passed - 1 or rung >= self._skipped(event.number - state.begins)
                    heard[rung].append(_result(event) if here else _gone(event.number))
                    results[rung] += here and math.isfinite(event.value)
                reached[event.number] = max(passed, reached[event.number])
            elif isinstance(event, Finished) and event.number in reached:
                failed, last = event.state is TrialState.FAILED, len(self.levels) - 1
                pruned_from = self._skipped(event.number - state.begins) if event.state is TrialState.PRUNED else last
                for rung in range(reached.pop(event.number), len(self.levels)):
                    here = failed or rung >= pruned_from
                    heard[rung].append(event if here else _gone(event.number))
                    results[rung] += here and event.state is TrialState.COMPLETE
        return state.tell(self.sampler, heard, results, reached)

    def _skipped(self, place: int) -> int:
        """Number of lowest rungs that the trial at `place` does not have."""
        return 0 if self.rule is None or place < 0 else self.levels.index(self.rule.rungs_of(place)[0])

    def capacity(self, state: Views) -> int | None:
        """Return the capacity of the inner sampler."""
        return self.sampler.capacity(state.states[0])


def ask_all(heard: Sequence[list[Event]], event: Suggested) -> None:
    """Append the event to every rung's events; only the rung that suggested the trial gets the sampler's own tag."""
    tag = event.tag or {}
    for rung, events in enumerate(heard):
        note = tag.get("tag") if tag.get("rung") == rung else None
        events.append(Suggested(event.number, event.config, note, event.driver))


def _gone(number: int) -> Finished:
    """End event of a trial without a value on a rung: the trial leaves the rung's state without a result."""
    return Finished(number, TrialState.RUNNING)


def _result(event: Reported) -> Finished:
    if not math.isfinite(event.value):
        return Finished(event.number, TrialState.FAILED, error="its value is not finite")
    return Finished(event.number, TrialState.COMPLETE, (event.value,))


def with_rungs(sampler: Sampler[Any], fidelity: Fidelity[Any]) -> Sampler[Any]:
    """Return the sampler for use with a fidelity rule: model-based ones are wrapped in `ByRung`, others unchanged."""
    if isinstance(sampler, Bayes | TPE | Auto) and len(fidelity.levels) > 1:
        return ByRung(sampler, fidelity.levels, fidelity, warm_start=sampler.warm_start)
    return sampler
