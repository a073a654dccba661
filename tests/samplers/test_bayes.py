"""Bayesian optimisation: what it finds, and what it does with constraints, failures, warm starts and full spaces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.samplers import Bayes
from seasoned.samplers.bayes.layout import layout_of
from seasoned.samplers.bayes.observations import Observations, Pending
from seasoned.samplers.bayes.steps import StepInputs
from seasoned.samplers.bayes.trust_region import LocalSearch
from seasoned.space import Categorical, Choice, Float, Int, Space
from seasoned.trials import Finished, StudySpec, Suggested, TrialState, WarmStart

SQUARE = Space(x=Float(-1, 1), y=Float(-1, 1))
NESTED = Space(
    kind=Categorical(["a", "b", "c"]),
    size=Int(1, 9),
    optimizer=Choice(sgd=Space(momentum=Float(0, 1)), adam=Space(beta=Float(0, 1))),
)


def run(sampler, space, objective, trials, *, directions=("minimize",), seed=0, budget=None):
    """Values (and constraints) of a sequential study, in order, with the configurations."""
    spec = StudySpec(space, directions, seed=seed, budget=budget, warm_start=sampler.warm_start)
    state = sampler.init(spec)
    found = []
    for number in range(trials):
        (given,), state = sampler.ask(state, [number])
        values, constraints = objective(given.config)
        ending = TrialState.FAILED if values is None else TrialState.COMPLETE
        ended = Finished(number, ending, values, 0.1, None if values else "it failed", constraints)
        state = sampler.tell(state, [Suggested(number, given.config, given.tag), ended])
        found.append((given.config, values, constraints))
    return found, state


def bowl(config):
    return (config["x"] - 0.3) ** 2 + 3 * (config["y"] + 0.2) ** 2 + config["x"] * config["y"]


@pytest.mark.parametrize("acquisition", ["log_ei", "ei", "pi", "ucb", "thompson", "mixed"])
def test_a_bowl_s_bottom_is_found(acquisition):
    found, _ = run(Bayes(acquisition=acquisition), SQUARE, lambda config: ((bowl(config),), ()), 24)
    # The least value, by the normal equations of the quadratic.
    x, y = np.linalg.solve([[2, 1], [1, 6]], [0.6, -1.2])
    assert min(values[0] for _, values, _ in found) < bowl({"x": x, "y": y}) + 1e-4


def test_the_bottom_of_an_ill_conditioned_valley_is_found_to_many_digits():
    space = Space(x=Float(-1, 1), y=Float(-1, 1), z=Float(-1, 1))

    def valley(config):
        x, y, z = config["x"] - 0.3, config["y"] + 0.2, config["z"] - 0.1
        return (1e4 * (x + y) ** 2 + (x - y) ** 2 + z**2,), ()

    found, _ = run(Bayes(), space, valley, 60)
    assert min(values[0] for _, values, _ in found) < 1e-8


def test_the_best_branch_category_and_level_are_found():
    def objective(config):
        (name,) = config["optimizer"]
        inner = next(iter(config["optimizer"][name].values()))
        value = (config["kind"] != "c") + abs(config["size"] - 7) / 8 + (name != "adam") + (inner - 0.25) ** 2
        return (float(value),), ()

    found, _ = run(Bayes(), NESTED, objective, 50)
    assert min(values[0] for _, values, _ in found) < 0.01


def test_constraints_are_learned_and_kept():
    found, _ = run(Bayes(), SQUARE, lambda c: ((c["x"] + c["y"],), (0.25 - c["x"] ** 2 - c["y"] ** 2,)), 30)
    kept = [values[0] for _, values, constraints in found if constraints[0] <= 0]
    assert min(kept) < -1.9  # the corner (-1, -1) is allowed, the middle is not
    found, _ = run(Bayes(), SQUARE, lambda c: ((c["x"] + c["y"],), (c["x"] ** 2 + c["y"] ** 2 - 0.25,)), 40)
    kept = [values[0] for _, values, constraints in found if constraints[0] <= 0]
    assert min(kept) == pytest.approx(-np.sqrt(0.5), abs=0.02)  # on the circle


def test_a_pruned_trial_breaks_no_constraint_that_it_did_not_come_to():
    """It counted as breaking each by more than any trial had: the search kept away from where it was stopped."""
    sampler, space = Bayes(), SQUARE
    spec = StudySpec(space, seed=0)
    state = sampler.init(spec)
    for number in range(20):
        (given,), state = sampler.ask(state, [number])
        stopped = number % 3 == 2
        told = (
            Finished(number, TrialState.PRUNED, None, 0.1)
            if stopped
            else Finished(number, TrialState.COMPLETE, (bowl(given.config),), 0.1, None, (given.config["x"] - 2.0,))
        )
        state = sampler.tell(state, [Suggested(number, given.config, given.tag), told])
    _, state = sampler.ask(state, [20])
    assert state.models[0].count == 20
    assert state.models[1].count == 14
    assert state.models[1].targets().max() < 0.0, "all that is known keeps it"


def test_a_region_that_fails_is_left():
    found, _ = run(Bayes(), SQUARE, lambda c: (None if c["x"] < 0 else ((c["x"] - 0.1) ** 2 + c["y"] ** 2,), ()), 40)
    assert sum(values is None for _, values, _ in found[20:]) < 10
    assert min(values[0] for _, values, _ in found if values) < 1e-3


def test_several_objectives_are_spread_over_the_front():
    def objective(config):
        return ((config["x"] ** 2 + config["y"] ** 2, (config["x"] - 1) ** 2 + config["y"] ** 2), ())

    found, _ = run(Bayes(), SQUARE, objective, 30, directions=("minimize", "minimize"))
    last = [config for config, _, _ in found[10:]]
    assert np.mean([abs(config["y"]) < 0.15 and config["x"] > -0.15 for config in last]) > 0.5
    assert np.ptp([config["x"] for config in last]) > 0.5


def test_a_small_space_is_tried_whole_and_then_again():
    space = Space(kind=Categorical(["a", "b", "c"]), size=Int(1, 3))
    found, _ = run(Bayes(), space, lambda config: ((float(config["size"]),), ()), 12)
    assert len({config for config, _, _ in found[:9]}) >= 8
    assert len(found) == 12


def test_drivers_that_ask_in_the_same_state_get_different_points_even_in_a_corner():
    sampler = Bayes()
    _, state = run(sampler, SQUARE, lambda c: ((c["x"] + c["y"],), ()), 12)
    alone = [sampler.ask(state, [number])[0][0].config for number in (12, 13, 14)]
    assert len(set(alone)) == 3
    assert [given.config for given in sampler.ask(state, [12, 13, 14])[0]] == alone


def test_evaluations_from_elsewhere_are_believed_once_confirmed():
    rng = np.random.default_rng(0)
    points = rng.random((30, 2))
    values = [bowl(SQUARE.decode(point)) for point in points]
    warm = WarmStart(points=tuple(map(tuple, points)), values=tuple(values))
    found, state = run(Bayes(warm_start=warm), SQUARE, lambda c: ((bowl(c),), ()), 10)
    assert found[0][1][0] == pytest.approx(min(values))
    assert len(state.seen) == 10 + 27
    liar = WarmStart(points=tuple(map(tuple, points)), values=tuple(-value for value in values))
    _, state = run(Bayes(warm_start=liar), SQUARE, lambda c: ((bowl(c),), ()), 10)
    assert len(state.seen) == 10


def test_a_population_is_tried_early():
    warm = WarmStart(population=((0.1, 0.2), (0.8, 0.9)))
    found, _ = run(Bayes(warm_start=warm), SQUARE, lambda c: ((bowl(c),), ()), 3)
    assert [SQUARE.encode(config).unit.tolist() for config, _, _ in found[:2]] == [
        pytest.approx([0.1, 0.2]),
        pytest.approx([0.8, 0.9]),
    ]


@pytest.mark.parametrize("acquisition", ["log_ei", "ei", "pi"])
def test_gain_per_second_looks_where_trials_are_cheap(acquisition):
    """Many equal valleys; from the first to the last a trial takes up to a hundred times as long."""
    spent = {
        per_second: sum(
            _seconds_spent(Bayes(acquisition=acquisition, explore=1, per_second=per_second), seed) for seed in range(5)
        )
        for per_second in (False, True)
    }
    assert spent[True] < 0.6 * spent[False]


def _seconds_spent(sampler, seed, trials=20):
    state, total = sampler.init(StudySpec(Space(x=Float(0, 1)), seed=seed)), 0.0
    for number in range(trials):
        (given,), state = sampler.ask(state, [number])
        x = given.config["x"]
        seconds = 100.0**x
        end = Finished(number, TrialState.COMPLETE, (float(np.sin(60.0 * x)),), seconds)
        state = sampler.tell(state, [Suggested(number, given.config, given.tag), end])
        total += seconds * (number >= 6)  # before, a design, and too little to tell by
    return total


@pytest.mark.parametrize(
    "given",
    [{"acquisition": "magic"}, {"initial": 0}, {"explore": 0}, {"acquisition": "ucb", "per_second": True}],
)
def test_wrong_settings_are_refused(given):
    with pytest.raises(InvalidInput):
        Bayes(**given)


def test_the_last_trials_of_the_budget_polish_and_those_beyond_do_not():
    sampler = Bayes()
    state = sampler.init(StudySpec(Space(x=Float(0, 1)), budget=100))
    state = replace(state, descent=LocalSearch(since=30, resting=5, ended=(7,)))
    assert [sampler._since(state, number) for number in (50, 95, 100, 500)] == [None, 0, None, None]


def test_of_very_many_trials_that_run_the_latest_count():
    space = Space(x=Float(0, 1))
    pending = [Pending(np.array([x]), np.array([True]), {}) for x in np.linspace(0, 1, 200)]
    place = StepInputs(layout_of(space), Observations.none(1, 1), pending, np.zeros(0), np.random.default_rng(0), bool)
    assert [x.tolist() for x in place.running()] == [[trial.unit[0]] for trial in pending[-64:]]
