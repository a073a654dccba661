"""What the evolutionary samplers share: evaluated points from a log, first populations, and genes of mixed kinds.

All of them are asynchronous: a trial's place in the study says which member of the population it is for, its tag says
what was drawn for it, and its result enters the population when it comes, in log order, whatever came before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.samplers.base import check_whole
from seasoned.space.parameters import Categorical, Int
from seasoned.trials import Asked, Config, Finished, StudySpec, TrialState

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from seasoned.space import Dimension, Space
    from seasoned.trials import Event

__all__ = [
    "Evaluated",
    "Genes",
    "Running",
    "affordable",
    "at_least_warm",
    "evaluations",
    "first_points",
    "is_first",
    "one_objective",
    "retried_of",
    "settled",
]


class Running(NamedTuple):
    """A trial that was asked and has not ended.

    Attributes:
        unit: Its point, shape (d,); coordinates not in use hold their defaults.
        note: What this sampler noted with it in the present space, or None.
    """

    unit: NDArray[np.float64]
    note: Any


class Evaluated(NamedTuple):
    """A trial that ended.

    Attributes:
        number: Its number.
        unit: Its point, shape (d,).
        note: What this sampler noted with it in the present space, or None.
        values: Its objectives, minimised; infinite if it failed or was pruned.
        violation: By how much it breaks the constraints; infinite if it failed or was pruned.
    """

    number: int
    unit: NDArray[np.float64]
    note: Any
    values: tuple[float, ...]
    violation: float

    @property
    def merit(self) -> tuple[float, float]:
        """Smaller is better, by Deb's feasibility rules: the lesser violation first, then the lesser objective."""
        return self.violation, self.values[0]


def evaluations(spec: StudySpec, running: dict[int, Running], events: Sequence[Event], key: str) -> Iterator[Evaluated]:
    """The trials that end in these events, in log order.

    Args:
        spec: What the study is.
        running: Trials that had been asked before; updated in place to those that run after the events.
        events: What happened.
        key: Where the sampler keeps its notes in a tag. Notes from before the study moved to its present space
            and those of other samplers are not passed on.
    """
    for event in events:
        if isinstance(event, Asked):
            noted = event.tag.get(key) if event.tag is not None and event.number >= spec.first else None
            running[event.number] = Running(spec.space.encode(event.config).unit, noted)
        elif isinstance(event, Finished) and event.number in running:
            unit, note = running.pop(event.number)
            if event.state is TrialState.RUNNING:
                continue  # it has left without a result
            if event.state is TrialState.COMPLETE and event.values is not None:
                yield Evaluated(event.number, unit, note, event.values, event.violation)
            else:
                yield Evaluated(event.number, unit, note, (float("inf"),) * len(spec.directions), float("inf"))


def one_objective(spec: StudySpec, name: str) -> None:
    """Raises InvalidInput if the study has several objectives."""
    if len(spec.directions) > 1:
        raise InvalidInput(
            f"{name} supports only one objective and the study has {len(spec.directions)}; use Genetic()."
        )


def settled(population: int | None, least: int, default: int) -> int:
    """The population's size: the setting if given, else the default. Raises InvalidInput below the least."""
    check_whole(population=population)
    if population is not None and population < least:
        raise InvalidInput(f"population is {population}; give at least {least}, or None to fit it to the budget.")
    return max(least, default if population is None else population)


def at_least_warm(spec: StudySpec, usual: int) -> int:
    """The usual size, or the warm start's, if that is larger: all that it gives is tried again, in half the budget."""
    return max(usual, affordable(spec))


def affordable(spec: StudySpec) -> int:
    """How much of the warm start's population is tried again: all of it, but in at most half of the budget."""
    warm = spec.warm_start
    half = len(warm.population) if spec.budget is None else (spec.budget - len(warm.configurations)) // 2
    return max(0, min(len(warm.population), half))


def first_points(spec: StudySpec, count: int, *, retried: int = 0) -> NDArray[np.float64]:
    """Where a population starts, shape (count, d): what the warm start gives, the default, a Latin hypercube.

    The default is left out where the warm start says what to try first, unless it only suggests (`only_suggests`).
    McKay, Beckman and Conover (1979), A comparison of three methods for selecting values of input variables,
    Technometrics 21.

    Args:
        spec: What the study is.
        count: How many points.
        retried: How many of the warm start's evaluated points to try again, the best first, after its population.
    """
    dimensions = len(spec.space)
    rng = np.random.default_rng((spec.seed, 0, dimensions))  # one number more than the seed of a trial's generator has
    strata = rng.permuted(np.tile(np.arange(count), (dimensions, 1)), axis=1).T
    points = (strata + rng.random((count, dimensions))) / max(count, 1)
    warm = spec.warm_start
    given = [spec.space.encode(spec.space.decode(point)).unit for point in warm.population]
    given += _worth_retrying(spec)[:retried]
    if not given and (warm.only_suggests or not (warm.configurations or warm.points)):
        given = [spec.space.encode(spec.space.default).unit]
    for index, point in enumerate(given[:count]):
        points[index] = point
    return points


def _worth_retrying(spec: StudySpec) -> list[NDArray[np.float64]]:
    """The warm start's evaluated points, the best first, without those that are also among its configurations."""
    warm, space = spec.warm_start, spec.space
    tried = {space.encode(config).unit.tobytes() for config in warm.configurations}
    order = sorted(range(len(warm.values)), key=warm.values.__getitem__)
    points = [space.encode(space.decode(warm.points[index])).unit for index in order]
    return [point for point in points if point.tobytes() not in tried]


def retried_of(spec: StudySpec, size: int) -> int:
    """How many evaluated points of the warm start a first population of that size tries again: half of what is free.

    They are tried again because values from elsewhere may not be comparable: a member that nothing here can beat would
    hold the search for ever, and a warm start must not end much worse than a cold one. If values are relative, the
    points that are tried as configurations join the population anyway; half a population from the same advice gains
    little where it is right and costs dozens of trials where it is wrong.
    """
    if spec.warm_start.only_suggests:
        return 0
    free = max(0, size - len(spec.warm_start.population))
    return min(len(_worth_retrying(spec)), (free + 1) // 2)


def is_first(spec: StudySpec, since: int, members: int, size: int) -> bool:
    """Whether the trial `since` places after the beginning of a first population belongs to it."""
    if not 0 <= since < size:
        return False
    return members < size or since < len(spec.warm_start.population) + retried_of(spec, size)


@dataclass(frozen=True, slots=True)
class Genes:
    """The coordinates of a space by kind, for arithmetic on points.

    Attributes:
        space: The space.
        nominal: Which coordinates have no order: a category, the option of a choice; shape (d,), bool.
        levels: How many values a coordinate has; 0 for a continuum; shape (d,), int.
        logarithmic: Which coordinates are whole numbers on a logarithmic scale; their bins differ in width.
        mixed: Whether any coordinate has no order.
        repeats: Whether any coordinate has countable values, so that points near one another may be the same trial.
        parents: Index of the choice above each coordinate, -1 at the root.
        bins: For each coordinate, the number of the parent's option under which it is in use.
        choices: Which coordinates select a branch.
        ends: End of the subtree under each coordinate: the index of the first later coordinate that is not in it.
        nested: Whether any coordinate selects a branch.
    """

    space: Space
    nominal: NDArray[np.bool_]
    levels: NDArray[np.int64]
    logarithmic: tuple[bool, ...]
    mixed: bool
    repeats: bool
    parents: tuple[int, ...]
    bins: tuple[int, ...]
    choices: tuple[bool, ...]
    ends: tuple[int, ...]
    nested: bool

    @staticmethod
    def of(space: Space) -> Genes:
        """The genes of a space."""
        dimensions = space.dimensions
        nominal = [isinstance(d.parameter, Categorical) and not d.parameter.ordered for d in dimensions]
        options = [() if d.parent < 0 else dimensions[d.parent].parameter.choices for d in dimensions]  # type: ignore[union-attr]  # a parent is a Categorical of options
        return Genes(
            space=space,
            nominal=np.array(nominal, dtype=np.bool_),
            levels=np.array([d.parameter.count or 0 for d in dimensions], dtype=np.int64),
            logarithmic=tuple(isinstance(d.parameter, Int) and d.parameter.log for d in dimensions),
            mixed=any(nominal),
            repeats=any(d.parameter.count is not None for d in dimensions),
            parents=tuple(d.parent for d in dimensions),
            bins=tuple(given.index(d.option) if given else 0 for d, given in zip(dimensions, options, strict=True)),
            choices=tuple(d.is_choice for d in dimensions),
            ends=tuple(_end(dimensions, index) for index in range(len(dimensions))),
            nested=any(d.is_choice for d in dimensions),
        )

    def bin_of(self, index: int, coordinate: float) -> int:
        """Which of its values a discrete coordinate stands for."""
        parameter = self.space.dimensions[index].parameter
        if self.logarithmic[index]:
            return int(parameter.from_unit(coordinate)) - int(parameter.low)  # type: ignore[arg-type,union-attr]  # an Int
        count = int(self.levels[index])
        return min(count - 1, int(coordinate * count))

    def centre(self, index: int, place: int) -> float:
        """The coordinate of one of its values, given by its number."""
        parameter = self.space.dimensions[index].parameter
        if self.logarithmic[index]:
            return parameter.to_unit(int(parameter.low) + place)  # type: ignore[union-attr]  # an Int
        return (place + 0.5) / int(self.levels[index])

    def beside(self, index: int, coordinate: float, *, up: bool) -> float:
        """The next of a coordinate's countable values on one side, or on the other if there is none on this one."""
        place, last = self.bin_of(index, coordinate), int(self.levels[index]) - 1
        return self.centre(index, place + 1 if (up and place < last) or place == 0 else place - 1)

    def other(self, index: int, coordinate: float, draw: float) -> float:
        """Another of a coordinate's countable values, by a uniform draw; the same if there is but one."""
        count = int(self.levels[index])
        if count < 2:
            return coordinate
        return self.centre(index, (self.bin_of(index, coordinate) + 1 + int(draw * (count - 1))) % count)

    def fresh(self, unit: NDArray[np.float64], near: NDArray[np.float64], rng: np.random.Generator) -> Config:
        """The configuration at a point, or a step away from it if it is the same as that of `near`.

        A population in a space of countable values soon repeats itself, and a repeated trial teaches nothing.
        """
        config = self.space.decode(unit)
        if self.repeats and config == self.space.decode(near):
            movable = (self.space.encode(config).active & (self.levels != 1)).nonzero()[0]
            if len(movable):
                moved = np.array(unit)
                index = int(rng.choice(movable))
                moved[index] = (
                    self.other(index, float(unit[index]), rng.random()) if self.levels[index] else rng.random()
                )
                config = self.space.decode(moved)
        return Config(config)


def _end(dimensions: Sequence[Dimension], index: int) -> int:
    below = (place for place in range(index + 1, len(dimensions)) if dimensions[place].parent < index)
    return next(below, len(dimensions))
