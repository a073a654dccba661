"""Grid search: all combinations of a few values per parameter, branch by branch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.samplers._enumeration import Combinations, combinations
from seasoned.samplers.base import Sampler, Suggestion, check_whole, generator, next_of_plan
from seasoned.space import Choice, Space
from seasoned.space.grid_values import values_between
from seasoned.space.parameters import key_of
from seasoned.trials import Config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.trials import Event, StudySpec

__all__ = ["Grid"]

_MOST_LISTED: Final = 500_000  # largest grid that is listed, to shuffle it or to remove forbidden combinations
_MOST_COMPARED: Final = 20_000  # largest grid from which the configurations of a warm start are removed


@dataclass(frozen=True, slots=True, eq=False)
class GridState:
    """Grid of a space.

    Attributes:
        spec: Specification of the study.
        grid: The combinations, each computed from its index.
        order: Indices of the combinations to try, in order, shape (n,); None for all in the grid's order.
    """

    spec: StudySpec
    grid: Combinations
    order: NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class Grid(Sampler[GridState]):
    """Grid search: every combination is tried once; the study ends after the last one.

    A Categorical contributes all its values, a Choice all its branches. An Int, or a Float with a step, contributes all
    its values if their number is at most the resolution. Other parameters contribute evenly spread values, both ends
    included. In a grid of at most 20,000 combinations, the configurations of a warm start are not tried again.

    Args:
        resolution: Number of values per numeric parameter; or a number by dotted name, such as
            `{"lr": 5, "optimizer.sgd.momentum": 3}`, with 10 for the others.
        shuffle: True to try the combinations in random order, so that a study stopped early covers the whole grid.

    Raises:
        InvalidInput: From `init`, if a resolution is not an integer of at least 1 or names no numeric parameter. Also
            if more than 500,000 combinations are to be shuffled or checked for forbidden ones, or all are forbidden.

    Example:
        >>> from seasoned import Categorical, Int, Space, minimize
        >>> space = Space(a=Int(1, 3), b=Categorical(["x", "y"]))
        >>> minimize(lambda config: config["a"] + (config["b"] == "x"), space, trials=100, sampler=Grid()).config
        {'a': 1, 'b': 'y'}
    """

    resolution: int | Mapping[str, int] = 10
    shuffle: bool = False

    def init(self, spec: StudySpec) -> GridState:
        """Return the state with the grid."""
        resolutions = self._resolutions(spec.space)
        grid = combinations(spec.space, lambda name, parameter: values_between(parameter, resolutions.get(name, 1)))
        order, first = None, {key_of(spec.space.check(config)) for config in spec.warm_start.configurations}
        if self.shuffle or _has_forbidden(spec.space) or (first and grid.size <= _MOST_COMPARED):
            if grid.size > _MOST_LISTED:
                raise InvalidInput(
                    f"the grid has {grid.size} combinations, over {_MOST_LISTED}, too many to shuffle or to check for "
                    "forbidden ones; lower the resolution or use Random()."
                )
            order = np.arange(grid.size, dtype=np.int64)
            if _has_forbidden(spec.space):
                order = order[[spec.space.contains(grid[index]) for index in range(grid.size)]]
            if first and grid.size <= _MOST_COMPARED:  # the warm start is tried before the grid
                order = order[[key_of(spec.space.check(grid[index])) not in first for index in order.tolist()]]
            if self.shuffle:
                np.random.default_rng(spec.seed).shuffle(order)
            if not len(order) and not first:
                raise InvalidInput("forbidden clauses leave none of the grid's combinations; give a higher resolution.")
        return GridState(spec, grid, order)

    def _resolutions(self, space: Space) -> Mapping[str, int]:
        numeric = [d.name for d in space.dimensions if not hasattr(d.parameter, "choices")]
        given = self.resolution if isinstance(self.resolution, Mapping) else dict.fromkeys(numeric, self.resolution)
        for name, resolution in given.items():
            if name not in numeric:
                raise InvalidInput(
                    f"a resolution is given for {name!r}, which is not a numeric parameter; name only those in "
                    f"{numeric}."
                )
            check_whole(resolution=resolution)
            if resolution < 1:
                raise InvalidInput(f"the resolution of {name!r} is {resolution}; give at least 1.")
        return {name: given.get(name, 10) for name in numeric}

    def ask(self, state: GridState, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], GridState]:
        """Suggest the warm start's configurations, then the grid's."""
        suggestions = []
        for number in numbers:
            config, place = next_of_plan(state.spec, number)
            if config is None and place >= _size(state):  # released by a driver with another sampler
                config = Config(state.spec.space.sample(generator(state.spec, number)))
            if config is None:
                config = Config(state.grid[place if state.order is None else int(state.order[place])])
            suggestions.append(Suggestion(config))
        return suggestions, state

    def tell(self, state: GridState, events: Sequence[Event]) -> GridState:  # noqa: ARG002 - the grid is fixed
        """Return the state unchanged."""
        return state

    def capacity(self, state: GridState) -> int | None:
        """Return the number of the warm start's configurations plus the grid's combinations."""
        return len(state.spec.warm_start.configurations) + _size(state)


def _size(state: GridState) -> int:
    return state.grid.size if state.order is None else len(state.order)


def _has_forbidden(space: Space) -> bool:
    inner = (s for p in space.parameters.values() if isinstance(p, Choice) for s in p.options.values())
    return bool(space.forbidden) or any(_has_forbidden(other) for other in inner)
