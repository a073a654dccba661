"""Proofs about evolutionary samplers: better than random search everywhere, and as deep as the literature."""

from __future__ import annotations

import numpy as np
import pytest

from evolution_samplers import SAMPLERS, every
from optional import package
from sampler_runs import MIXED, NESTED, best_of, box, distance, drive
from seasoned.samplers import DifferentialEvolution, Random
from seasoned.trials import StudySpec, Suggested

GROUPS = {"separable": (1, 5), "moderate": (6, 9), "ill": (10, 14), "structured": (15, 19), "weak": (20, 24)}


def better(ours, others):
    from scipy.stats import wilcoxon

    return wilcoxon(np.array(ours) - np.array(others), alternative="less").pvalue < 0.01


def results_on(problems, sampler, seed):
    return [
        best_of(drive(sampler, goal, 200, StudySpec(space, budget=200, seed=seed + index))[0])
        for index, (space, goal) in enumerate(problems)
    ]


def of_array(function):
    return lambda _, config: float(function(np.array(list(config.values()))))


@pytest.fixture(scope="module")
def bbob():
    """The number and the problem of 24 functions in 5 dimensions, 10 instances each."""
    cocoex = package("cocoex", "coco-experiment")
    suite = cocoex.Suite("bbob", "instances: 1-10", "dimensions: 5")
    numbers = [(function, instance) for function in range(1, 25) for instance in range(1, 11)]
    problems = [
        suite.get_problem_by_function_dimension_instance(function, 5, instance) for function, instance in numbers
    ]
    yield [function for function, _ in numbers], [(box(5), of_array(problem)) for problem in problems]
    for problem in problems:
        problem.free()


@pytest.fixture(scope="module")
def random_on_bbob(bbob):
    return np.array(results_on(bbob[1], Random(), seed=10_000))


@every
def test_evolution_beats_random_search_on_each_group_of_bbob(name, bbob, random_on_bbob):
    functions, problems = bbob
    ours = np.array(results_on(problems, SAMPLERS[name], seed=0))
    for group, (low, high) in GROUPS.items():
        inside = [low <= function <= high for function in functions]
        assert better(ours[inside], random_on_bbob[inside]), group


def noisy(goal, seed):
    rng = np.random.default_rng(seed)
    return lambda number, config: goal(number, config) + 0.02 * rng.standard_normal()


@pytest.mark.slow
@every
@pytest.mark.parametrize("space", [MIXED, NESTED], ids=["mixed", "nested"])
def test_evolution_beats_random_search_on_mixed_and_noisy_spaces(name, space):
    goals = [distance(space, space.sample(np.random.default_rng((7, 7, seed)))) for seed in range(40)]
    noise = [noisy(goal, seed) if space is NESTED else goal for seed, goal in enumerate(goals)]
    ours, random = [], []
    for sampler, kept in ((SAMPLERS[name], ours), (Random(), random)):
        for seed, (goal, seen) in enumerate(zip(goals, noise, strict=True)):
            log, _ = drive(sampler, seen, 200, StudySpec(space, budget=200, seed=seed))
            configs = [event.config for event in log if isinstance(event, Suggested)]
            values = [event.values[0] for event in log if not isinstance(event, Suggested)]
            kept.append(goal(0, configs[int(np.argmin(values))]))  # what it recommends, without the noise
    assert better(ours, random)


def sphere(z):
    return z @ z


def rosenbrock(z):
    x = z + 1.0
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def rastrigin(z):
    return (z * z - 10.0 * np.cos(2.0 * np.pi * z) + 10.0).sum()


def reached(sampler, function, target, budget, seed):
    """Return True where the target is reached in time; the optimum is uniform in the middle 80% of [-5, 5]^10."""
    shift = np.random.default_rng((99, seed)).uniform(-4.0, 4.0, 10)
    goal = of_array(lambda x: function(x - shift))
    spec = StudySpec(box(10), budget=budget, seed=seed)
    state, best = None, np.inf
    for start in range(0, budget, 1000):
        log, state = drive(sampler, goal, 1000, spec, state, start)
        best = min(best, best_of(log))
        if best < target:
            return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("name", ["differential", "swarm"])
def test_the_sphere_is_solved_in_twenty_thousand_trials(name):
    assert all(reached(SAMPLERS[name], sphere, 1e-6, 20_000, seed) for seed in range(20))


@pytest.mark.slow
@pytest.mark.parametrize("function", [rosenbrock, rastrigin])
def test_success_history_reaches_the_depth_of_the_literature(function):
    """In 18 of 20 seeds; with a true rate of 0.99 a false alarm has probability 1e-3."""
    sampler = DifferentialEvolution()
    assert sum(reached(sampler, function, 1e-8, 100_000, seed) for seed in range(20)) >= 18
