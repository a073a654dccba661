"""Evolutionary samplers: properties of all of them, beyond the contract kit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from evolution_samplers import SAMPLERS, every
from sampler_runs import (
    MIXED,
    NESTED,
    best_of,
    box,
    complete,
    configs,
    distance,
    drive,
    drive_many,
    sphere,
    stored,
)
from seasoned.errors import InvalidInput
from seasoned.samplers import Random
from seasoned.samplers.checks import same
from seasoned.trials import Finished, StudySpec, TrialState


@every
def test_many_drivers_with_failures_and_losses_still_find_the_optimum(name):
    space = box(3)
    log, _ = drive_many(SAMPLERS[name], sphere(), 400, StudySpec(space, budget=400, seed=1))
    random, _ = drive_many(Random(), sphere(), 400, StudySpec(space, budget=400, seed=1))
    assert best_of(log) < 0.02 < best_of(random)


@every
def test_a_stored_log_gives_the_live_state(name):
    sampler, spec = SAMPLERS[name], StudySpec(NESTED, budget=200, seed=3)
    log, live = drive_many(sampler, lambda number, _: np.sin(number), 200, spec)
    folded = sampler.tell(sampler.init(spec), stored(log))
    assert same(folded, live)
    assert sampler.ask(folded, [300])[0] == sampler.ask(live, [300])[0]


@every
def test_the_state_does_not_grow_with_the_history(name):
    sampler, spec = SAMPLERS[name], StudySpec(box(2), seed=0)

    def size(value):
        if isinstance(value, np.ndarray):
            return value.size
        if isinstance(value, tuple | list):
            return sum(map(size, value))
        if dataclasses.is_dataclass(value):
            return sum(size(getattr(value, field.name)) for field in dataclasses.fields(value))
        return size(list(vars(value).values())) if hasattr(value, "__dict__") else 1

    # on noise nothing converges, so CMA-ES does not double its population
    noise = np.random.default_rng(0).random(3000)
    _, early = drive(sampler, lambda number, _: noise[number], 1000, spec)
    _, late = drive(sampler, lambda number, _: noise[number], 2000, spec, early, start=1000)
    assert size(late) < 1.6 * size(early)


@every
def test_a_batch_equals_single_asks(name):
    sampler = SAMPLERS[name]
    _, state = drive(sampler, sphere(), 50, StudySpec(box(3), budget=100))
    together, _ = sampler.ask(state, [50, 51, 60])
    assert list(together) == [sampler.ask(state, [number])[0][0] for number in (50, 51, 60)]


@every
def test_mixed_spaces_are_searched(name):
    target = MIXED.sample(np.random.default_rng(5))
    goal = distance(MIXED, target)
    ours, random = [], []
    for seed in range(3):
        spec = StudySpec(MIXED, budget=300, seed=seed)
        ours.append(best_of(drive(SAMPLERS[name], goal, 300, spec)[0]))
        random.append(best_of(drive(Random(), goal, 300, spec)[0]))
    assert np.median(ours) < min(random)


@every
def test_nested_spaces_are_searched(name):
    target = {"lr": 0.002, "depth": 6, "kind": "b", "optimizer": {"adam": {"beta": 0.95}}}
    goal = distance(NESTED, target)
    log, _ = drive(SAMPLERS[name], goal, 300, StudySpec(NESTED, budget=300, seed=2))
    assert best_of(log) < 0.01
    assert all(NESTED.check(config) == config for config in configs(log))


@every
def test_configurations_of_a_countable_space_are_seldom_repeated(name):
    space = MIXED.from_dict({"parameters": {k: v for k, v in MIXED.to_dict()["parameters"].items() if k[0] != "x"}})
    goal = distance(space, space.sample(np.random.default_rng(1)))
    log, _ = drive(SAMPLERS[name], goal, 300, StudySpec(space, budget=300, seed=2))
    assert len(set(configs(log))) > 100
    assert best_of(log) < 0.07  # at most one step of `level` or two of `depth` away


@every
def test_feasibility_comes_before_value(name):
    def objective(number, config):
        x, y = config["x0"], config["x1"]
        return complete(number, x + y, constraints=[1.0 - x, 2.0 - y])  # the best is at the corner (1, 2)

    log, _ = drive(SAMPLERS[name], objective, 400, StudySpec(box(2), budget=400, seed=4))
    feasible = [e.values[0] for e in log if isinstance(e, Finished) and e.violation == 0.0]
    assert 3.0 <= min(feasible) < 3.1


@every
def test_all_but_the_genetic_sampler_refuse_several_objectives(name):
    spec = StudySpec(box(2), directions=("minimize", "maximize"))
    if name == "genetic":
        assert SAMPLERS[name].init(spec).members == ()
        return
    with pytest.raises(InvalidInput, match="objective"):
        SAMPLERS[name].init(spec)


@every
def test_trials_of_other_samplers_and_of_an_old_space_count(name):
    sampler = SAMPLERS[name]
    spec = StudySpec(box(2), budget=100, first=40, seed=1)
    old, _ = drive(sampler, sphere(), 40, StudySpec(box(2), budget=100, seed=2))
    other, _ = drive(Random(), sphere(), 20, spec, start=40)
    state = sampler.tell(sampler.init(spec), old + other)
    log, _ = drive(sampler, sphere(), 100, spec, state, start=60)
    assert best_of(log) < 0.5


@every
def test_a_study_goes_on_under_other_settings(name):
    spec = StudySpec(NESTED, budget=100, seed=1)
    larger = dataclasses.replace(SAMPLERS[name], population=20)
    log, _ = drive(larger, lambda number, _: float(np.sin(number)), 60, spec)
    smaller = dataclasses.replace(SAMPLERS[name], population=5)
    state = smaller.tell(smaller.init(spec), stored(log))
    more, _ = drive(smaller, lambda number, _: float(np.sin(number)), 40, spec, state, start=60)
    assert all(NESTED.contains(config) for config in configs(more))
    assert len(set(configs(more))) >= 30  # the objective is noise, so small populations meet themselves


@every
def test_a_search_goes_on_after_failures_alone(name):
    failed = lambda number, _: Finished(number, TrialState.FAILED, None, None, "it failed")  # noqa: E731
    log, state = drive(SAMPLERS[name], failed, 100, StudySpec(box(2), budget=400, seed=1))
    assert len(set(configs(log))) > 90
    log, _ = drive(SAMPLERS[name], sphere(), 200, StudySpec(box(2), budget=400, seed=1), state, start=100)
    assert best_of(log) < 0.1


@every
def test_a_population_of_one_is_refused(name):
    with pytest.raises(InvalidInput, match="population is 1;"):
        dataclasses.replace(SAMPLERS[name], population=1)
