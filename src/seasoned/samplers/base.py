"""Interface of a sampler: three pure functions over an explicit state.

    state = sampler.init(spec)
    suggestions, state = sampler.ask(state, numbers)
    state = sampler.tell(state, events)

The settings are the fields of a frozen dataclass. The state contains everything else and is a fold of the study's
events. `samplers/checks.py` tests every sampler against three laws:

1. `tell(s, a + b) == tell(tell(s, a), b)`, and no argument is modified.
2. A suggestion depends only on the specification, the trial's number, the events folded so far and the preceding
   numbers of the same call. Randomness comes from `generator(spec, number)`, never from a stream. Two drivers in the
   same state have different numbers, so they draw different points.
3. `ask` stores information about a suggestion only in the suggestion's tag, which the `Suggested` event contains. So
   folding a stored log rebuilds the live state, and a resumed study needs only the log.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, SupportsIndex, TypeVar

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.trials import Config, StudySpec, WarmStart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seasoned.trials import Event

__all__ = ["Sampler", "Suggestion", "check_whole", "generator", "next_of_plan"]

State = TypeVar("State")


class Suggestion(NamedTuple):
    """Suggested configuration.

    Attributes:
        config: A valid configuration.
        tag: Data that the sampler stores with the trial, in JSON types.
    """

    config: Config
    tag: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Sampler(ABC, Generic[State]):
    """Sampler: suggests configurations. Subclasses are final, frozen dataclasses; their fields are their settings.

    Attributes:
        warm_start: Prior knowledge before the first trial; stored with the study at its start.
    """

    warm_start: WarmStart = field(default=WarmStart(), kw_only=True)

    @abstractmethod
    def init(self, spec: StudySpec) -> State:
        """Return the state before any event. Raises InvalidInput if this sampler cannot search the space."""

    @abstractmethod
    def ask(self, state: State, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], State]:
        """Return one suggestion per trial number, and the new state. The caller has reserved the numbers."""

    @abstractmethod
    def tell(self, state: State, events: Sequence[Event]) -> State:
        """Return the state after the events of all drivers, in log order."""

    def reuse(self, state: State, after: State) -> State:  # noqa: ARG002 - for samplers that keep something
        """Return `state` with the results that `ask` computed from ended trials and that later calls can reuse.

        It is for a caller that adds the running trials anew before each `ask`.

        Args:
            state: The state after all events so far, without running trials.
            after: The state that `ask` returned, with running trials.
        """
        return state

    @abstractmethod
    def capacity(self, state: State) -> int | None:
        """Return the total number of trials that the sampler can suggest; None for no limit."""


def next_of_plan(spec: StudySpec, number: int) -> tuple[Config | None, int]:
    """Return the warm start's configuration for a trial, or the index of its point in the sampler's plan.

    Returns:
        The configuration and 0, or None and the index k. A number from an earlier space of the study, whose driver died
        before asking, has no place in the plan and gets a random configuration.
    """
    place = number - spec.first
    if place < 0:
        return Config(spec.space.sample(generator(spec, number))), 0
    first = spec.warm_start.configurations
    return (Config(first[place]), 0) if place < len(first) else (None, place - len(first))


def check_whole(**settings: object) -> None:
    """Raise InvalidInput for a setting that is neither None nor an integer, such as 20.0.

    Example:
        >>> check_whole(population=20, startup=None)
    """
    for name, value in settings.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, SupportsIndex)):
            raise InvalidInput(f"{name} is {value!r}; give a whole number.")


def generator(spec: StudySpec, number: int) -> np.random.Generator:
    """Return the random generator of one trial."""
    return np.random.default_rng((spec.seed, number))
