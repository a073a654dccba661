"""Warm starts of evolutionary samplers: order, gains, and misleading evaluations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from evolution_samplers import SAMPLERS, every
from sampler_runs import best_of, box, configs, drive, spec_of, sphere
from seasoned import Study
from seasoned.errors import InvalidInput
from seasoned.samplers import CMAES, TPE, DifferentialEvolution, Genetic, ParticleSwarm
from seasoned.space import Float, Space
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState, WarmStart

SQUARE = Space(x=Float(-1, 1), y=Float(-1, 1))


@every
def test_a_warm_start_comes_first_and_then_its_population(name):
    space = box(2)
    warm = WarmStart(
        configurations=({"x0": 1.0, "x1": 2.0},), population=((0.1, 0.2), (0.3, 0.4), (0.55, 0.65)), step_size=0.01
    )
    sampler = dataclasses.replace(SAMPLERS[name], warm_start=warm)
    log, _ = drive(sampler, sphere(), 4, spec_of(sampler, space, budget=60))
    expected = [Config({"x0": 1.0, "x1": 2.0}), *(Config(space.decode(point)) for point in warm.population)]
    assert configs(log) == expected


@every
def test_evaluations_from_elsewhere_help(name):
    space, rng = box(6), np.random.default_rng(0)
    near = np.clip(0.62 + 0.03 * rng.standard_normal((30, 6)), 0, 1)  # the optimum is at 0.6 of each range
    goal = sphere()
    values = [goal(0, space.decode(point)) for point in near]
    warm = dataclasses.replace(SAMPLERS[name], warm_start=WarmStart(points=near, values=values))
    for seed in range(3):
        cold = best_of(drive(SAMPLERS[name], goal, 60, StudySpec(space, budget=60, seed=seed))[0])
        better = best_of(drive(warm, goal, 60, spec_of(warm, space, budget=60, seed=seed))[0])
        assert better < 0.5 * cold


@every
def test_a_misleading_warm_start_is_overcome(name):
    space, rng = box(3), np.random.default_rng(0)
    far = 0.05 * rng.random((20, 3))
    warm = WarmStart(points=far, values=[-1e6] * 20, population=far[:5])  # praised, and wrong
    sampler = dataclasses.replace(SAMPLERS[name], warm_start=warm)
    log, _ = drive(sampler, sphere(), 300, spec_of(sampler, space, budget=300, seed=1))
    assert all(space.contains(config) for config in configs(log))
    assert best_of(log) < 0.1


@every
def test_a_warm_start_of_another_length_is_refused(name):
    sampler = dataclasses.replace(SAMPLERS[name], warm_start=WarmStart(points=((0.5,),), values=(1.0,)))
    with pytest.raises(InvalidInput, match=r"shape \(1,\)"):
        sampler.init(spec_of(sampler, box(2)))


def bowl(config):
    return (config["x"] - 0.3) ** 2 + 3 * (config["y"] + 0.2) ** 2


@pytest.mark.parametrize("kind", [Genetic, DifferentialEvolution, ParticleSwarm])
def test_all_of_a_warm_population_is_tried(kind):
    rng = np.random.default_rng(0)
    population = tuple(map(tuple, rng.random((30, 2))))
    study = Study(SQUARE, sampler=kind(warm_start=WarmStart(population=population)), seed=0, budget=60)
    study.optimize(bowl, trials=40)
    tried = {tuple(np.round(SQUARE.encode(trial.config).unit, 6)) for trial in study.trials}
    assert all(tuple(np.round(point, 6)) in tried for point in population)


def points_of(space, count, seed):
    drawn = np.random.default_rng(seed).random((count, len(space)))
    return np.array([space.encode(space.decode(point)).unit for point in drawn])


@pytest.mark.parametrize("sampler", [TPE(), CMAES(), Genetic(), DifferentialEvolution()])
def test_a_warm_population_takes_at_most_half_of_the_budget(sampler):
    space = box(2)
    population = tuple(map(tuple, points_of(space, 40, 0).tolist()))
    for budget, most in ((20, 10), (None, 40)):
        spec = StudySpec(space, seed=0, budget=budget, warm_start=WarmStart(population=population))
        state, tried = sampler.init(spec), set()
        for number in range(40):
            (asked,), state = sampler.ask(state, [number])
            ended = Finished(number, TrialState.COMPLETE, (float(number),))
            state = sampler.tell(state, [Suggested(number, asked.config, asked.tag), ended])
            tried |= {space.encode(asked.config).unit.tobytes()}
        given = {space.encode(space.decode(point)).unit.tobytes() for point in population}
        assert len(given & tried) == most
