"""TPE: learning by branches, with constraints, several objectives and running trials."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned import Categorical, Choice, Constrained, Float, Int, Random, Space, Study, WarmStart
from seasoned.errors import InvalidInput
from seasoned.samplers import TPE, Bayes
from seasoned.samplers.tpe import best_first
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState
from study_parts import ledger_of

SQUARE = Space(x=Float(0, 1), y=Float(0, 1))


PLAIN = Space(x=Float(-5, 5), y=Float(-5, 5), z=Float(-5, 5))
TREE = Space(
    u=Float(0, 1),
    model=Choice(a=Space(p=Float(0, 1)), b=Space(p=Float(0, 1), q=Int(0, 9)), c=Space(k=Categorical(list("vwxyz")))),
)


def sphere(config):
    return sum((value - 1) ** 2 for value in config.values())


def tree(config):
    ((option, inner),) = config["model"].items()
    held = {"a": lambda: 1 + inner["p"], "b": lambda: abs(inner["p"] - 0.3) + abs(inner["q"] - 7), "c": lambda: 2.0}
    return held[option]() + (config["u"] - 0.5) ** 2


def best(f, space, sampler, trials, seed):
    study = Study(space, sampler=sampler, seed=seed)
    study.optimize(f, trials=trials)
    return study.best


@pytest.mark.parametrize(("f", "space"), [(sphere, PLAIN), (tree, TREE)])
def test_tpe_beats_random_search(f, space):
    """On 6 seeds of 6; as good as chance it would with probability 1/64."""
    wins = sum(best(f, space, TPE(), 60, s).value < best(f, space, Random(), 60, s).value for s in range(6))
    assert wins == 6


def test_tpe_stays_in_the_good_branch():
    study = Study(TREE, sampler=TPE(), seed=0)
    study.optimize(tree, trials=80)
    assert sum("b" in trial.config["model"] for trial in study.trials[40:]) > 25


def test_tpe_leaves_infeasible_regions():
    study = Study(PLAIN, sampler=TPE(), seed=0)
    study.optimize(lambda config: Constrained(config["x"], constraints=[2 - config["x"]]), trials=60)
    assert 2 <= study.best.value < 2.5
    assert sum(trial.feasible for trial in study.trials[30:]) > 15


def test_tpe_leaves_regions_that_fail():
    def f(config):
        if config["x"] < 0:
            raise ValueError("negative")
        return config["y"] ** 2

    study = Study(PLAIN, sampler=TPE(), seed=0)
    study.optimize(f, trials=60)
    assert sum(trial.state is TrialState.FAILED for trial in study.trials[30:]) < 9  # by chance 15 of 30


def test_tpe_grows_the_front_of_several_objectives():
    def both(config):
        return config["x"] ** 2 + config["y"] ** 2, (config["x"] - 2) ** 2 + config["z"] ** 2

    volumes = []
    for sampler in (TPE(), Random()):
        study = Study(PLAIN, direction=("minimize", "minimize"), sampler=sampler, seed=0)
        study.optimize(both, trials=100)
        volumes.append(study.hypervolume((10, 10)))
    assert volumes[0] > volumes[1]


def test_tpe_avoids_running_trials():
    """The same state, once with a running trial at what would be tried: the density moves away from it."""
    sampler = TPE(startup=1)
    state = sampler.init(StudySpec(Space(x=Float(0, 1)), seed=0))
    rng = np.random.default_rng(0)
    for number, x in enumerate(rng.random(40).tolist()):
        state = sampler.tell(
            state, [Suggested(number, Config(x=x)), Finished(number, TrialState.COMPLETE, (abs(x - 0.5),))]
        )
    first = sampler.ask(state, range(100, 130))[0]
    centre = float(np.median([given.config["x"] for given in first]))
    busy = sampler.tell(state, [Suggested(200 + i, Config(x=centre + 1e-4 * i)) for i in range(40)])
    second = sampler.ask(busy, range(100, 130))[0]
    away = [np.mean([abs(given.config["x"] - centre) for given in suggestions]) for suggestions in (first, second)]
    assert away[1] > 1.5 * away[0]


def test_tpe_repeats_no_configuration_before_all_are_tried():
    study = Study(Space(a=Int(0, 9), b=Categorical(list("vwxyz"))), sampler=TPE(), seed=0)
    study.optimize(lambda config: config["a"], trials=40)
    assert len({trial.config for trial in study.trials}) == 40


def test_tpe_gains_from_a_warm_start():
    points = np.random.default_rng(0).random((40, 3))
    values = ((points * 10 - 6) ** 2).sum(axis=1)
    warm = WarmStart(points=tuple(map(tuple, points)), values=tuple(values))
    warmed = [best(sphere, PLAIN, TPE(warm_start=warm), 10, seed).value for seed in range(5)]
    cold = [best(sphere, PLAIN, TPE(), 10, seed).value for seed in range(5)]
    assert np.median(warmed) < np.median(cold)


def test_tpe_overcomes_a_misleading_warm_start():
    """It praises the far corner with values that nothing here can reach."""
    points = 0.02 * np.random.default_rng(0).random((40, 3))
    warm = WarmStart(points=tuple(map(tuple, points)), values=tuple(np.arange(40) - 1e6))
    misled = [best(sphere, PLAIN, TPE(warm_start=warm), 60, seed).value for seed in range(5)]
    cold = [best(sphere, PLAIN, TPE(), 60, seed).value for seed in range(5)]
    assert np.median(misled) < 3 * np.median(cold) + 1.0


@pytest.mark.parametrize("settings", [{"startup": 0}, {"candidates": 0}, {"good": 0.0}, {"good": 1.0}])
def test_tpe_refuses_settings_out_of_range(settings):
    with pytest.raises(InvalidInput, match=next(iter(settings))):
        TPE(**settings)


def test_tpe_orders_infeasible_trials_after_feasible_ones():
    feasible = [(0.0, 1.0, 5.0), (0.0, 2.0, 2.0), (0.0, 5.0, 1.0), (0.0, 5.5, 5.5)]
    broken = [(0.2, 1.9, 1.9), (0.1, 0.0, 0.0)]
    order = best_first(np.array([*broken, *feasible]), 6).tolist()
    assert set(order[:3]) == {2, 3, 4}, "the front among those that keep the constraint"
    assert order[3:] == [5, 1, 0], "then the dominated one, then by how far the constraint is broken"


@pytest.mark.parametrize("sampler", [TPE(), Bayes()])
def test_tpe_and_bayes_try_a_small_space_to_its_end(sampler):
    space = Space(a=Categorical([*"abcdef"]), n=Int(1, 6, log=True))
    study = Study(space, sampler=sampler, seed=0)
    study.optimize(lambda c: c["n"] + ord(c["a"]), trials=36)
    assert len({trial.config for trial in study.trials}) == 36


def told(sampler, state, number, config, value, tag=None):
    asked = Suggested(number, Config(config), tag, "here")
    return sampler.tell(state, [asked, Finished(number, TrialState.COMPLETE, (value,), 1.0, None)])


def test_tpe_has_no_second_start_in_a_study_with_trials():
    sampler = TPE()
    state = sampler.init(StudySpec(SQUARE, ("minimize",), 0, first=50))
    rng = np.random.default_rng(0)
    for number in range(50):
        x, y = rng.random(2)
        state = told(sampler, state, number, {"x": x, "y": y}, (x - 0.2) ** 2 + (y - 0.2) ** 2)
    asked = [sampler.ask(state, [50 + place])[0][0].config for place in range(10)]
    near = [np.hypot(config["x"] - 0.2, config["y"] - 0.2) for config in asked]
    assert np.median(near) < 0.25, "it goes by what is known, and not by a design of ten"


def test_tpe_orders_two_objectives_by_the_first_fronts_alone(monkeypatch):
    calls = []
    from seasoned.trials import pareto

    usual = pareto.crowding_distance
    monkeypatch.setattr("seasoned.samplers.tpe.crowding_distance", lambda v: calls.append(len(v)) or usual(v))
    rng = np.random.default_rng(0)
    one = rng.random(2000)
    results = np.column_stack([np.zeros(2000), one, one + 0.001 * rng.random(2000)])
    order = best_first(results, 20)
    assert len(calls) < 40
    assert set(order[:20]) <= set(np.argsort(one)[:60])


def test_tpe_searches_integers_of_a_wide_range():
    study = Study(Space(k=Int(1, 1000), m=Int(1, 1000)), sampler=TPE(), seed=0)
    study.optimize(lambda config: abs(config["k"] - 700) + abs(config["m"] - 30), trials=80)
    assert study.best.value < 150


def test_tpe_orders_the_first_fronts_alike_at_any_length():
    rng = np.random.default_rng(0)
    results = np.column_stack([np.zeros(200), rng.random((200, 3))])
    whole, some = best_first(results, 200), best_first(results, 30)
    np.testing.assert_array_equal(some[:30], whole[:30])
    assert sorted(some) == list(range(200))


def test_tpe_splits_each_branch_by_its_own_trials():
    """With several objectives a branch's good trials are the best of the branch, wherever they stand among all."""
    space = Space(kind=Choice(a=Space(u=Float(0, 1)), b=Space(v=Float(0, 1))))
    spec, sampler = StudySpec(space, ("minimize",) * 3, seed=0), TPE()
    state = sampler.init(spec)
    for number in range(40):
        place = number / 40
        config = {"kind": {"a": {"u": place}}} if number % 2 else {"kind": {"b": {"v": place}}}
        values = (place, place, place) if number % 2 else (5 - place, 5 - place, 5 - place)
        ended = Finished(number, TrialState.COMPLETE, values)
        state = sampler.tell(state, [Suggested(number, space.check(config)), ended])
    splits = sampler._splits(state)
    assert len(splits) == len(state.branches.branches)
    best = [sorted(split.best.tolist()) for split in splits]
    assert [1, 3, 5] in best, "the three smallest of a"
    assert [34, 36, 38] in best, "the three smallest of b"


def test_a_batch_of_tpe_has_no_point_twice():
    space = Space(a=Categorical([*"abcdefgh"]))
    study = Study(space, sampler=TPE(startup=2), seed=0)
    batch = [study.ask() for _ in range(2)]
    sampler = TPE(startup=2)
    state = sampler.init(ledger_of(study).spec)
    suggestions, _ = sampler.ask(state, range(8))
    assert len({suggestion.config["a"] for suggestion in suggestions}) == 8
    assert len({trial.config["a"] for trial in batch}) == 2
