"""Interface of a fidelity rule: pure functions over an explicit state, as in `samplers/base.py`.

    state = rule.init(spec)
    state = rule.tell(state, events)
    decision = rule.decide(state, number, step)      and rule.budget(state, number): the step to reach

A trial reports one value per step (epoch, boosting round, fold). The rule decides whether the trial continues. The
settings are the fields of a frozen dataclass. The state contains everything else and is a fold of the study's events.
`fidelity/checks.py` tests every rule against three laws:

1. `tell(s, a + b) == tell(tell(s, a), b)`, and no argument is modified. The times at which other trials were asked do
   not matter, because the competitors of a trial follow from its number.
2. The position of a report in the log fixes its decision: `tell` judges, `decide` looks the decision up. So all drivers
   of a study agree, and a study resumed after a kill has the same rungs. Only the decision on a paused trial may
   change.
3. No trial is stopped before the rule's first comparison step. No trial that is the best so far at every step is
   stopped.

Rules minimise. A value that is not finite is stored as NaN and ranks behind every number.
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
    """Decision on a trial after a report."""

    GO_ON = "go on"
    STOP = "stop"  # the trial is pruned
    PAUSE = "pause"  # the trial frees its worker; its checkpoint stays until it is promoted, or pruned at the end
    PROMOTE = "promote"  # the paused trial continues to the next budget


@dataclass(frozen=True, slots=True)
class Fidelity(ABC, Generic[State]):
    """Fidelity rule: decides on early stopping and budgets. Subclasses are final, frozen dataclasses of settings."""

    @property
    @abstractmethod
    def levels(self) -> tuple[int, ...]:
        """Steps at which trials are compared, in increasing order; a complete trial reaches the last one."""

    def rungs_of(self, place: int) -> tuple[int, ...]:  # noqa: ARG002 - it is for rules with brackets
        """Return the levels of the trial at `place`, counted from the study's first trial; by default all levels."""
        return self.levels

    @abstractmethod
    def init(self, spec: StudySpec) -> State:
        """Return the state before any event."""

    @abstractmethod
    def tell(self, state: State, events: Sequence[Event]) -> State:
        """Return the state after the events of all drivers, in log order."""

    @abstractmethod
    def decide(self, state: State, number: int, step: int) -> Decision:
        """Return the decision on a trial whose latest report was at `step`; for a paused trial, as of this state."""

    def ready(self, state: State) -> Collection[int] | None:  # noqa: ARG002 - it is for rules that keep this set
        """Running trials paused by their latest report and now to be promoted or stopped; None if not maintained.

        A rule that pauses trials maintains this set in its state. Without the set, the study checks every paused trial
        whenever a worker is free.
        """
        return None

    @abstractmethod
    def budget(self, state: State, number: int) -> int:
        """Return the step that the trial reaches in its next run."""


def ladder(lowest: int, highest: int, eta: float) -> tuple[int, ...]:
    """Return the rungs min, min * eta, min * eta^2, ... that are smaller than max, then max.

    Example:
        >>> ladder(1, 81, 3)
        (1, 3, 9, 27, 81)
    """
    levels = [lowest]
    while (level := math.ceil(lowest * eta ** len(levels) - 1e-9)) < highest:
        levels.append(level)
    return tuple(dict.fromkeys([*levels, highest]))


def as_whole(rule: object, *names: str) -> None:
    """Convert integer settings of other types, such as numpy integers, to `int` in place."""
    for name in names:
        value = getattr(rule, name)
        if isinstance(value, SupportsIndex) and not isinstance(value, bool):
            object.__setattr__(rule, name, operator.index(value))  # the dataclass is frozen; this runs in __post_init__


def check_steps(lowest: int, highest: int, eta: float | None = None) -> None:
    """Raise InvalidInput unless min and max are integers with 1 <= min <= max and eta is at least 2."""
    for name, value in (("min", lowest), ("max", highest)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidInput(f"{name} is {value!r}; give a whole number of steps of at least 1.")
    if lowest > highest:
        raise InvalidInput(f"min is {lowest} and max is {highest}; give a min that is not above max.")
    if eta is not None and not (isinstance(eta, int | float) and 2 <= eta < math.inf):
        raise InvalidInput(f"eta is {eta!r}; give the factor between two rungs, at least 2.")


def check_count(name: str, value: int) -> None:
    """Raise InvalidInput unless a setting is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInput(f"{name} is {value!r}; give a whole number of at least 1.")


def rank_value(value: float) -> float:
    """Return a reported value for comparison: infinity if it is not finite."""
    return value if math.isfinite(value) else math.inf
