"""What all evolutionary samplers owe, beyond the contract kit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from evolving import MIXED, NESTED, best_of, box, complete, distance, drive, drive_many, spec_of, sphere, stored

from seasoned.errors import InvalidInput
from seasoned.samplers import CMAES, DifferentialEvolution, Genetic, ParticleSwarm, Random
from seasoned.samplers.checks import same
from seasoned.samplers.evolution.population import Genes
from seasoned.space import Int, Space
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState, WarmStart

SAMPLERS = {
    "genetic": Genetic(),
    "regularized": Genetic(regularized=True),
    "differential": DifferentialEvolution(),
    "swarm": ParticleSwarm(),
    "cmaes": CMAES(),
}
every = pytest.mark.parametrize("name", SAMPLERS)


def configs(log):
    return [event.config for event in log if isinstance(event, Suggested)]


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
def test_a_batch_is_what_single_asks_give(name):
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
def test_countable_spaces_are_not_repeated_before_they_are_searched(name):
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
def test_a_warm_start_comes_first_then_its_population(name):
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


@every
def test_several_objectives_are_refused_by_name(name):
    spec = StudySpec(box(2), directions=("minimize", "maximize"))
    if name == "genetic":
        assert SAMPLERS[name].init(spec).members == ()
        return
    with pytest.raises(InvalidInput, match="objective"):
        SAMPLERS[name].init(spec)


@every
def test_trials_of_other_samplers_and_of_the_space_before_count(name):
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
def test_it_goes_on_when_all_has_failed(name):
    failed = lambda number, _: Finished(number, TrialState.FAILED, None, None, "it failed")  # noqa: E731
    log, state = drive(SAMPLERS[name], failed, 100, StudySpec(box(2), budget=400, seed=1))
    assert len(set(configs(log))) > 90
    log, _ = drive(SAMPLERS[name], sphere(), 200, StudySpec(box(2), budget=400, seed=1), state, start=100)
    assert best_of(log) < 0.1


@every
def test_population_is_checked(name):
    with pytest.raises(InvalidInput, match="population is 1;"):
        dataclasses.replace(SAMPLERS[name], population=1)


def test_another_value_of_a_whole_number_on_a_logarithmic_scale_is_another():
    space = Space(n=Int(1, 3, log=True))
    genes, rng = Genes.of(space), np.random.default_rng(0)
    for n in (1, 2, 3):
        unit = space.encode({"n": n}).unit
        found = {genes.fresh(unit, unit, rng)["n"] for _ in range(50)}
        assert found == {1, 2, 3} - {n}
        assert {genes.bin_of(0, genes.beside(0, float(unit[0]), up=up)) + 1 for up in (True, False)} <= {1, 2, 3} - {n}
