"""Random search: each trial is uniform on the unit cube and independent of all others.

Bergstra and Bengio (2012), Random search for hyper-parameter optimization, JMLR 13.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seasoned.samplers.base import Sampler, Suggestion, generator, next_of_plan
from seasoned.trials import Config, StudySpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seasoned.trials import Event

__all__ = ["Random"]


@dataclass(frozen=True, slots=True)
class Random(Sampler[StudySpec]):
    """Random search: uniform, independent draws; the baseline of every comparison.

    Example:
        >>> from seasoned import Float, Space, minimize
        >>> best = minimize(lambda config: config["x"] ** 2, Space(x=Float(-1, 1)), trials=20, sampler=Random(), seed=0)
        >>> best.value < 0.1
        True
    """

    def init(self, spec: StudySpec) -> StudySpec:
        """Return the specification, which is the whole state."""
        return spec

    def ask(self, state: StudySpec, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], StudySpec]:
        """Suggest the warm start's configurations, then random draws."""
        suggestions = []
        for number in numbers:
            config, _ = next_of_plan(state, number)
            drawn = Config(state.space.sample(generator(state, number))) if config is None else config
            suggestions.append(Suggestion(drawn))
        return suggestions, state

    def tell(self, state: StudySpec, events: Sequence[Event]) -> StudySpec:  # noqa: ARG002 - the draws are independent
        """Return the state unchanged."""
        return state

    def capacity(self, state: StudySpec) -> int | None:  # noqa: ARG002 - whatever the space
        """Return None: no limit."""
        return None
