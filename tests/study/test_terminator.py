"""`Terminator`: the end of a search whose expected improvement is below the noise."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned import Categorical, Choice, Constrained, Float, Random, Space, Study
from seasoned.errors import InvalidInput
from seasoned.study import Terminator

PLANE = Space(x=Float(-1, 1), y=Float(-1, 1))
MIXED = Space(kind=Categorical(["a", "b"]), net=Choice(deep=Space(w=Float(0, 1)), flat=Space()), x=Float(-1, 1))


def trials(f, terminator, space=PLANE, **how):
    study = Study(space, seed=0, **how)
    study.optimize(f, trials=80, callbacks=[terminator])
    return len(study.trials)


def bowl(config):
    return config["x"] ** 2 + config["y"] ** 2


def test_the_search_ends_once_no_configuration_promises_more_than_the_noise():
    coarse, fine = trials(bowl, Terminator(noise=0.05)), trials(bowl, Terminator(noise=1e-3))
    assert coarse <= fine < 80
    assert trials(bowl, Terminator(noise=0.0)) == 80
    assert trials(lambda config: -bowl(config), Terminator(noise=0.05), direction="maximize") == coarse


def test_the_noise_is_estimated_by_default():
    rng = np.random.default_rng(0)
    assert trials(lambda config: bowl(config) + 0.3 * rng.normal(), Terminator()) < 80


def test_the_first_check_is_after_least_complete_trials():
    assert trials(bowl, Terminator(noise=9.0, least=30)) == 30
    assert trials(bowl, Terminator(noise=9.0, least=21, every=10)) == 30


def test_categories_branches_and_constraints():
    def objective(config):
        deep = config["net"].get("deep", {"w": 0.5})["w"]
        return Constrained(config["x"] ** 2 + deep + (config["kind"] == "a"), constraints=[-1.0])

    assert trials(objective, Terminator(noise=0.2), MIXED, sampler=Random()) < 80


def test_a_constant_promises_nothing_and_is_not_below_no_noise():
    assert trials(lambda _: 1.0, Terminator()) == 80
    assert trials(lambda _: 1.0, Terminator(noise=0.1)) == 20


def test_refused():
    for wrong in ({"noise": -1.0}, {"noise": float("nan")}, {"least": 3}, {"every": 0}):
        with pytest.raises(InvalidInput):
            Terminator(**wrong)
    study = Study(PLANE, direction=("minimize", "minimize"))
    with pytest.raises(InvalidInput, match="one objective"):
        study.optimize(lambda config: (config["x"], config["y"]), trials=3, callbacks=[Terminator()])
