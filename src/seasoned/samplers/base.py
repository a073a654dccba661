"""What a sampler is: three pure functions over an explicit state.

    state = sampler.init(spec)
    suggestions, state = sampler.ask(state, numbers)
    state = sampler.tell(state, events)

The settings are a frozen dataclass, all memory is in the state, and the state is a fold of the study's events. Three
laws follow, and `samplers/checks.py` holds every sampler to them:

1. `tell(s, a + b) == tell(tell(s, a), b)`, and no argument is modified.
2. A suggestion depends only on the specification, the trial's number, the events folded so far and the numbers before
   it that are asked for in the same call. Randomness comes from `generator(spec, number)`, never from a stream; two
   drivers in the same state hold different numbers, so they draw different points.
3. `ask` learns nothing that its `Asked` event does not hold: whatever it must remember of a suggestion goes into the
   suggestion's tag. So folding a stored log rebuilds the live state, and resuming needs nothing else.
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
    """What to try next.

    Attributes:
        config: A valid configuration.
        tag: What the sampler must remember with it, in JSON's types.
    """

    config: Config
    tag: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Sampler(ABC, Generic[State]):
    """Decides what to try. Subclasses are final, frozen dataclasses; their fields are their settings.

    Attributes:
        warm_start: What is known before the first trial; stored with the study when it begins.
    """

    warm_start: WarmStart = field(default=WarmStart(), kw_only=True)

    @abstractmethod
    def init(self, spec: StudySpec) -> State:
        """The state before any event. Raises InvalidInput if this sampler cannot search the space."""

    @abstractmethod
    def ask(self, state: State, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], State]:
        """One suggestion for each of the trial numbers, which the caller has reserved."""

    @abstractmethod
    def tell(self, state: State, events: Sequence[Event]) -> State:
        """The state after the events of all drivers, in log order."""

    def kept(self, state: State, after: State) -> State:  # noqa: ARG002 - for samplers that keep something
        """The state with what `ask` computed from ended trials, for a caller that tells of running ones at each ask.

        Args:
            state: The state after all that was told so far, without the running trials.
            after: The state that `ask` returned, which includes the running trials.
        """
        return state

    @abstractmethod
    def capacity(self, state: State) -> int | None:
        """How many trials there are in all, or None for no end."""


def next_of_plan(spec: StudySpec, number: int) -> tuple[Config | None, int]:
    """What a sampler with a fixed plan does for a trial: a configuration of the warm start, or the plan's k-th point.

    Returns:
        The warm start's configuration and 0, or None and k. A number from before the study moved to its present
        space (its driver died before asking) has no place in the plan and gets a random configuration.
    """
    place = number - spec.first
    if place < 0:
        return Config(spec.space.sample(generator(spec, number))), 0
    first = spec.warm_start.configurations
    return (Config(first[place]), 0) if place < len(first) else (None, place - len(first))


def check_whole(**settings: object) -> None:
    """Raise InvalidInput for a setting that is given and is no whole number, such as 20.0.

    Example:
        >>> check_whole(population=20, startup=None)
    """
    for name, value in settings.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, SupportsIndex)):
            raise InvalidInput(f"{name} is {value!r}; give a whole number.")


def generator(spec: StudySpec, number: int) -> np.random.Generator:
    """The source of all randomness of one trial."""
    return np.random.default_rng((spec.seed, number))
