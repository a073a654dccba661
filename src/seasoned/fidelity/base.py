"""The interface of a rule of fidelity: pure functions over an explicit state, as in `samplers/base.py`.

    state = rule.init(spec)
    state = rule.tell(state, events)
    decision = rule.decide(state, number, step)      and rule.budget(state, number): the step to reach

A trial reports its value step by step (epochs, boosting rounds, folds); a rule decides whether it goes on. The settings
are a frozen dataclass, all memory is in the state, and the state is a fold of the study's events. Three laws follow,
and `fidelity/checks.py` holds every rule to them:

1. `tell(s, a + b) == tell(tell(s, a), b)`, and no argument is modified. The time at which other trials were asked does
   not matter: what a trial is compared with follows from its number.
2. The decision on a report is fixed by its place in the log: `tell` judges, `decide` looks up. So all drivers of a
   study agree, and a study that was killed resumes with the same rungs. Only the decision on a paused trial may change.
3. No trial is stopped before the first step at which the rule compares, nor one that is the best so far at every step.

Values are minimised in here. A value that is not finite is stored as NaN, and counts as worse than every number.
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, SupportsIndex, TypeVar

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from seasoned.trials import Event, StudySpec

__all__ = ["Decision", "Fidelity", "as_whole", "check_steps", "ladder", "rank_value"]

State = TypeVar("State")


class Decision(StrEnum):
    """What becomes of a trial after a report."""

    GO_ON = "go on"
    STOP = "stop"  # it is pruned
    PAUSE = "pause"  # it leaves its worker and keeps its checkpoint; it may be promoted, else it is pruned at the end
    PROMOTE = "promote"  # it was paused and shall go on to the next budget


@dataclass(frozen=True, slots=True)
class Fidelity(ABC, Generic[State]):
    """Decides how far a trial is run. Subclasses are final, frozen dataclasses; their fields are their settings."""

    @property
    @abstractmethod
    def levels(self) -> tuple[int, ...]:
        """The steps at which trials are compared, rising; the last one is that of a complete trial."""

    def rungs_of(self, place: int) -> tuple[int, ...]:  # noqa: ARG002 - it is for rules with brackets
        """The levels of the trial at this place, counted from the study's first; all of them unless overridden."""
        return self.levels

    @abstractmethod
    def init(self, spec: StudySpec) -> State:
        """The state before any event."""

    @abstractmethod
    def tell(self, state: State, events: Sequence[Event]) -> State:
        """The state after the events of all drivers, in log order."""

    @abstractmethod
    def decide(self, state: State, number: int, step: int) -> Decision:
        """What becomes of the trial whose latest report was that of `step`; for a paused trial, as of this state."""

    def due(self, state: State) -> Collection[int] | None:  # noqa: ARG002 - it is for rules that keep this set
        """Running trials that their latest report paused and whose decision is no longer "pause"; None if not kept.

        It spares the study a check of every paused trial whenever a worker is free. A rule that pauses trials keeps
        this set in its state, so that a look-up costs no more than what it finds; without it, each is checked in turn.
        """
        return None

    @abstractmethod
    def budget(self, state: State, number: int) -> int:
        """The step that the trial shall reach when it runs next."""


def ladder(lowest: int, highest: int, eta: float) -> tuple[int, ...]:
    """Rungs: min, min * eta, min * eta^2 and so on below max, then max.

    Example:
        >>> ladder(1, 81, 3)
        (1, 3, 9, 27, 81)
    """
    levels = [lowest]
    while (level := math.ceil(lowest * eta ** len(levels) - 1e-9)) < highest:
        levels.append(level)
    return tuple(dict.fromkeys([*levels, highest]))


def as_whole(rule: object, *names: str) -> None:
    """Keep settings that are whole numbers of another kind, such as numpy's, as Python's."""
    for name in names:
        value = getattr(rule, name)
        if isinstance(value, SupportsIndex) and not isinstance(value, bool):
            object.__setattr__(rule, name, operator.index(value))  # a frozen dataclass cleans its fields once


def check_steps(lowest: int, highest: int, eta: float | None = None) -> None:
    """Raise InvalidInput unless 1 <= min <= max, whole numbers, and eta is at least 2."""
    for name, value in (("min", lowest), ("max", highest)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidInput(f"{name} is {value!r}; give a whole number of steps of at least 1.")
    if lowest > highest:
        raise InvalidInput(f"min is {lowest} and max is {highest}; give a min that is not above max.")
    if eta is not None and not (isinstance(eta, int | float) and 2 <= eta < math.inf):
        raise InvalidInput(f"eta is {eta!r}; give the factor between two rungs, at least 2.")


def check_count(name: str, value: int) -> None:
    """Raise InvalidInput unless a setting is a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInput(f"{name} is {value!r}; give a whole number of at least 1.")


def rank_value(value: float) -> float:
    """A reported value for comparison: infinity if it is not finite."""
    return value if math.isfinite(value) else math.inf
