"""Shared parts of the evolutionary samplers: evaluated points from a log, first populations, and genes of mixed kinds.

All evolutionary samplers are asynchronous. The place of a trial in the study determines its member of the population.
Its tag contains the drawn values. Results enter the population one by one, in log order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.samplers.base import check_whole
from seasoned.space.parameters import Categorical, Int
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState

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
    """Running trial.

    Attributes:
        unit: Point of the trial, shape (d,); coordinates not in use have their defaults.
        note: This sampler's note in the trial's tag, if made in the present space; else None.
    """

    unit: NDArray[np.float64]
    note: Any


class Evaluated(NamedTuple):
    """Ended trial.

    Attributes:
        number: Number of the trial.
        unit: Point of the trial, shape (d,).
        note: This sampler's note in the trial's tag, if made in the present space; else None.
        values: Objectives, minimised; infinite if failed or pruned.
        violation: Total violation of the constraints; infinite if failed or pruned.
    """

    number: int
    unit: NDArray[np.float64]
    note: Any
    values: tuple[float, ...]
    violation: float

    @property
    def merit(self) -> tuple[float, float]:
        """Sort key by Deb's feasibility rules, smaller is better: violation, then objective."""
        return self.violation, self.values[0]


def evaluations(spec: StudySpec, running: dict[int, Running], events: Sequence[Event], key: str) -> Iterator[Evaluated]:
    """Yield the trials that end in the events, in log order.

    Args:
        spec: Specification of the study.
        running: Running trials by number, updated in place.
        events: New events, in log order.
        key: Key of the sampler's notes in a tag. Notes of other samplers and of an earlier space become None.
    """
    for event in events:
        if isinstance(event, Suggested):
            noted = event.tag.get(key) if event.tag is not None and event.number >= spec.first else None
            running[event.number] = Running(spec.space.encode(event.config).unit, noted)
        elif isinstance(event, Finished) and event.number in running:
            unit, note = running.pop(event.number)
            if event.state is TrialState.RUNNING:
                continue  # the trial left without a result
            if event.state is TrialState.COMPLETE and event.values is not None:
                yield Evaluated(event.number, unit, note, event.values, event.violation)
            else:
                yield Evaluated(event.number, unit, note, (float("inf"),) * len(spec.directions), float("inf"))


def one_objective(spec: StudySpec, name: str) -> None:
    """Raise InvalidInput if the study has several objectives."""
    if len(spec.directions) > 1:
        raise InvalidInput(
            f"{name} supports only one objective and the study has {len(spec.directions)}; use Genetic()."
        )


def settled(population: int | None, least: int, default: int) -> int:
    """Return the population size: the setting unless None, else the default. Raises InvalidInput below `least`."""
    check_whole(population=population)
    if population is not None and population < least:
        raise InvalidInput(f"population is {population}; give at least {least}, or None to fit it to the budget.")
    return max(least, default if population is None else population)


def at_least_warm(spec: StudySpec, usual: int) -> int:
    """Return the larger of `usual` and `affordable`, so that the warm start's population is evaluated again."""
    return max(usual, affordable(spec))


def affordable(spec: StudySpec) -> int:
    """Return the number of points of the warm start's population to evaluate again, in at most half the budget."""
    warm = spec.warm_start
    half = len(warm.population) if spec.budget is None else (spec.budget - len(warm.configurations)) // 2
    return max(0, min(len(warm.population), half))


def first_points(spec: StudySpec, count: int, *, retried: int = 0) -> NDArray[np.float64]:
    """Return the first points of a population, shape (count, d): the warm start's, the default, a Latin hypercube.

    The default is included only if the warm start is empty, or if it `only_suggests` and has no population.
    McKay, Beckman and Conover (1979), A comparison of three methods for selecting values of input variables,
    Technometrics 21.

    Args:
        spec: Specification of the study.
        count: Number of points.
        retried: Number of the warm start's evaluated points to evaluate again, best first, after its population.
    """
    dimensions = len(spec.space)
    rng = np.random.default_rng((spec.seed, 0, dimensions))  # a longer seed than a trial's generator has
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
    """Warm start's evaluated points, best first, without its configurations."""
    warm, space = spec.warm_start, spec.space
    tried = {space.encode(config).unit.tobytes() for config in warm.configurations}
    order = sorted(range(len(warm.values)), key=warm.values.__getitem__)
    points = [space.encode(space.decode(warm.points[index])).unit for index in order]
    return [point for point in points if point.tobytes() not in tried]


def retried_of(spec: StudySpec, size: int) -> int:
    """Return the number of the warm start's evaluated points in a first population: half of the free places.

    The points are evaluated again because values of another study may not be comparable. An unbeatable member would
    trap the search, and a warm start must not end much worse than a cold one. A warm start that `only_suggests` adds no
    points: its configurations join the population anyway, and more points from the same advice gain little.
    """
    if spec.warm_start.only_suggests:
        return 0
    free = max(0, size - len(spec.warm_start.population))
    return min(len(_worth_retrying(spec)), (free + 1) // 2)


def is_first(spec: StudySpec, since: int, members: int, size: int) -> bool:
    """Return True if the trial `since` places after the start of a first population belongs to the population."""
    if not 0 <= since < size:
        return False
    return members < size or since < len(spec.warm_start.population) + retried_of(spec, size)


@dataclass(frozen=True, slots=True)
class Genes:
    """Coordinates of a space by kind, for arithmetic on points.

    Attributes:
        space: The space.
        nominal: True for coordinates without order (a category, or the option of a choice), shape (d,), bool.
        levels: Number of values of each coordinate, 0 for a continuous one, shape (d,), int.
        logarithmic: True for integer coordinates on a logarithmic scale, whose bins differ in width.
        mixed: True if any coordinate has no order.
        repeats: True if any coordinate has countable values, so that nearby points may be the same trial.
        parents: Index of the parent choice of each coordinate, -1 at the root.
        bins: Index of the parent's option under which each coordinate is in use.
        choices: True for coordinates that select a branch.
        ends: End of the subtree of each coordinate: index of the first later coordinate outside the subtree.
        nested: True if any coordinate selects a branch.
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
        """Return the genes of a space."""
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
        """Return the index of the value of a discrete coordinate."""
        parameter = self.space.dimensions[index].parameter
        if self.logarithmic[index]:
            return int(parameter.from_unit(coordinate)) - int(parameter.low)  # type: ignore[arg-type,union-attr]  # an Int
        count = int(self.levels[index])
        return min(count - 1, int(coordinate * count))

    def centre(self, index: int, place: int) -> float:
        """Return the coordinate of the value with index `place`."""
        parameter = self.space.dimensions[index].parameter
        if self.logarithmic[index]:
            return parameter.to_unit(int(parameter.low) + place)  # type: ignore[union-attr]  # an Int
        return (place + 0.5) / int(self.levels[index])

    def beside(self, index: int, coordinate: float, *, up: bool) -> float:
        """Return the coordinate of the next value up or down; at an end, of the next value on the other side."""
        place, last = self.bin_of(index, coordinate), int(self.levels[index]) - 1
        return self.centre(index, place + 1 if (up and place < last) or place == 0 else place - 1)

    def other(self, index: int, coordinate: float, draw: float) -> float:
        """Return the coordinate of another value, by a uniform draw in [0, 1); unchanged for a single value."""
        count = int(self.levels[index])
        if count < 2:
            return coordinate
        return self.centre(index, (self.bin_of(index, coordinate) + 1 + int(draw * (count - 1))) % count)

    def fresh(self, unit: NDArray[np.float64], near: NDArray[np.float64], rng: np.random.Generator) -> Config:
        """Return the configuration at a point, with one coordinate changed if it equals the configuration at `near`.

        A population in a space of countable values soon repeats itself, and a repeated trial gives no information.
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
