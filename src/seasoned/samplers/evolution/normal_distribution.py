"""Search distributions of the `cmaes` package on the unit cube, as immutable values.

Real parameters and numbers of many values are continuous coordinates. Other numbers and ordered categories are integer
levels of CatCMAwM. Unordered parameters and parameters of two values are categories of CatCMAwM. The package's objects
are treated as values: they are copied before an update and contain no generator; each draw supplies one.
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

_MOST_LEVELS: Final = 50  # a numeric parameter with more values is treated as continuous and rounded
_MOST_FULL: Final = 60  # largest number of coordinates with a full covariance matrix, whose cost is d^3


@dataclass(frozen=True, slots=True)
class Axes:
    """Kinds of the coordinates for the package.

    Attributes:
        size: Total number of coordinates.
        continuous: Indices of continuous coordinates.
        ordinal: Indices of coordinates with few ordered levels.
        levels: Levels of each ordinal coordinate, in the unit interval.
        nominal: Indices of coordinates treated as categories.
        counts: Number of values of each nominal coordinate.
        rest: Point of the default configuration, shape (d,); coordinates with a single value keep it.
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
        """Return the axes of a space."""
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
        """Number of coordinates to search."""
        return len(self.continuous) + len(self.ordinal) + len(self.nominal)

    @property
    def plain(self) -> bool:
        """True if all searched coordinates are continuous."""
        return not self.ordinal and not self.nominal


def population_of(axes: Axes) -> int:
    """Return the default population: 4 + 3 log d (Hansen 2016, The CMA evolution strategy: a tutorial, eq. 48)."""
    return 4 + math.floor(3 * math.log(max(1, axes.free)))


def made(axes: Axes, mean: NDArray[np.float64], step: float, population: int) -> Any:
    """Return a distribution with mean `mean`, shape (d,), and standard deviation `step`; categories favour the mean's.

    The result is the package's CMA if all coordinates are continuous, its SepCMA for more than 60 coordinates, else its
    CatCMAwM.
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
    """Return category probabilities, half uniform and half at the mean, shape (nominal coordinates, most values)."""
    chances = np.zeros((len(axes.nominal), max(axes.counts)))
    for row, (index, count) in enumerate(zip(axes.nominal, axes.counts, strict=True)):
        chances[row, :count] = 0.5 / count
        chances[row, min(count - 1, int(mean[index] * count))] += 0.5
    return chances


def _still(model: Any) -> Any:
    """Model without generator, with its history set to 0 and its eigendecomposition computed."""
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
    """Draw a point; return it, shape (d,), with the raw Gaussian coordinates and category indices for an update."""
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
    """Return a point of another distribution, shape (k,), shrunk towards the mean, for an update of this distribution.

    The Mahalanobis norm is limited to sqrt(n) + 2n / (n + 2) (Hansen 2011, Injecting external solutions into CMA-ES,
    eq. 4).
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
    """Return the distribution after a generation, best first; None after a numerical breakdown (a singular matrix).

    Only ranks are passed to the package, so no value overflows. CMA-ES uses only ranks. CatCMAwM adds a penalty for
    draws out of bounds, in units of the spread of the passed values.
    """
    model = _copied(model, deep=True)
    with np.errstate(all="ignore"):  # the check of `held` detects a breakdown
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
    """Return True if the normal distribution has converged, diverged or degenerated by the package's criteria."""
    with np.errstate(all="ignore"):
        return bool(axes.gaussian) and bool(model.should_stop())
