"""CMA-ES for mixed spaces, based on the `cmaes` package; the state is a distribution and a generation's results.

Hansen (2016), The CMA evolution strategy: a tutorial, arXiv 1604.00772.
Hamano et al. (2025), CatCMA with margin, GECCO, arXiv 2504.07884 (CatCMAwM: real, integer and categorical).
Auger and Hansen (2005), A restart CMA evolution strategy with increasing population size, CEC (IPOP).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.samplers.base import Sampler, Suggestion, generator, next_of_plan
from seasoned.samplers.evolution.normal_distribution import (
    Axes,
    drawn,
    injected,
    made,
    population_of,
    stands_still,
    updated,
)
from seasoned.samplers.evolution.population import Evaluated, Running, affordable, evaluations, one_objective, settled
from seasoned.trials import Config, StudySpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.trials import Event

__all__ = ["CMAES"]

_KEY: Final = "cmaes"
_MIN_GENERATION: Final = 4  # smallest generation; its better half is averaged
_STEP: Final = 0.2  # first standard deviation, in units of the cube
_FINEST: Final = 0.05  # smallest first standard deviation around a warm start's points: the search must leave them
_FLAT: Final = 1e-12  # range of the generations' best values, relative to their size, that counts as stagnation

Result = tuple[tuple[float, float], int, "NDArray[np.float64]", tuple[int, ...]]
"""Merit, trial number, raw Gaussian coordinates (k,), categories. Numbers differ, so sorting compares no arrays."""


@dataclass(frozen=True, slots=True)
class CMAESState:
    """State of CMA-ES.

    Attributes:
        spec: Specification of the study.
        axes: Kinds of the coordinates.
        model: The distribution; None for a space without free coordinates.
        running: Trials that have not ended.
        results: Results of the present generation so far.
        run: Number of restarts.
        generation: Number of updates of the distribution in this run.
        population: Number of results in a generation.
        recent: Violation and value of the best trial of each of the latest generations.
    """

    spec: StudySpec
    axes: Axes = field(compare=False, repr=False)
    model: Any = field(repr=False)
    population: int
    running: dict[int, Running] = field(default_factory=dict)
    results: tuple[Result, ...] = ()
    run: int = 0
    generation: int = 0
    recent: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class CMAES(Sampler[CMAESState]):
    """Covariance matrix adaptation: a normal distribution that learns from the better half of its draws.

    CMA-ES searches real parameters on the unit cube; for more than 60 parameters it learns only variances. CatCMAwM
    searches mixed parameters; its margin prevents integers and categories from freezing. Parameters not in use stay at
    their defaults; their draws have no effect. Any finished trial counts in the present generation. A draw of an
    earlier distribution is shrunk towards the mean of the present one. A stagnating search restarts at a random point
    with twice the population (IPOP). Only ranks matter, by Deb's rules for constraints. CMAES is suited to 100 trials
    and more. The first generation starts at the defaults, or at the best point of the warm start.

    Args:
        population: Trials per generation; by default 4 + 3 log d.
        step: First standard deviation in units of the cube. By default, the warm start's step; else the spread of the
            best quarter of its points, or of its population, within [0.05, 0.2]; else 0.2.

    Raises:
        InvalidInput: If a setting is out of range, or (by `init`) the study has several objectives.

    Example:
        >>> from seasoned import Float, Space, minimize
        >>> space = Space(x=Float(-5, 5), y=Float(-5, 5))
        >>> best = minimize(lambda c: (c["x"] - 1) ** 2 + c["y"] ** 2, space, trials=200, sampler=CMAES(), seed=0)
        >>> best.value < 1e-3
        True
    """

    population: int | None = None
    step: float | None = None

    def __post_init__(self) -> None:
        settled(self.population, _MIN_GENERATION, _MIN_GENERATION)
        if self.step is not None and not 0.0 < self.step <= 1.0:
            raise InvalidInput(
                f"step is {self.step}; give a standard deviation in units of the unit cube, in (0, 1], or None."
            )

    def init(self, spec: StudySpec) -> CMAESState:
        """Return the first state, centred at the warm start's best point, its population's centre or the defaults."""
        one_objective(spec, "CMAES")
        axes = Axes.of(spec.space)
        size = settled(self.population, _MIN_GENERATION, population_of(axes))
        if axes.free == 0:
            return CMAESState(spec, axes, None, size)
        mean, spread = _start(spec, axes)
        step = self.step or spec.warm_start.step_size or spread
        return CMAESState(spec, axes, made(axes, mean, min(1.0, step), size), size)

    def ask(self, state: CMAESState, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], CMAESState]:
        """Suggest the warm start's configurations, its population, then draws."""
        return [_suggested(state, number) for number in numbers], state

    def tell(self, state: CMAESState, events: Sequence[Event]) -> CMAESState:
        """Collect results; a full generation updates the distribution."""
        running = dict(state.running)
        for ended in evaluations(state.spec, running, events, _KEY):
            if state.model is not None:
                state = self._learned(_with_result(state, ended))
        return replace(state, running=running)

    def capacity(self, state: CMAESState) -> int | None:  # noqa: ARG002 - whatever the space
        """Return None: no limit."""
        return None

    def _learned(self, state: CMAESState) -> CMAESState:
        """State after an update with the generation, if the generation is full."""
        if len(state.results) < state.population:
            return state
        ranked = sorted(state.results)
        model = updated(state.axes, state.model, [(raw, places) for _, _, raw, places in ranked])
        term = 10 + math.ceil(30 * state.axes.free / state.population)
        recent = (*state.recent, ranked[0][0])[-term:]
        state = replace(state, results=(), generation=state.generation + 1, recent=recent)
        flat = len(recent) == term and all(map(is_flat, zip(*recent, strict=True)))
        if flat or model is None or stands_still(state.axes, model):
            return self._restarted(state)
        return replace(state, model=model)

    def _restarted(self, state: CMAESState) -> CMAESState:
        """New run with twice the population, at a random point."""
        run, size = state.run + 1, 2 * state.population
        mean = np.random.default_rng((state.spec.seed, 2, run)).random(state.axes.size)
        model = made(state.axes, mean, self.step or _STEP, size)
        return replace(state, model=model, run=run, population=size, generation=0, recent=())


def _start(spec: StudySpec, axes: Axes) -> tuple[NDArray[np.float64], float]:
    """Mean, shape (d,), and the standard deviation of the first distribution.

    The mean is the warm start's best point, else the centre of its population, else the default. The points of a warm
    start that `only_suggests` are ignored: its configurations are evaluated and enter the first generation.
    """
    warm, space = spec.warm_start, spec.space
    evaluated = () if warm.only_suggests else warm.points
    order = sorted(range(len(evaluated)), key=warm.values.__getitem__)
    praised = [evaluated[index] for index in order[: max(4, len(order) // 4)]] or warm.population
    if not praised:
        return axes.rest, _STEP
    points = np.array([space.encode(space.decode(point)).unit for point in praised])
    spread = float(points[:, axes.gaussian].std(axis=0).mean()) if axes.gaussian and len(points) > 3 else _STEP
    mean: NDArray[np.float64] = points[0].copy() if evaluated else points.mean(axis=0)
    if not evaluated:  # categories have no mean: the most frequent one
        for index, count in zip(axes.nominal, axes.counts, strict=True):
            codes = np.minimum((points[:, index] * count).astype(int), count - 1)
            mean[index] = (np.bincount(codes).argmax() + 0.5) / count
    return mean, min(_STEP, max(_FINEST, spread))


def _suggested(state: CMAESState, number: int) -> Suggestion:
    spec = state.spec
    config, place = next_of_plan(spec, number)
    if config is not None:
        return Suggestion(config)
    if state.run == 0 and place < affordable(spec):
        return Suggestion(Config(spec.space.decode(spec.warm_start.population[place])))
    rng = generator(spec, number)
    if state.model is None:
        return Suggestion(Config(spec.space.sample(rng)))
    unit, raw, places = drawn(state.axes, state.model, rng)
    return Suggestion(Config(spec.space.decode(unit)), {_KEY: [state.run, state.generation, raw, places]})


def _with_result(state: CMAESState, ended: Evaluated) -> CMAESState:
    """Add a result; results of an earlier run, and of other samplers after a restart, are ignored."""
    axes = state.axes
    if ended.note is None:
        if state.run:
            return state
        raw = ended.unit[axes.gaussian]
        pairs = zip(axes.nominal, axes.counts, strict=True)
        places = tuple(min(count - 1, int(ended.unit[index] * count)) for index, count in pairs)
        raw = injected(state.model, raw)
    else:
        run, generation, given, chosen = ended.note
        if run != state.run:
            return state
        places = tuple(chosen)
        raw = np.array(given)
        raw = raw if generation == state.generation else injected(state.model, raw)
    return replace(state, results=(*state.results, (ended.merit, ended.number, raw, places)))


def is_flat(recent: Sequence[float]) -> bool:
    """Return True if the best results of the latest generations are almost equal; infinite if all trials failed."""
    low, high = min(recent), max(recent)
    return low == high or (math.isfinite(high) and high - low <= _FLAT * max(abs(low), abs(high)))
