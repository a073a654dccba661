"""CMA-ES: axes of a space, the distribution and its state, restarts."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from sampler_runs import MIXED, best_of, box, complete, distance, drive, sphere
from seasoned.errors import InvalidInput
from seasoned.samplers import CMAES
from seasoned.samplers.evolution.cmaes import is_flat
from seasoned.samplers.evolution.normal_distribution import Axes, drawn, injected, made, updated
from seasoned.space import Categorical, Float, Int, Space
from seasoned.trials import Finished, StudySpec, Suggested, TrialState, WarmStart

SQUARE = Space(x=Float(0, 1), y=Float(0, 1))


def mean_of(model):
    """Mean of a `cmaes.CMA`, which the package shows nowhere."""
    return model._mean


def step_size_of(model):
    """Step size of a `cmaes.CMA`."""
    return model._sigma


def test_axes_are_continuous_ordinal_or_nominal():
    space = Space(
        x=Float(0, 1),
        wide=Int(0, 1000),
        narrow=Int(1, 5),
        binary=Int(0, 1),
        level=Categorical([1, 2, 3], ordered=True),
        kind=Categorical(["a", "b", "c"]),
        only=Categorical(["one"]),
    )
    axes = Axes.of(space)
    assert axes.continuous == (0, 1)
    assert axes.ordinal == (2, 4)
    assert axes.levels == ((0.1, pytest.approx(0.3), 0.5, 0.7, 0.9), (1 / 6, 0.5, 5 / 6))
    assert axes.nominal == (3, 5)
    assert axes.counts == (2, 3)
    assert axes.free == 6


def test_large_boxes_learn_variances_only():
    assert type(CMAES().init(StudySpec(box(60))).model).__name__ == "CMA"
    assert type(CMAES().init(StudySpec(box(61))).model).__name__ == "SepCMA"
    assert type(CMAES().init(StudySpec(MIXED)).model).__name__ == "CatCMAwM"


def test_draws_follow_the_distribution_and_leave_it_unchanged():
    axes = Axes.of(box(3))
    model = made(axes, np.array([0.4, 0.5, 0.6]), 0.05, 8)
    before = {name: np.copy(value) for name, value in vars(model).items() if isinstance(value, np.ndarray)}
    points = np.array([drawn(axes, model, np.random.default_rng(seed))[0] for seed in range(2000)])
    # the error of 2000 draws is 0.0011: false alarm below 1e-4
    assert points.mean(axis=0) == pytest.approx([0.4, 0.5, 0.6], abs=0.006)
    assert points.std(axis=0) == pytest.approx([0.05] * 3, rel=0.1)
    assert all(np.array_equal(getattr(model, name), value) for name, value in before.items())


def test_an_update_moves_the_mean_to_the_weighted_better_half():
    axes = Axes.of(box(2))
    model = made(axes, np.array([0.5, 0.5]), 0.1, 4)
    rows = [np.array([0.6, 0.5]), np.array([0.5, 0.6]), np.array([0.4, 0.5]), np.array([0.5, 0.4])]
    after = updated(axes, model, [(row, ()) for row in rows])
    weights = np.log(2.5) - np.log([1, 2])
    expected = (weights[:, None] * np.array(rows[:2])).sum(axis=0) / weights.sum()
    assert mean_of(after) == pytest.approx(expected)
    assert mean_of(model).tolist() == [0.5, 0.5]
    assert after._rng is None


def test_the_state_equals_a_run_of_the_cmaes_package():
    import cmaes

    sampler, spec = CMAES(population=6, step=0.2), StudySpec(box(3), seed=5)
    log, state = drive(sampler, sphere(), 60, spec)
    alone = cmaes.CMA(mean=np.full(3, 0.5), sigma=0.2, bounds=np.tile([0.0, 1.0], (3, 1)), population_size=6)
    asked = [event for event in log if isinstance(event, Suggested)]
    for start in range(0, 60, 6):
        pairs = [(np.array(event.tag["cmaes"][2]), sphere()(0, event.config)) for event in asked[start : start + 6]]
        alone.tell(sorted(pairs, key=lambda pair: pair[1]))
    assert state.generation == 10
    assert mean_of(state.model) == pytest.approx(mean_of(alone), rel=1e-9)
    assert step_size_of(state.model) == pytest.approx(step_size_of(alone), rel=1e-9)


def test_points_far_from_the_distribution_are_pulled_in():
    axes = Axes.of(box(4))
    model = made(axes, np.full(4, 0.5), 0.01, 8)
    most = np.sqrt(4) + 2 * 4 / 6
    far = injected(model, np.array([0.9, 0.5, 0.5, 0.5]))
    assert far == pytest.approx([0.5 + 0.01 * most, 0.5, 0.5, 0.5])
    near = np.array([0.51, 0.5, 0.5, 0.5])
    assert injected(model, near) == pytest.approx(near)


@pytest.mark.parametrize("dimensions", [1, 2, 10])
def test_a_sphere_is_solved_to_rounding(dimensions):
    log, _ = drive(CMAES(), sphere(), 2500, StudySpec(box(dimensions), budget=2500, seed=0))
    assert best_of(log) < 1e-12


def test_rotated_ellipsoids_are_solved():
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))[0]
    scales = 10.0 ** np.linspace(0, 4, 5)

    def ellipsoid(_, config):
        z = turn @ (np.array(list(config.values())) - 1.0)
        return float((scales * z**2).sum())

    log, _ = drive(CMAES(), ellipsoid, 3000, StudySpec(box(5), budget=3000, seed=0))
    assert best_of(log) < 1e-8


def test_integers_do_not_freeze():
    """N-int-tablet (Hamano et al. 2022): a tablet with an integer part far from where the search begins."""
    space = Space({**{f"x{i}": Float(-10, 10) for i in range(4)}, **{f"z{i}": Int(-10, 10) for i in range(4)}})

    def tablet(_, config):
        return sum((100.0 * (v - 3.0) if name[0] == "z" else v - 2.0) ** 2 for name, v in config.items())

    log, _ = drive(CMAES(), tablet, 2500, StudySpec(space, budget=2500, seed=0))
    assert best_of(log) < 1e-8


def test_categories_and_numbers_are_learned_together():
    target = MIXED.sample(np.random.default_rng(3))
    log, _ = drive(CMAES(), distance(MIXED, target), 1500, StudySpec(MIXED, budget=1500, seed=0))
    assert best_of(log) < 1e-8


def test_a_stagnant_search_restarts_with_twice_the_population():
    sampler, spec = CMAES(), StudySpec(box(2), seed=0)
    _, state = drive(sampler, lambda *_: 1.0, 600, spec)
    assert state.run >= 1
    assert state.population == 6 * 2**state.run
    asked, _ = sampler.ask(state, [600])
    assert asked[0].tag["cmaes"][0] == state.run


def test_results_of_an_earlier_run_are_ignored():
    sampler, spec = CMAES(), StudySpec(box(2), seed=0)
    log, state = drive(sampler, lambda *_: 1.0, 600, spec)
    early = next(event for event in log if isinstance(event, Suggested))
    told = sampler.tell(state, [Suggested(900, early.config, early.tag), complete(900, -5.0)])
    assert told.results == state.results


def test_restarts_solve_rastrigin():
    """Rastrigin has 10^d local optima; one descent ends in a random one of the better."""

    def rastrigin(_, config):
        z = np.array(list(config.values())) - 1.3
        return float((z**2 - 10 * np.cos(2 * np.pi * z) + 10).sum())

    log, state = drive(CMAES(), rastrigin, 6000, StudySpec(box(2), budget=6000, seed=3))
    assert state.run > 0
    assert best_of(log) < 1e-8


def test_a_warm_start_sets_the_mean_and_the_step_size():
    spec = StudySpec(box(2), warm_start=WarmStart(population=((0.2, 0.2), (0.4, 0.2)), step_size=0.01))
    state = CMAES().init(spec)
    assert mean_of(state.model) == pytest.approx([0.3, 0.2])
    assert step_size_of(state.model) == 0.01
    assert step_size_of(CMAES(step=0.3).init(spec).model) == 0.3
    praised = WarmStart(points=((0.1, 0.1), (0.8, 0.7)), values=(2.0, 1.0))
    assert mean_of(CMAES().init(StudySpec(box(2), warm_start=praised)).model) == pytest.approx([0.8, 0.7])


def test_the_cmaes_package_is_loaded_only_when_needed():
    code = "import sys; from seasoned.samplers import CMAES; CMAES(); print('cmaes' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_cmaes_refuses_wrong_settings():
    with pytest.raises(InvalidInput, match=r"step is 2.0; give a standard deviation"):
        CMAES(step=2.0)


def test_a_single_generation_of_failures_is_no_stagnation():
    assert not is_flat((1.0, 0.5, math.inf))
    assert is_flat((math.inf, math.inf))
    assert is_flat((1.0, 1.0 + 1e-15))


def test_a_falling_violation_is_no_stagnation():
    """Infeasible trials of one value give each generation the same best value."""
    sampler, spec = CMAES(), StudySpec(SQUARE, seed=0)
    state = sampler.init(spec)
    for number in range(400):
        (given,), state = sampler.ask(state, [number])
        ended = Finished(number, TrialState.COMPLETE, (0.0,), 0.1, None, (10.0 - 0.01 * number,))
        state = sampler.tell(state, [Suggested(number, given.config, given.tag), ended])
    assert state.run == 0


def test_the_mean_of_categories_follows_a_warm_population():
    space = Space(k=Categorical(["a", "b", "c"]), x=Float(0, 1))
    population = ((1 / 6, 0.2), (5 / 6, 0.2), (5 / 6, 0.3))
    warm = WarmStart(population=population)
    state = CMAES(warm_start=warm).init(StudySpec(space, ("minimize",), warm_start=warm))
    assert state.model._q[0] == pytest.approx([1 / 6, 1 / 6, 2 / 3])
