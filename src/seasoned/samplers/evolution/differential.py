"""Differential evolution with success history: L-SHADE, asynchronous, with population sizes for small budgets.

Tanabe and Fukunaga (2014), Improving the search performance of SHADE using linear population size reduction, CEC.
Zhang and Sanderson (2009), JADE: adaptive differential evolution with optional external archive, IEEE TEC 13(5).
"""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.samplers.base import Sampler, Suggestion, generator, next_of_plan
from seasoned.samplers.evolution.population import (
    Evaluated,
    Genes,
    Running,
    at_least_warm,
    evaluations,
    first_points,
    is_first,
    one_objective,
    retried_of,
    settled,
)
from seasoned.trials import Config, StudySpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.trials import Event

__all__ = ["DifferentialEvolution"]

HISTORY_KEY: Final = "differential"
_MIN_POPULATION: Final = 4  # smallest population: current-to-pbest/1 needs the target, one of the best and two others
_BOUNDLESS: Final = 1e300  # smallest gain that counts as unbounded, as over a failed parent
_MEMORY: Final = 6  # number of entries in the success history
_COLLAPSED: Final = 1e-12  # range of a collapsed population in every coordinate, in units of the cube
_RESET: Final = 0.1  # probability that a category is drawn anew, so that a lost category can return


@dataclass(frozen=True, slots=True)
class DifferentialState:
    """State of differential evolution.

    Attributes:
        spec: Specification of the study.
        genes: Coordinates of the space by kind.
        design: First population, shape (N, d).
        running: Trials that have not ended.
        points: Members by row, shape (N, d); rows not in `ranking` are dead.
        ranking: (violation, value, row) of the members, best first.
        alive: Rows of the members, in increasing order.
        archive: Beaten parents, oldest first, shape (at most N, d).
        history: Successful pairs (F, CR), one entry per generation, cyclic. The CR of an entry becomes -1, permanently,
            after a generation whose successes all had CR = 0.
        entry: Index of the history entry that is replaced next.
        successes: (F, CR, gain) of the successes in the present generation.
        aged: Number of trials that competed in the present generation.
        ended: Total number of ended trials.
        start: Place of the first trial of the present population.
    """

    spec: StudySpec
    genes: Genes = field(compare=False, repr=False)
    design: NDArray[np.float64] = field(compare=False, repr=False)
    points: NDArray[np.float64]
    archive: NDArray[np.float64]
    running: dict[int, Running] = field(default_factory=dict)
    ranking: tuple[tuple[float, float, int], ...] = ()
    alive: tuple[int, ...] = ()
    history: tuple[tuple[float, float], ...] = ((0.5, 0.5),) * _MEMORY
    entry: int = 0
    successes: tuple[tuple[float, float, float], ...] = ()
    aged: int = 0
    ended: int = 0
    start: int = 0


@dataclass(frozen=True, slots=True)
class DifferentialEvolution(Sampler[DifferentialState]):
    """L-SHADE: each member moves towards one of the best members and along the difference of two others.

    The mutant of a member x is `v = x + F (x_p - x) + F (r_1 - r_2)`. Here x_p is one of the best `greed` of the
    population, r_1 a member, and r_2 a member or an archived beaten parent. A coordinate of v outside the cube moves to
    the midpoint of x and the bound. The trial takes each coordinate from v with probability CR, else from x. F and CR
    are drawn around pairs that led to improvements. Categories have no differences: the mutant takes the value of x_p
    with probability F, else the value of r_1 with probability F, else its own. With a budget, the population shrinks
    linearly to 4. A collapsed population is drawn anew, except for its best member. Infeasible trials lose by Deb's
    rules.

    Args:
        population: Number of members at the start; by default 0.75 sqrt(budget), at least 8 and at most 18 per
            parameter. A larger population of the warm start replaces the default, up to half the budget.
        greed: Share of the population that counts as the best, in (0, 1].

    Raises:
        InvalidInput: If a setting is out of range, or (by `init`) the study has several objectives.

    Example:
        >>> from seasoned import Float, Space, minimize
        >>> space = Space(x=Float(-5, 5), y=Float(-5, 5))
        >>> best = minimize(lambda c: c["x"] ** 2 + c["y"] ** 2, space, trials=200, sampler=DifferentialEvolution())
        >>> best.value < 0.1
        True
    """

    population: int | None = None
    greed: float = 0.15

    def __post_init__(self) -> None:
        settled(self.population, _MIN_POPULATION, _MIN_POPULATION)
        if not 0.0 < self.greed <= 1.0:
            raise InvalidInput(f"greed is {self.greed}; give a share of the population in (0, 1].")

    def init(self, spec: StudySpec) -> DifferentialState:
        """Return the first state; the first trials re-evaluate the warm start's population.

        Raises:
            InvalidInput: For several objectives.
        """
        one_objective(spec, "DifferentialEvolution")
        dimensions = len(spec.space)
        size = settled(self.population, _MIN_POPULATION, at_least_warm(spec, initial_size(spec.budget, dimensions)))
        return DifferentialState(
            spec,
            Genes.of(spec.space),
            first_points(spec, size, retried=retried_of(spec, size)),
            points=np.zeros((size, dimensions)),
            archive=np.zeros((0, dimensions)),
        )

    def ask(self, state: DifferentialState, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], DifferentialState]:
        """Suggest the warm start's configurations, a first population, then a trial for each member in turn."""
        return [self._suggest(state, number) for number in numbers], state

    def tell(self, state: DifferentialState, events: Sequence[Event]) -> DifferentialState:
        """Let ended trials compete with their target members."""
        running = dict(state.running)
        for ended in evaluations(state.spec, running, events, HISTORY_KEY):
            state = _aged(_selected(state, ended), max(ended.number, *running, -1))
        return replace(state, running=running)

    def capacity(self, state: DifferentialState) -> int | None:  # noqa: ARG002 - whatever the space
        """Return None: no limit."""
        return None

    def _suggest(self, state: DifferentialState, number: int) -> Suggestion:
        spec = state.spec
        config, place = next_of_plan(spec, number)
        if config is not None:
            return Suggestion(config)
        rng = generator(spec, number)
        if _begins(state, place):
            unit = state.design[place] if state.start == 0 else rng.random(len(spec.space))
            return Suggestion(Config(spec.space.decode(unit)))
        if len(state.alive) < _MIN_POPULATION or len(spec.space) == 0:
            return Suggestion(Config(spec.space.sample(rng)))
        row = state.alive[place % len(state.alive)]
        scale, rate = draw_factors(state.history, rng)
        unit = trial_point(state, row, scale, rate, self.greed, rng)
        return Suggestion(
            state.genes.fresh(unit, state.points[row], rng), {HISTORY_KEY: [row, scale, rate, _since(state)]}
        )


def _since(state: DifferentialState) -> int:
    """Number of the first trial of the present population; 0 for the first population."""
    return state.start and state.start + state.spec.first + len(state.spec.warm_start.configurations)


def _begins(state: DifferentialState, place: int) -> bool:
    """Return True if a trial belongs to a first population; after a restart it has the present, reduced size."""
    if state.start == 0:
        return is_first(state.spec, place, len(state.alive), len(state.design))
    size = current_size(state)
    return 0 <= place - state.start < size and len(state.alive) < size


def initial_size(budget: int | None, dimensions: int) -> int:
    """Number of members at the start."""
    return min(max(8, 18 * dimensions), max(8, round(0.75 * math.sqrt(budget or 800))))


def current_size(state: DifferentialState) -> int:
    """Number of members after linear reduction; unreduced after a restart beyond the study's budget."""
    size, budget = len(state.points), state.spec.budget
    if budget is None or size <= _MIN_POPULATION or state.start >= budget:
        return size
    return max(_MIN_POPULATION, round(size - (size - _MIN_POPULATION) * state.ended / budget))


def draw_factors(history: Sequence[tuple[float, float]], rng: np.random.Generator) -> tuple[float, float]:
    """Draw F from a Cauchy and CR from a normal distribution around a pair of the history."""
    about, base = history[int(rng.random() * len(history))]
    scale = 0.0
    while scale <= 0.0:
        scale = about + 0.1 * math.tan(math.pi * (rng.random() - 0.5))
    rate = 0.0 if base < 0.0 else min(1.0, max(0.0, base + 0.1 * float(rng.standard_normal())))
    return min(1.0, scale), rate


def trial_point(
    state: DifferentialState, row: int, scale: float, rate: float, greed: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Trial point of a member, shape (d,): current-to-pbest/1 with archive, then binomial crossover."""
    points, alive, members = state.points, state.alive, len(state.alive)
    draws = rng.random(3 + points.shape[1]).tolist()
    leaders = min(members, max(2, round(greed * members)))
    leader = state.ranking[int(draws[0] * leaders)][2]
    first = alive[other_than(draws[1], members, (alive.index(row),))]
    pool = members + len(state.archive)
    second = other_than(draws[2], pool, sorted((alive.index(row), alive.index(first))))
    x, near, one = points[row], points[leader], points[first]
    two = points[alive[second]] if second < members else state.archive[second - members]
    mutant: NDArray[np.float64] = x + scale * (near - x) + scale * (one - two)
    mutant = np.where(mutant < 0.0, 0.5 * x, np.where(mutant > 1.0, 0.5 * (1.0 + x), mutant))
    if state.genes.mixed:
        mutant = np.where(state.genes.nominal, _categories(state.genes, (x, near, one), scale, rng), mutant)
    taken = np.array(draws[3:]) < rate
    taken[int(rng.random() * len(x))] = True
    return np.where(taken, mutant, x)


def other_than(draw: float, count: int, excluded: Sequence[int]) -> int:
    """Uniform index smaller than `count` that is not excluded; `excluded` is in increasing order."""
    place = int(draw * (count - len(excluded)))
    for taken in excluded:
        place += place >= taken
    return place


def _categories(
    genes: Genes, donors: Sequence[NDArray[np.float64]], scale: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return values for unordered coordinates, shape (d,): the leader's, another member's, its own, rarely random."""
    x, near, one = donors
    draws = rng.random((3, len(x)))
    taken = np.where(draws[0] < scale, near, np.where(draws[1] < scale, one, x))
    anew = (np.floor(rng.random(len(x)) * genes.levels) + 0.5) / np.maximum(genes.levels, 1)
    return np.where(draws[2] < _RESET, anew, taken)


def _selected(state: DifferentialState, ended: Evaluated) -> DifferentialState:
    """State after a trial competed with its target member, or with the worst if the target is dead."""
    state = replace(state, ended=state.ended + 1, aged=state.aged + (ended.note is not None))
    row, scale, rate, *start = ended.note or (-1, 0.0, 0.0)
    if start and start[0] < _since(state):  # a trial of a collapsed population lies at the point of collapse
        best = state.ranking[0]
        return _placed(state, best[2], ended) if ended.merit < best[:2] else state
    if row not in state.alive:
        return _joined(state, ended)
    old = next(member for member in state.ranking if member[2] == row)
    if ended.merit > old[:2]:
        return state
    better = ended.merit < old[:2]
    parent = state.points[row]
    state = _placed(state, row, ended)
    if not better:
        return state
    archive = np.concatenate([state.archive, parent[None]])[-len(state.points) :]
    success = (scale, rate, _gain(old, ended.merit))
    return replace(state, archive=archive, successes=(*state.successes, success))


def _gain(old: Sequence[float], new: Sequence[float]) -> float:
    """Weight of a success: the decrease of objective or violation, infinite over a failed parent."""
    return old[1] - new[1] if old[0] == new[0] else old[0] - new[0]


def _joined(state: DifferentialState, ended: Evaluated) -> DifferentialState:
    """Add a member; in a full population it replaces the worst member if it is better."""
    free = len(state.alive)
    if free < current_size(state):
        row = free if free not in state.alive else min(set(range(len(state.points))).difference(state.alive))
        return _placed(replace(state, alive=tuple(sorted((*state.alive, row)))), row, ended)
    worst = state.ranking[-1]
    return _placed(state, worst[2], ended) if ended.merit < worst[:2] else state


def _placed(state: DifferentialState, row: int, ended: Evaluated) -> DifferentialState:
    """State with the trial in `row`."""
    points = state.points.copy()
    points[row] = ended.unit
    ranking = [member for member in state.ranking if member[2] != row]
    insort(ranking, (*ended.merit, row))
    return replace(state, points=points, ranking=tuple(ranking))


def _aged(state: DifferentialState, number: int) -> DifferentialState:
    """Reduce the population as the budget is spent; update the history at the end of a generation.

    After a collapse, a new population begins after `number`, the last trial number asked so far.
    """
    size = current_size(state)
    if len(state.alive) > size:
        ranking = state.ranking[:size]
        state = replace(
            state, ranking=ranking, alive=tuple(sorted(row for _, _, row in ranking)), archive=state.archive[-size:]
        )
    if state.aged < len(state.alive):
        return state
    state = replace(update_history(state), aged=0, successes=())
    members = state.points[list(state.alive)]
    if len(members) < _MIN_POPULATION or (np.ptp(members, axis=0) > _COLLAPSED).any() or members.shape[1] == 0:
        return state
    best = state.ranking[0]
    start = number - state.spec.first - len(state.spec.warm_start.configurations) + 1
    return replace(state, ranking=(best,), alive=(best[2],), archive=state.archive[:0], start=start)


def update_history(state: DifferentialState) -> DifferentialState:
    """Store the generation's successes in the history: Lehmer means of F and CR, weighted by the gains.

    An unbounded gain counts as the largest bounded one, so that it does not dominate the generation.
    """
    if not state.successes:
        return state
    gains = [gain for _, _, gain in state.successes]
    largest = max((gain for gain in gains if gain < _BOUNDLESS), default=0.0)
    weights = [min(gain / largest, 1.0) if largest > 0.0 else 1.0 for gain in gains]
    scale = lehmer_mean([scale for scale, _, _ in state.successes], weights)
    rates = [rate for _, rate, _ in state.successes]
    never = state.history[state.entry][1] < 0.0 or max(rates) == 0.0
    history = list(state.history)
    history[state.entry] = (scale, -1.0 if never else lehmer_mean(rates, weights))
    return replace(state, history=tuple(history), entry=(state.entry + 1) % _MEMORY)


def lehmer_mean(values: Sequence[float], weights: Sequence[float]) -> float:
    below = sum(weight * value for weight, value in zip(weights, values, strict=True))
    return sum(weight * value**2 for weight, value in zip(weights, values, strict=True)) / below if below else 0.5
