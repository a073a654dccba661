"""TPE: that it learns, branch by branch, with constraints, several objectives and running trials."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned import Categorical, Choice, Constrained, Float, Int, Random, Space, Study, WarmStart
from seasoned.errors import InvalidInput
from seasoned.samplers import TPE, Bayes
from seasoned.samplers.tpe import _order
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState

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
def test_it_beats_chance(f, space):
    """On 6 seeds of 6; as good as chance it would with probability 1/64."""
    wins = sum(best(f, space, TPE(), 60, s).value < best(f, space, Random(), 60, s).value for s in range(6))
    assert wins == 6


def test_it_stays_in_the_good_branch():
    study = Study(TREE, sampler=TPE(), seed=0)
    study.optimize(tree, trials=80)
    assert sum("b" in trial.config["model"] for trial in study.trials[40:]) > 25


def test_infeasible_trials_are_left():
    study = Study(PLAIN, sampler=TPE(), seed=0)
    study.optimize(lambda config: Constrained(config["x"], constraints=[2 - config["x"]]), trials=60)
    assert 2 <= study.best.value < 2.5
    assert sum(trial.feasible for trial in study.trials[30:]) > 15


def test_failures_are_left():
    def f(config):
        if config["x"] < 0:
            raise ValueError("negative")
        return config["y"] ** 2

    study = Study(PLAIN, sampler=TPE(), seed=0)
    study.optimize(f, trials=60)
    assert sum(trial.state is TrialState.FAILED for trial in study.trials[30:]) < 9  # by chance 15 of 30


def test_several_objectives_grow_the_front():
    def both(config):
        return config["x"] ** 2 + config["y"] ** 2, (config["x"] - 2) ** 2 + config["z"] ** 2

    volumes = []
    for sampler in (TPE(), Random()):
        study = Study(PLAIN, direction=("minimize", "minimize"), sampler=sampler, seed=0)
        study.optimize(both, trials=100)
        volumes.append(study.hypervolume((10, 10)))
    assert volumes[0] > volumes[1]


def test_running_trials_are_avoided():
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


def test_nothing_is_tried_twice_while_there_is_something_new():
    study = Study(Space(a=Int(0, 9), b=Categorical(list("vwxyz"))), sampler=TPE(), seed=0)
    study.optimize(lambda config: config["a"], trials=40)
    assert len({trial.config for trial in study.trials}) == 40


def test_a_warm_start_helps():
    points = np.random.default_rng(0).random((40, 3))
    values = ((points * 10 - 6) ** 2).sum(axis=1)
    warm = WarmStart(points=tuple(map(tuple, points)), values=tuple(values))
    warmed = [best(sphere, PLAIN, TPE(warm_start=warm), 10, seed).value for seed in range(5)]
    cold = [best(sphere, PLAIN, TPE(), 10, seed).value for seed in range(5)]
    assert np.median(warmed) < np.median(cold)


def test_a_warm_start_that_lies_does_not_hold_the_search():
    """It praises the far corner with values that nothing here can reach."""
    points = 0.02 * np.random.default_rng(0).random((40, 3))
    warm = WarmStart(points=tuple(map(tuple, points)), values=tuple(np.arange(40) - 1e6))
    misled = [best(sphere, PLAIN, TPE(warm_start=warm), 60, seed).value for seed in range(5)]
    cold = [best(sphere, PLAIN, TPE(), 60, seed).value for seed in range(5)]
    assert np.median(misled) < 3 * np.median(cold) + 1.0


@pytest.mark.parametrize("settings", [{"startup": 0}, {"candidates": 0}, {"good": 0.0}, {"good": 1.0}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InvalidInput, match=next(iter(settings))):
        TPE(**settings)


def test_trials_that_break_constraints_stand_in_nobodys_way():
    feasible = [(0.0, 1.0, 5.0), (0.0, 2.0, 2.0), (0.0, 5.0, 1.0), (0.0, 5.5, 5.5)]
    broken = [(0.2, 1.9, 1.9), (0.1, 0.0, 0.0)]
    order = _order(np.array([*broken, *feasible]), 6).tolist()
    assert set(order[:3]) == {2, 3, 4}, "the front among those that keep the constraint"
    assert order[3:] == [5, 1, 0], "then the dominated one, then by how far the constraint is broken"


@pytest.mark.parametrize("sampler", [TPE(), Bayes()])
def test_a_small_space_is_tried_to_its_end(sampler):
    space = Space(a=Categorical([*"abcdef"]), n=Int(1, 6, log=True))
    study = Study(space, sampler=sampler, seed=0)
    study.optimize(lambda c: c["n"] + ord(c["a"]), trials=36)
    assert len({trial.config for trial in study.trials}) == 36
