"""Which results a model-based sampler learns from: those of the highest rung that has enough of them.

A value after three epochs says something about the value after eighty, but it is that of another function. So the
sampler gets one state per rung, in which a trial is complete with the value that it had there. It is asked in the state
of the highest rung with at least d + 3 results or, if there is none, of that with most. A trial that was stopped before
a rung counts as pruned there. A trial that is complete without a value there, for its bracket has no such rung
(`Hyperband`) or its result was told from elsewhere, is left out there, because its value is that of another function.

Source: Falkner, Klein and Hutter (2018), BOHB, section 4.1 (N_min = d + 1 points and two more).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from seasoned.samplers.auto import Auto
from seasoned.samplers.base import Sampler, Suggestion
from seasoned.samplers.bayes.sampler import Bayes
from seasoned.samplers.tpe import TPE
from seasoned.trials import Asked, Finished, Reported, TrialState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seasoned.fidelity.base import Fidelity
    from seasoned.trials import Event, StudySpec

__all__ = ["ByRung", "Views", "ask_all", "with_rungs"]


@dataclass(frozen=True, slots=True)
class Views:
    """One state of the sampler per rung.

    Attributes:
        enough: Results that a rung needs before it is modelled.
        states: The sampler's states.
        results: How many results each rung has.
        reached: Running trial -> how far it has got, as the sampler that keeps this counts it: rungs, or its reports.
        begins: Number of the study's first trial in its present space.
    """

    enough: int
    states: tuple[Any, ...]
    results: tuple[int, ...]
    reached: Mapping[int, Any] = field(default_factory=dict)
    begins: int = 0

    @property
    def chosen(self) -> int:
        """The rung that is modelled."""
        fullest = max(range(len(self.results)), key=self.results.__getitem__)
        return max((rung for rung, count in enumerate(self.results) if count >= self.enough), default=fullest)

    @classmethod
    def first(cls, sampler: Sampler[Any], spec: StudySpec, count: int) -> Views:
        """Before any trial."""
        return cls(len(spec.space) + 3, (sampler.init(spec),) * count, (0,) * count, begins=spec.first)

    def ask(self, sampler: Sampler[Any], numbers: Sequence[int]) -> tuple[Sequence[Suggestion], Views]:
        """What the sampler suggests from the chosen rung; the tag says which that was."""
        rung = self.chosen
        given, after = sampler.ask(self.states[rung], numbers)
        tagged = [Suggestion(one.config, {"rung": rung, "tag": one.tag}) for one in given]
        return tagged, replace(self, states=(*self.states[:rung], after, *self.states[rung + 1 :]))

    def told(
        self,
        sampler: Sampler[Any],
        heard: Sequence[Sequence[Event]],
        results: Sequence[int],
        reached: Mapping[int, Any],
    ) -> Views:
        """After each rung has heard its events."""
        states = (sampler.tell(one, news) if news else one for one, news in zip(self.states, heard, strict=True))
        return replace(self, states=tuple(states), results=tuple(results), reached=reached)


@dataclass(frozen=True, slots=True)
class ByRung(Sampler[Views]):
    """A sampler that models the highest rung with enough results.

    Attributes:
        sampler: The sampler that proposes.
        levels: The rungs' steps, rising; the last is that of a complete trial.
        rule: Says which of these rungs each trial has; all of them if None.

    Example:
        >>> from seasoned.samplers import TPE
        >>> ByRung(TPE(), (1, 9, 81)).levels
        (1, 9, 81)
    """

    sampler: Sampler[Any]
    levels: tuple[int, ...]
    rule: Fidelity[Any] | None = None

    def init(self, spec: StudySpec) -> Views:
        """The sampler's first state for each rung."""
        return Views.first(self.sampler, spec, len(self.levels))

    def ask(self, state: Views, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], Views]:
        """What the sampler suggests from the chosen rung."""
        return state.ask(self.sampler, numbers)

    def tell(self, state: Views, events: Sequence[Event]) -> Views:
        """Tell each rung's state what happened there."""
        heard: list[list[Event]] = [[] for _ in self.levels]
        results, reached = list(state.results), dict(state.reached)
        for event in events:
            if isinstance(event, Asked):
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
        return state.told(self.sampler, heard, results, reached)

    def _skipped(self, place: int) -> int:
        """How many of the lowest rungs the trial at this place does not have."""
        return 0 if self.rule is None or place < 0 else self.levels.index(self.rule.rungs_of(place)[0])

    def capacity(self, state: Views) -> int | None:
        """The sampler's."""
        return self.sampler.capacity(state.states[0])


def ask_all(heard: Sequence[list[Event]], event: Asked) -> None:
    """Tell all rungs of the trial; the sampler's own tag goes only to the rung from which the trial was suggested."""
    tag = event.tag or {}
    for rung, events in enumerate(heard):
        note = tag.get("tag") if tag.get("rung") == rung else None
        events.append(Asked(event.number, event.config, note, event.driver))


def _gone(number: int) -> Finished:
    """The end, on a rung, of a trial that has no value there: it no longer runs there, and teaches nothing."""
    return Finished(number, TrialState.RUNNING)


def _result(event: Reported) -> Finished:
    if not math.isfinite(event.value):
        return Finished(event.number, TrialState.FAILED, error="its value is not finite")
    return Finished(event.number, TrialState.COMPLETE, (event.value,))


def with_rungs(sampler: Sampler[Any], fidelity: Fidelity[Any]) -> Sampler[Any]:
    """The sampler as it is used with the rule: model-based ones learn by rung, others are told of pruned trials."""
    if isinstance(sampler, Bayes | TPE | Auto) and len(fidelity.levels) > 1:
        return ByRung(sampler, fidelity.levels, fidelity, warm_start=sampler.warm_start)
    return sampler
