"""The search distributions of the `cmaes` package on a space's cube, as values that never change.

Real coordinates and numbers of many values are continuous, other numbers and ordered categories are levels of
CatCMAwM, the rest its categories. The package's objects are treated as values: they are copied before an update, and
hold no generator; each draw supplies one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.space.grid_values import values_of
from seasoned.space.parameters import Categorical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.space import Space

__all__ = ["Axes", "drawn", "injected", "made", "population_of", "stands_still", "updated"]

_MOST_LEVELS: Final = 50  # a number with more values is treated as continuous and rounded
_MOST_FULL: Final = 60  # with more continuous coordinates only variances are learned, as the full matrix costs d^3


@dataclass(frozen=True, slots=True)
class Axes:
    """How the package treats each coordinate.

    Attributes:
        size: Coordinates in all.
        continuous: Indices of continuous coordinates.
        ordinal: Indices of coordinates with few ordered levels.
        levels: Their levels, as points of the unit interval.
        nominal: Indices of coordinates without order.
        counts: How many values each of these has.
        rest: The point of the defaults, shape (d,), for coordinates with a single value.
    """

    size: int
    continuous: tuple[int, ...]
    ordinal: tuple[int, ...]
    levels: tuple[tuple[float, ...], ...]
    nominal: tuple[int, ...]
    counts: tuple[int, ...]
    rest: NDArray[np.float64]

    @staticmethod
    def of(space: Space) -> Axes:
        """The axes of a space."""
        continuous, ordinal, levels, nominal, counts = [], [], [], [], []
        for index, dimension in enumerate(space.dimensions):
            parameter = dimension.parameter
            values = values_of(parameter, parameter.count if isinstance(parameter, Categorical) else _MOST_LEVELS)
            if values is None:
                continuous.append(index)
            elif len(values) == 2 or (len(values) > 2 and isinstance(parameter, Categorical) and not parameter.ordered):
                nominal.append(index)
                counts.append(len(values))
            elif len(values) > 2:
                ordinal.append(index)
                levels.append(tuple(parameter.to_unit(value) for value in values))  # type: ignore[arg-type]  # its own values
        rest = np.array([dimension.default_unit for dimension in space.dimensions])
        return Axes(len(rest), tuple(continuous), tuple(ordinal), tuple(levels), tuple(nominal), tuple(counts), rest)

    @property
    def gaussian(self) -> list[int]:
        """Indices of the coordinates of the normal distribution."""
        return [*self.continuous, *self.ordinal]

    @property
    def free(self) -> int:
        """How many coordinates there are to search."""
        return len(self.continuous) + len(self.ordinal) + len(self.nominal)

    @property
    def plain(self) -> bool:
        """Whether all of them are continuous."""
        return not self.ordinal and not self.nominal


def population_of(axes: Axes) -> int:
    """The usual population: 4 + 3 log d (Hansen 2016, The CMA evolution strategy: a tutorial, eq. 48)."""
    return 4 + math.floor(3 * math.log(max(1, axes.free)))


def made(axes: Axes, mean: NDArray[np.float64], step: float, population: int) -> Any:
    """A distribution about a point, shape (d,), with standard deviation `step`; categories near the point's.

    The package's CMA if all is continuous (SepCMA beyond 60 coordinates), else its CatCMAwM.
    """
    import cmaes

    start = mean[axes.gaussian]
    bounds = np.tile([0.0, 1.0], (len(axes.continuous), 1))
    if axes.plain:
        kind = cmaes.CMA if len(start) <= _MOST_FULL else cmaes.SepCMA
        return _still(kind(mean=start, sigma=step, bounds=bounds, population_size=population))
    return _still(
        cmaes.CatCMAwM(
            x_space=bounds if axes.continuous else None,
            z_space=axes.levels or None,
            c_space=axes.counts or None,
            population_size=population,
            mean=start if len(start) else None,
            sigma=1.0 if len(start) else None,
            cov=np.eye(len(start)) * step**2 if len(start) else None,
            cat_param=_categories(axes, mean) if axes.nominal else None,
        )
    )


def _categories(axes: Axes, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of the categories: half uniform, half at the given point; shape (coordinates, most values)."""
    chances = np.zeros((len(axes.nominal), max(axes.counts)))
    for row, (index, count) in enumerate(zip(axes.nominal, axes.counts, strict=True)):
        chances[row, :count] = 0.5 / count
        chances[row, min(count - 1, int(mean[index] * count))] += 0.5
    return chances


def _still(model: Any) -> Any:
    """The model without a generator, its memory defined and its axes computed."""
    model._rng = None  # noqa: SLF001 - each draw brings its own
    if hasattr(model, "_funhist_values"):
        model._funhist_values[:] = 0.0  # noqa: SLF001 - the package leaves it undefined
    if hasattr(model, "_C"):
        model._eigen_decomposition()  # noqa: SLF001 - once per generation rather than once per draw
    return model


def _copied(model: Any, *, deep: bool) -> Any:
    copy = object.__new__(type(model))
    for name, value in vars(model).items():
        held = value
        if deep and isinstance(value, np.ndarray):
            held = value.copy()
        elif deep and isinstance(value, list):
            held = list(value)
        setattr(copy, name, held)
    return copy


def drawn(axes: Axes, model: Any, rng: np.random.Generator) -> tuple[NDArray[np.float64], list[float], list[int]]:
    """A draw: its point of the cube, shape (d,), and what an update needs of it, the raw numbers and the categories."""
    source = _copied(model, deep=False)
    source._rng = np.random.RandomState(rng.bit_generator)  # noqa: SLF001 - the interface that the package calls
    unit = axes.rest.copy()
    if axes.plain:
        raw = source.ask()
        unit[list(axes.continuous)] = raw
        return unit, raw.tolist(), []
    given = source.ask()
    if axes.continuous:
        unit[list(axes.continuous)] = given.x
    if axes.ordinal:
        unit[list(axes.ordinal)] = given.z
    places = [] if given.c is None else given.c.argmax(axis=1).tolist()
    for index, count, place in zip(axes.nominal, axes.counts, places, strict=True):
        unit[index] = (place + 0.5) / count
    return unit, [] if given._v_raw is None else given._v_raw.tolist(), places  # noqa: SLF001 - an update needs it


def injected(model: Any, raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """A point that another distribution drew, for an update of this one: pulled in to where this one's draws lie.

    Hansen (2011), Injecting external solutions into CMA-ES, eq. 4: to the Mahalanobis norm sqrt(n) + 2n / (n + 2).
    """
    size = len(raw)
    if size == 0:
        return raw
    away = (raw - model._mean) / (model._sigma * getattr(model, "_A", 1.0))  # noqa: SLF001
    if model._C.ndim == 1:  # noqa: SLF001 - SepCMA
        norm = float(np.linalg.norm(away / model._D))  # noqa: SLF001
    else:
        norm = float(np.linalg.norm((model._B.T @ away) / model._D))  # noqa: SLF001
    most = math.sqrt(size) + 2.0 * size / (size + 2.0)
    shrunk: NDArray[np.float64] = model._mean + (raw - model._mean) * min(1.0, most / norm) if norm > 0 else raw  # noqa: SLF001
    return shrunk


def updated(axes: Axes, model: Any, ranked: Sequence[tuple[NDArray[np.float64], Sequence[int]]]) -> Any | None:
    """The distribution after a generation, the best first; None if it has broken down (a singular matrix).

    Only ranks are passed on, so that no value is too large. CMA-ES uses nothing else; CatCMAwM adds a penalty to draws
    out of bounds, in units of the spread of the values, which here are ranks.
    """
    model = _copied(model, deep=True)
    with np.errstate(all="ignore"):  # a breakdown is detected below
        if axes.plain:
            model.tell([(raw, float(rank)) for rank, (raw, _) in enumerate(ranked)])
        else:
            model.tell([(_solution(axes, model, *given), float(rank)) for rank, given in enumerate(ranked)])
        held = [getattr(model, name, 0.0) for name in ("_mean", "_sigma", "_C", "_q", "_s", "_Delta")]
        if not all(np.isfinite(value).all() for value in held):
            return None
        if axes.gaussian:
            model._eigen_decomposition()  # noqa: SLF001 - as in _still
    return model


def _solution(axes: Axes, model: Any, raw: NDArray[np.float64], places: Sequence[int]) -> Any:
    chosen = np.zeros((len(axes.nominal), max(axes.counts, default=0)), dtype=bool)
    chosen[np.arange(len(axes.nominal)), list(places)] = True
    return model.Solution(c=chosen if axes.nominal else None, _v_raw=raw if axes.gaussian else None)


def stands_still(axes: Axes, model: Any) -> bool:
    """Whether the package's criteria say that the normal distribution has converged, diverged or degenerated."""
    with np.errstate(all="ignore"):
        return bool(axes.gaussian) and bool(model.should_stop())
