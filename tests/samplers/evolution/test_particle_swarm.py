"""Particle swarm: its formulas, its restarts, and its memory in the log."""

from __future__ import annotations

import numpy as np
import pytest

from sampler_runs import box, complete, drive, sphere
from seasoned.samplers import ParticleSwarm
from seasoned.samplers.base import generator
from seasoned.samplers.evolution.particle_swarm import Particle, distant_point, move_categories, move_particle
from seasoned.space import Categorical, Float, Space
from seasoned.trials import StudySpec, Suggested


def ring(state):
    return [particle for particle in state.particles if particle is not None]


def test_a_move_is_constriction_towards_the_own_and_the_neighbours_best():
    spec = StudySpec(box(2), budget=100, seed=0)
    sampler = ParticleSwarm(population=5)
    state = sampler.init(spec)
    at = lambda x, value: Particle(np.array([x, x]), np.array([0.01, -0.02]), np.array([x, 0.5]), (0.0, value))  # noqa: E731
    particles = (at(0.40, 3.0), at(0.45, 1.0), at(0.50, 2.0), at(0.52, 0.0), at(0.54, 5.0))
    state = sampler.init(spec).__class__(spec, state.genes, state.design, particles=particles)
    rng = np.random.default_rng(1)
    position, velocity = move_particle(state, 0, particles[0], rng)
    pulls = 1.49618 * np.random.default_rng(1).random((2, 2))
    own, local = particles[0].best, particles[1].best  # of the ring neighbours 4, 0 and 1; particle 3 is not seen
    x, v = particles[0].position, particles[0].velocity
    expected = 0.7298 * v + pulls[0] * (own - x) + pulls[1] * (local - x)
    assert velocity == pytest.approx(expected)
    assert position == pytest.approx(x + expected)


def test_walls_turn_a_particle_at_half_its_speed():
    spec = StudySpec(box(1), seed=0)
    sampler = ParticleSwarm(population=3)
    state = sampler.init(spec)
    fast = Particle(np.array([0.9]), np.array([1.0]), np.array([0.8]), (0.0, 1.0))
    state = state.__class__(spec, state.genes, state.design, particles=(fast, fast, fast))
    position, velocity = move_particle(state, 0, fast, np.random.default_rng(0))
    assert position == [1.0]
    pulls = 1.49618 * np.random.default_rng(0).random((2, 1))
    assert velocity == pytest.approx([-0.5 * (0.7298 - 0.1 * pulls.sum())])


def test_the_log_holds_positions_velocities_and_bests():
    sampler, spec = ParticleSwarm(population=4), StudySpec(box(3), budget=80, seed=2)
    log, state = drive(sampler, sphere(), 40, spec)
    asked = [event for event in log if isinstance(event, Suggested)]
    values = [sphere()(0, event.config) for event in asked]
    for index, particle in enumerate(ring(state)):
        own = [place for place, event in enumerate(asked) if event.tag["swarm"][1] == index]
        assert own == list(range(index, 40, 4))
        best = min(own, key=values.__getitem__)
        assert particle.merit == (0.0, values[best])
        assert particle.best == pytest.approx(spec.space.encode(asked[best].config).unit)
        assert particle.position.tolist() == asked[own[-1]].tag["swarm"][2]
        assert particle.velocity.tolist() == asked[own[-1]].tag["swarm"][3]


def test_a_stagnant_swarm_restarts_on_the_other_side():
    sampler, spec = ParticleSwarm(population=4), StudySpec(box(2), seed=0)
    log, state = drive(sampler, sphere(4.0), 3000, spec)
    assert state.swarm > 0
    first = next(event for event in log if isinstance(event, Suggested) and event.tag["swarm"][0] == 1)
    assert sphere(4.0)(0, first.config) > 1.0


def test_a_constant_objective_restarts_the_swarm():
    sampler = ParticleSwarm(population=4)
    _, state = drive(sampler, lambda *_: 1.0, 400, StudySpec(box(2), seed=0))
    assert state.swarm == 2  # forty trials per particle without a better one, after the four that set the mark


def test_late_results_of_an_earlier_swarm_move_no_particle():
    sampler, spec = ParticleSwarm(population=4), StudySpec(box(2), seed=0)
    log, state = drive(sampler, lambda *_: 1.0, 180, spec)
    assert state.swarm == 1
    late = next(event for event in log if isinstance(event, Suggested))
    told = sampler.tell(state, [Suggested(500, late.config, late.tag), complete(500, -5.0)])
    assert [p is q for p, q in zip(told.particles, state.particles, strict=True)] == [True] * 4


def test_new_particles_start_opposite_of_where_the_swarm_was():
    left = np.array([0.9, 0.9])
    points = np.array([distant_point(left, np.random.default_rng(seed), 2) for seed in range(300)])
    distances = abs(points - left).sum(axis=1)
    assert (distances >= abs(1 - points - left).sum(axis=1)).all()
    assert points.mean() < 0.45


def test_categories_come_from_particle_best_neighbours_or_chance():
    space = Space(x=Float(0, 1), kind=Categorical(list("abcd")))
    state = ParticleSwarm().init(StudySpec(space, seed=0))
    points = [np.array([0.5, (index + 0.5) / 4]) for index in range(3)]
    drawn = [move_categories(state.genes, points, np.random.default_rng(seed))[1] for seed in range(4000)]
    shares = [drawn.count((index + 0.5) / 4) / 4000 for index in range(4)]
    # 95 of 100 keep or follow; four standard deviations are 0.031: false alarm below 1e-3
    assert shares == pytest.approx([0.38 + 0.0125, 0.285 + 0.0125, 0.285 + 0.0125, 0.0125], abs=0.031)


def test_two_drivers_on_one_particle_draw_different_points():
    sampler, spec = ParticleSwarm(population=4), StudySpec(box(2), seed=0)
    _, state = drive(sampler, sphere(), 20, spec)
    (one, two), _ = sampler.ask(state, [20, 24])
    assert one.tag["swarm"][1] == two.tag["swarm"][1] == 0
    assert one.config != two.config
    assert generator(spec, 20).random() != generator(spec, 24).random()
