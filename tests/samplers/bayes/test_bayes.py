"""Bayesian optimisation: optima, several objectives, small spaces, settings."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bayes_runs import bowl, run
from seasoned import Study
from seasoned.errors import InvalidInput
from seasoned.samplers import Bayes
from seasoned.samplers.bayes.layout import layout_of
from seasoned.samplers.bayes.observations import Observations, Pending
from seasoned.samplers.bayes.steps import StepInputs
from seasoned.samplers.bayes.trust_region import LocalSearch
from seasoned.space import Categorical, Choice, Float, Int, Space
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState

UNIT_SQUARE = Space(x=Float(0, 1), y=Float(0, 1))


SQUARE = Space(x=Float(-1, 1), y=Float(-1, 1))
NESTED = Space(
    kind=Categorical(["a", "b", "c"]),
    size=Int(1, 9),
    optimizer=Choice(sgd=Space(momentum=Float(0, 1)), adam=Space(beta=Float(0, 1))),
)


@pytest.mark.parametrize("acquisition", ["log_ei", "ei", "pi", "ucb", "thompson", "mixed"])
def test_bayes_finds_the_bottom_of_a_bowl(acquisition):
    found, _ = run(Bayes(acquisition=acquisition), SQUARE, lambda config: ((bowl(config),), ()), 24)
    # The least value, by the normal equations of the quadratic.
    x, y = np.linalg.solve([[2, 1], [1, 6]], [0.6, -1.2])
    assert min(values[0] for _, values, _ in found) < bowl({"x": x, "y": y}) + 1e-4


def test_bayes_finds_the_bottom_of_an_ill_conditioned_valley():
    space = Space(x=Float(-1, 1), y=Float(-1, 1), z=Float(-1, 1))

    def valley(config):
        x, y, z = config["x"] - 0.3, config["y"] + 0.2, config["z"] - 0.1
        return (1e4 * (x + y) ** 2 + (x - y) ** 2 + z**2,), ()

    found, _ = run(Bayes(), space, valley, 60)
    assert min(values[0] for _, values, _ in found) < 1e-8


def test_bayes_finds_the_best_branch_category_and_level():
    def objective(config):
        (name,) = config["optimizer"]
        inner = next(iter(config["optimizer"][name].values()))
        value = (config["kind"] != "c") + abs(config["size"] - 7) / 8 + (name != "adam") + (inner - 0.25) ** 2
        return (float(value),), ()

    found, _ = run(Bayes(), NESTED, objective, 50)
    assert min(values[0] for _, values, _ in found) < 0.01


def test_bayes_spreads_several_objectives_over_the_front():
    def objective(config):
        return ((config["x"] ** 2 + config["y"] ** 2, (config["x"] - 1) ** 2 + config["y"] ** 2), ())

    found, _ = run(Bayes(), SQUARE, objective, 30, directions=("minimize", "minimize"))
    last = [config for config, _, _ in found[10:]]
    assert np.mean([abs(config["y"]) < 0.15 and config["x"] > -0.15 for config in last]) > 0.5
    assert np.ptp([config["x"] for config in last]) > 0.5


def test_bayes_tries_a_small_space_whole_and_then_again():
    space = Space(kind=Categorical(["a", "b", "c"]), size=Int(1, 3))
    found, _ = run(Bayes(), space, lambda config: ((float(config["size"]),), ()), 12)
    assert len({config for config, _, _ in found[:9]}) >= 8
    assert len(found) == 12


def test_drivers_that_ask_in_the_same_state_get_different_points():
    sampler = Bayes()
    _, state = run(sampler, SQUARE, lambda c: ((c["x"] + c["y"],), ()), 12)
    alone = [sampler.ask(state, [number])[0][0].config for number in (12, 13, 14)]
    assert len(set(alone)) == 3
    assert [given.config for given in sampler.ask(state, [12, 13, 14])[0]] == alone


@pytest.mark.parametrize("acquisition", ["log_ei", "ei", "pi"])
def test_gain_per_second_prefers_cheap_trials(acquisition):
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
def test_bayes_refuses_wrong_settings(given):
    with pytest.raises(InvalidInput):
        Bayes(**given)


def test_the_last_trials_of_the_budget_refine_the_best_trial():
    sampler = Bayes()
    state = sampler.init(StudySpec(Space(x=Float(0, 1)), budget=100))
    state = replace(state, descent=LocalSearch(since=30, resting=5, ended=(7,)))
    assert [sampler._since(state, number) for number in (50, 95, 100, 500)] == [None, 0, None, None]


def test_the_latest_of_very_many_running_trials_count():
    space = Space(x=Float(0, 1))
    pending = [Pending(np.array([x]), np.array([True]), {}) for x in np.linspace(0, 1, 200)]
    place = StepInputs(layout_of(space), Observations.none(1, 1), pending, np.zeros(0), np.random.default_rng(0), bool)
    assert [x.tolist() for x in place.running()] == [[trial.unit[0]] for trial in pending[-64:]]


@pytest.mark.parametrize("high", [256, 257])
def test_bayes_reaches_the_ends_of_integers_with_many_values(high):
    """Beyond 256 values they are a continuum, in which nothing lies below the middle of the first bin."""
    space = Space(n=Int(1, high, log=True), x=Float(0, 1))
    layout = layout_of(space)
    least, largest = (space.encode({"n": n, "x": 0.5}).unit[0] for n in (1, high))
    snapped = layout.snap(np.array([[0.0, 0.0], [1.0, 1.0]])).unit
    assert snapped == pytest.approx(np.array([[least, 0.0], [largest, 1.0]]))
    study = Study(space, sampler=Bayes(explore=1), seed=0)
    study.optimize(lambda c: math.log10(c["n"]) + 0.1 * math.sin(25 * c["x"]) + 0.2 * (c["x"] - 0.8) ** 2, trials=30)
    assert study.best.config["n"] == 1
    assert study.best.value < -0.08


def told(sampler, state, number, config, value, tag=None):
    asked = Suggested(number, Config(config), tag, "here")
    return sampler.tell(state, [asked, Finished(number, TrialState.COMPLETE, (value,), 1.0, None)])


def test_models_kept_by_bayes_are_those_of_finished_trials():
    sampler, rng = Bayes(), np.random.default_rng(0)
    state = sampler.init(StudySpec(UNIT_SQUARE, ("minimize",), 0))
    for number in range(12):
        x, y = rng.random(2)
        state = told(sampler, state, number, {"x": x, "y": y}, x + y)
    busy = sampler.tell(state, [Suggested(12, Config({"x": 0.1, "y": 0.9}), None, "there")])
    first, after = sampler.ask(busy, [13])
    kept = sampler.reuse(state, after)
    assert kept.seen is state.seen
    busy = sampler.tell(kept, [Suggested(12, Config({"x": 0.1, "y": 0.9}), None, "there")])
    assert sampler.ask(busy, [13])[0] == first
