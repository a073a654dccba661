"""Genetic algorithm on trees of parameters: steady state, ageing, or NSGA-II for several objectives.

Eshelman and Schaffer (1993), Real-coded genetic algorithms and interval-schemata, FOGA 2 (BLX-alpha).
Deb (2000), An efficient constraint handling method for genetic algorithms, CMAME 186.
Deb, Pratap, Agarwal and Meyarivan (2002), A fast and elitist multiobjective genetic algorithm: NSGA-II, IEEE TEC 6(2).
Real, Aggarwal, Huang and Le (2019), Regularized evolution for image classifier architecture search, AAAI.
"""

from __future__ import annotations

import math
from bisect import insort
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.samplers.base import Sampler, Suggestion, check_whole, generator, next_of_plan
from seasoned.samplers.evolution.operators import crossover, mutate
from seasoned.samplers.evolution.population import (
    Evaluated,
    Genes,
    Running,
    at_least_warm,
    evaluations,
    first_points,
    is_first,
    retried_of,
    settled,
)
from seasoned.trials import Config, StudySpec
from seasoned.trials.pareto import crowding_distance, non_dominated_sort

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.trials import Event

__all__ = ["Genetic"]

_KEY: Final = "genetic"
_MIN_POPULATION: Final = 2  # smallest population: two parents

Member = tuple[tuple[float, ...], int, "NDArray[np.float64]"]
"""Sort key (smaller is better), trial number and point (d,). Numbers differ, so sorting compares no points."""


@dataclass(frozen=True, slots=True)
class GeneticState:
    """State of the genetic algorithm.

    Attributes:
        spec: Specification of the study.
        genes: Coordinates of the space by kind.
        design: First population, shape (N, d).
        running: Trials that have not ended.
        members: Possible parents, best first; with `regularized`, oldest first.
        children: Evaluated parents and offspring before the next selection; only for several objectives.
    """

    spec: StudySpec
    genes: Genes = field(compare=False, repr=False)
    design: NDArray[np.float64] = field(compare=False, repr=False)
    running: dict[int, Running] = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    children: tuple[Evaluated, ...] = ()


@dataclass(frozen=True, slots=True)
class Genetic(Sampler[GeneticState]):
    """Genetic algorithm with tournament, crossover, mutation and elitism, for nested spaces.

    Crossover draws a number from `[a - h, b + h]` for parents a < b, with h half their distance (BLX-0.5). A category
    comes from either parent. If the parents have different options of a Choice, the child gets the whole branch of one.
    Each parameter in use mutates with probability `mutation`. A number takes a step whose scale is log-uniform in
    [1e-4, 0.3] of its range. A category changes to another one, a Choice to another option with random settings. With
    one objective, a result replaces the worst member if it is better (elitism). With `regularized` it replaces the
    oldest member, so that lucky noise is forgotten. With several objectives, half of the parents and offspring survive
    by front and crowding distance (NSGA-II). Infeasible trials lose by Deb's rules.

    Args:
        population: Number of members; by default sqrt(budget), times 1.4 for several objectives, at least 8 and at most
            100. A larger population of the warm start replaces the default, up to half the budget.
        tournament: Number of members drawn for each parent, of which the best wins. By default 3; for several
            objectives 2; with `regularized` a quarter of the population.
        crossover: Probability that a child has two parents, in [0, 1].
        mutation: Mutation probability of each parameter in use, in [0, 1]; by default two divided by their number, at
            most 0.5. Categories and choices have a tenth of the probability.
        regularized: True if a result replaces the oldest member instead of the worst; only for one objective.

    Raises:
        InvalidInput: If a setting is out of range.

    Example:
        >>> from seasoned import Float, Space, minimize
        >>> space = Space(x=Float(-5, 5), y=Float(-5, 5))
        >>> best = minimize(lambda c: c["x"] ** 2 + c["y"] ** 2, space, trials=200, sampler=Genetic(), seed=0)
        >>> best.value < 0.1
        True
    """

    population: int | None = None
    tournament: int | None = None
    crossover: float = 0.8
    mutation: float | None = None
    regularized: bool = False

    def __post_init__(self) -> None:
        settled(self.population, _MIN_POPULATION, _MIN_POPULATION)
        check_whole(tournament=self.tournament)
        if self.tournament is not None and self.tournament < 1:
            raise InvalidInput(f"tournament is {self.tournament}; give how many compete, at least 1.")
        for name in ("crossover", "mutation"):
            rate = getattr(self, name)
            if rate is not None and not 0.0 <= rate <= 1.0:
                raise InvalidInput(f"{name} is {rate}; give a probability in [0, 1].")

    def init(self, spec: StudySpec) -> GeneticState:
        """Return the first state; the first trials re-evaluate the warm start's population.

        Raises:
            InvalidInput: With `regularized` and several objectives.
        """
        several = len(spec.directions) > 1
        if several and self.regularized:
            raise InvalidInput(
                "Genetic(regularized=True) supports only one objective; leave regularized out to use NSGA-II."
            )
        size = settled(self.population, _MIN_POPULATION, at_least_warm(spec, _size(spec.budget, several=several)))
        return GeneticState(spec, Genes.of(spec.space), first_points(spec, size, retried=retried_of(spec, size)))

    def ask(self, state: GeneticState, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], GeneticState]:
        """Suggest the warm start's configurations, a first population, then children."""
        return [self._suggest(state, number) for number in numbers], state

    def tell(self, state: GeneticState, events: Sequence[Event]) -> GeneticState:
        """Add ended trials to the population and remove others."""
        running = dict(state.running)
        for ended in evaluations(state.spec, running, events, _KEY):
            state = self._joined(state, ended)
        return replace(state, running=running)

    def capacity(self, state: GeneticState) -> int | None:  # noqa: ARG002 - whatever the space
        """Return None: no limit."""
        return None

    def _suggest(self, state: GeneticState, number: int) -> Suggestion:
        spec = state.spec
        config, place = next_of_plan(spec, number)
        if config is not None:
            return Suggestion(config)
        rng = generator(spec, number)
        members = state.members
        if is_first(spec, place, len(members), len(state.design)):
            return Suggestion(Config(spec.space.decode(state.design[place])))
        if len(members) < _MIN_POPULATION or len(spec.space) == 0:
            return Suggestion(Config(spec.space.sample(rng)))
        mother = self._winner(members, rng)
        child = mother
        if rng.random() < self.crossover:
            child = crossover(state.genes, mother, self._winner(members, rng), rng)
        child = mutate(state.genes, child, self.mutation, rng, forced=bool((child == mother).all()))
        return Suggestion(state.genes.fresh(child, mother, rng))

    def _winner(self, members: Sequence[Member], rng: np.random.Generator) -> NDArray[np.float64]:
        """Point of the tournament's winner, shape (d,); members are drawn with replacement."""
        drawn = [int(draw * len(members)) for draw in rng.random(self._rivals(members)).tolist()]
        if self.regularized:
            return min((members[index] for index in drawn), key=lambda member: member[:2])[2]
        return members[min(drawn)][2]

    def _rivals(self, members: Sequence[Member]) -> int:
        if self.tournament is not None:
            return self.tournament
        if self.regularized:
            return max(2, len(members) // 4)
        return 2 if len(members[0][0]) > 2 else 3  # weak selection pressure keeps a front wide

    def _joined(self, state: GeneticState, ended: Evaluated) -> GeneticState:
        size = len(state.design)
        if len(state.spec.directions) > 1:
            return _generation(state, ended, size)
        member: Member = (ended.merit, ended.number, ended.unit)
        members = list(state.members)
        if self.regularized:
            return replace(state, members=(*members, member)[-size:])
        insort(members, member)
        return replace(state, members=tuple(members[:size]))


def _size(budget: int | None, *, several: bool) -> int:
    """Default number of members; a front needs more members than a single optimum."""
    share = 1.4 if several else 1.0
    return min(100, max(8, round(share * math.sqrt(budget or 400))))


def _generation(state: GeneticState, ended: Evaluated, size: int) -> GeneticState:
    """State after a result by NSGA-II: after as many offspring as members, the better half survives."""
    children = (*state.children, ended)
    if size < len(children) < 2 * size:
        return replace(state, children=children)
    standing = _standing(children)
    kept = sorted(range(len(children)), key=standing.__getitem__)[:size]
    members = tuple((standing[index], children[index].number, children[index].unit) for index in kept)
    return replace(state, members=members, children=tuple(children[index] for index in kept))


def _standing(children: Sequence[Evaluated]) -> list[tuple[float, ...]]:
    """Sort key of each trial: violation, front, minus crowding distance in the front, number."""
    standing: list[tuple[float, ...]] = [(child.violation, 0.0, 0.0, child.number) for child in children]
    feasible = [index for index, child in enumerate(children) if child.violation == 0.0]
    if not feasible:
        return standing
    values = np.array([children[index].values for index in feasible])
    fronts = non_dominated_sort(values)
    for front in range(int(fronts.max()) + 1):
        places = (fronts == front).nonzero()[0]
        for place, room in zip(places.tolist(), crowding_distance(values[places]).tolist(), strict=True):
            index = feasible[place]
            standing[index] = (0.0, float(front), -room, children[index].number)
    return standing
