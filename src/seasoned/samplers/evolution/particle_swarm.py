"""Particle swarm optimisation with constriction, a ring of neighbours, mixed coordinates and restarts.

Clerc and Kennedy (2002), The particle swarm: explosion, stability, and convergence, IEEE TEC 6(1).
Bratton and Kennedy (2007), Defining a standard for particle swarm optimization, SIS.
Tizhoosh (2005), Opposition-based learning, CIMCA.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

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

__all__ = ["ParticleSwarm"]

_KEY: Final = "swarm"
_MIN_RING: Final = 3  # smallest ring with two neighbours for each particle
_KEPT, _PULL = 0.7298, 1.49618  # constriction factor chi, and chi times 2.05
_REBOUND: Final = 0.5  # share of the speed after hitting a bound
_RESET: Final = 0.05  # probability that a category is drawn anew
_PATIENCE: Final = 40  # trials per particle without a better personal best before the swarm restarts
_COLLAPSED: Final = 1e-12  # range of the personal bests of a collapsed swarm, in units of the cube


class Particle(NamedTuple):
    """Particle of the swarm.

    Attributes:
        position: Last position, shape (d,); any point of the cube, not rounded to a configuration.
        velocity: Last velocity, shape (d,).
        best: Personal best point, shape (d,).
        merit: Violation and value of the personal best.
    """

    position: NDArray[np.float64]
    velocity: NDArray[np.float64]
    best: NDArray[np.float64]
    merit: tuple[float, float]


@dataclass(frozen=True, slots=True)
class SwarmState:
    """State of the swarm.

    Attributes:
        spec: Specification of the study.
        genes: Coordinates of the space by kind.
        design: First positions, shape (S, d).
        running: Trials that have not ended.
        particles: The ring of particles; None for a particle without a result.
        swarm: Number of the swarm, from 0.
        stale: Number of trials since a personal best improved.
        ended: Number of trials counted since the swarm began.
        left: Best point of the previous swarm, shape (d,); new particles start away from it.
    """

    spec: StudySpec
    genes: Genes = field(compare=False, repr=False)
    design: NDArray[np.float64] = field(compare=False, repr=False)
    particles: tuple[Particle | None, ...]
    running: dict[int, Running] = field(default_factory=dict)
    swarm: int = 0
    stale: int = 0
    ended: int = 0
    left: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class ParticleSwarm(Sampler[SwarmState]):
    """Particle swarm with constriction on a ring.

    A particle with position x and velocity v moves by

        v <- 0.7298 v + 1.49618 r_1 (p - x) + 1.49618 r_2 (l - x),    x <- x + v.

    Here p is its personal best, l the best of its own and its two neighbours' personal bests, and r_1 and r_2 are
    uniform per coordinate. At a bound the particle turns back at half its speed. In a coordinate where x equals
    both p and l, the velocity is scaled by a factor uniform in [0.5, 1.5]. A coordinate without order has no velocity:
    it stays, or takes the value of p or l, rarely a random one. A stagnating swarm restarts away from its best point. A
    trial's tag contains its particle, position and velocity. Infeasible trials lose by Deb's rules.

    Args:
        population: Number of particles; by default 0.4 sqrt(budget), at least 6 and at most 40. A larger population of
            the warm start replaces the default, up to half the budget.

    Raises:
        InvalidInput: If a setting is out of range, or (by `init`) the study has several objectives.

    Example:
        >>> from seasoned import Float, Space, minimize
        >>> space = Space(x=Float(-5, 5), y=Float(-5, 5))
        >>> best = minimize(lambda c: c["x"] ** 2 + c["y"] ** 2, space, trials=200, sampler=ParticleSwarm(), seed=0)
        >>> best.value < 0.1
        True
    """

    population: int | None = None

    def __post_init__(self) -> None:
        settled(self.population, _MIN_RING, _MIN_RING)

    def init(self, spec: StudySpec) -> SwarmState:
        """Return the first state, with the warm start's points first. Raises InvalidInput for several objectives."""
        one_objective(spec, "ParticleSwarm")
        usual = min(40, max(6, round(0.4 * math.sqrt(spec.budget or 1000))))
        size = settled(self.population, _MIN_RING, at_least_warm(spec, usual))
        design = first_points(spec, size, retried=retried_of(spec, size))
        return SwarmState(spec, Genes.of(spec.space), design, particles=(None,) * size)

    def ask(self, state: SwarmState, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], SwarmState]:
        """Suggest the warm start's configurations, then a move of each particle in turn."""
        return [_suggested(state, number) for number in numbers], state

    def tell(self, state: SwarmState, events: Sequence[Event]) -> SwarmState:
        """Move particles to the positions of their ended trials."""
        running = dict(state.running)
        for ended in evaluations(state.spec, running, events, _KEY):
            ours = ended.note is not None and ended.note[1] < len(state.particles)  # a driver may have a larger swarm
            state = _renewed(_moved(state, ended) if ours else _joined(state, ended))
        return replace(state, running=running)

    def capacity(self, state: SwarmState) -> int | None:  # noqa: ARG002 - whatever the space
        """Return None: no limit."""
        return None


def _suggested(state: SwarmState, number: int) -> Suggestion:
    spec = state.spec
    config, place = next_of_plan(spec, number)
    if config is not None:
        return Suggestion(config)
    if len(spec.space) == 0:
        return Suggestion(Config(spec.space.default))
    rng = generator(spec, number)
    index = place % len(state.particles)
    particle = state.particles[index]
    first = state.swarm == 0 and place < len(state.design)
    given = first and is_first(spec, place, len(state.particles), len(state.particles))
    if particle is None or given:
        position = state.design[place] if first else distant_point(state.left, rng, len(spec.space))
        velocity = 0.5 * (rng.random(len(spec.space)) - position)
        config = Config(spec.space.decode(position))
    else:
        position, velocity = move_particle(state, index, particle, rng)
        config = state.genes.fresh(position, particle.position, rng)
    return Suggestion(config, {_KEY: [state.swarm, index, position.tolist(), velocity.tolist()]})


def distant_point(left: NDArray[np.float64] | None, rng: np.random.Generator, dimensions: int) -> NDArray[np.float64]:
    """Uniform point or its opposite, shape (d,), the one farther from the previous swarm's best point."""
    point = rng.random(dimensions)
    if left is None or abs(point - left).sum() >= abs(1.0 - point - left).sum():
        return point
    return 1.0 - point


def move_particle(
    state: SwarmState, index: int, particle: Particle, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Next position of a particle and its velocity, each of shape (d,)."""
    around = (state.particles[index - 1], particle, state.particles[(index + 1) % len(state.particles)])
    local = min((near for near in around if near is not None), key=lambda near: near.merit).best
    x, own = particle.position, particle.best
    pulls = _PULL * rng.random((2, len(x)))
    velocity = _KEPT * particle.velocity + pulls[0] * (own - x) + pulls[1] * (local - x)
    alone = np.abs(own - x) + np.abs(local - x) < _COLLAPSED  # no attraction: only a draw separates drivers
    velocity = np.where(alone, velocity * (0.5 + rng.random(len(x))), velocity)
    position = x + velocity
    if state.genes.mixed:
        nominal = state.genes.nominal
        position = np.where(nominal, move_categories(state.genes, (x, own, local), rng), position)
        velocity = np.where(nominal, 0.0, velocity)
    out = (position < 0.0) | (position > 1.0)
    if out.any():
        position = np.minimum(1.0, np.maximum(0.0, position))
        velocity = np.where(out, -_REBOUND * velocity, velocity)
    return position, velocity


def move_categories(
    genes: Genes, points: Sequence[NDArray[np.float64]], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return values for unordered coordinates, shape (d,): present, personal best, neighbours' best, rarely random."""
    x, own, local = points
    draws = rng.random((3, len(x)))
    pulled = np.where(draws[0] < 0.4, x, np.where(draws[0] < 0.7, own, local))
    anew = (np.floor(draws[1] * genes.levels) + 0.5) / np.maximum(genes.levels, 1)
    return np.where(draws[2] < _RESET, anew, pulled)


def _moved(state: SwarmState, ended: Evaluated) -> SwarmState:
    """State with the particle at its trial's position; a trial of an earlier swarm is only counted."""
    swarm, index, position, velocity = ended.note
    if swarm != state.swarm:
        return replace(state, ended=state.ended + 1)
    old = state.particles[index]
    better = old is None or ended.merit < old.merit
    best, merit = (ended.unit, ended.merit) if old is None or better else (old.best, old.merit)
    particle = Particle(np.array(position), np.array(velocity), best, merit)
    return _with_particle(state, index, particle, better=better)


def _joined(state: SwarmState, ended: Evaluated) -> SwarmState:
    """Add a result without a note as a personal best: of a particle without a result, else of the worst particle."""
    particles = state.particles
    free = next((index for index, particle in enumerate(particles) if particle is None), None)
    if free is not None:
        rng = np.random.default_rng((state.spec.seed, 1, abs(ended.number)))
        velocity = 0.5 * (rng.random(len(ended.unit)) - ended.unit)
        return _with_particle(state, free, Particle(ended.unit, velocity, ended.unit, ended.merit), better=True)
    merits = [particle.merit for particle in particles if particle is not None]
    worst = max(range(len(merits)), key=merits.__getitem__)
    particle = particles[worst]
    if particle is None or ended.merit >= particle.merit:
        return state
    return _with_particle(state, worst, particle._replace(best=ended.unit, merit=ended.merit), better=True)


def _with_particle(state: SwarmState, index: int, particle: Particle, *, better: bool) -> SwarmState:
    particles = (*state.particles[:index], particle, *state.particles[index + 1 :])
    return replace(state, particles=particles, ended=state.ended + 1, stale=0 if better else state.stale + 1)


def _renewed(state: SwarmState) -> SwarmState:
    """New swarm if the present one stagnates or has collapsed; else the state unchanged."""
    size = len(state.particles)
    known = [particle for particle in state.particles if particle is not None]
    if len(known) < size or (state.stale < _PATIENCE * size and not _collapsed(state, known)):
        return state
    best = min(known, key=lambda particle: particle.merit).best
    return replace(state, particles=(None,) * size, swarm=state.swarm + 1, stale=0, ended=0, left=best)


def _collapsed(state: SwarmState, known: Sequence[Particle]) -> bool:
    """Return True if all personal bests are one point; checked once per round."""
    if state.ended % len(known) or len(state.spec.space) == 0:
        return False
    return bool((np.ptp([particle.best for particle in known], axis=0) <= _COLLAPSED).all())
