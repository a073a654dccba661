"""Warm starts of studies: their order, their direction and their checks."""

from __future__ import annotations

import math

import pytest

from seasoned import Choice, Float, Int, Random, Space, Study, WarmStart
from seasoned.errors import InvalidConfig, InvalidInput
from seasoned.samplers import Bayes
from seasoned.storage import MemoryStorage

NESTED = Space(x=Float(-1, 1), branch=Choice(a=Space(y=Float(0, 1)), b=Space()))
SPACE = Space(x=Float(-1, 1), n=Int(1, 5))
SQUARE = Space(x=Float(0, 1), y=Float(0, 1))


def square(config):
    return config["x"] ** 2


def test_a_warm_start_runs_first_and_must_fit_the_space():
    config = {"x": 0.25, "branch": {"b": {}}}
    study = Study(NESTED, sampler=Random(warm_start=WarmStart((config,))), seed=0)
    study.optimize(square, trials=2)
    assert study.trials[0].config == config
    with pytest.raises(InvalidConfig, match="'x' is 3"):
        Study(NESTED, sampler=Random(warm_start=WarmStart(({**config, "x": 3},))))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"values": (1.0, math.nan), "points": ((0.5,), (0.1,))}, "WarmStart is nan"),
        ({"values": (1.0,), "points": ((5.0,),)}, "outside"),
        ({"population": ((-0.1,),)}, "outside"),
        ({"step_size": -1}, "step_size is -1"),
    ],
)
def test_a_warm_start_of_impossible_numbers_is_refused(options, words):
    with pytest.raises(InvalidInput, match=words):
        Study(Space(x=Float(0, 1)), sampler=Random(warm_start=WarmStart(**options)))


def test_values_of_a_warm_start_are_in_the_direction_of_the_study():
    points = [[v / 10] for v in range(11)]
    values = [-((v[0] - 0.8) ** 2) for v in points]
    for direction, sign in (("maximize", 1), ("minimize", -1)):
        warm = WarmStart(points=points, values=[sign * value for value in values])
        study = Study(Space(x=Float(0, 1)), sampler=Bayes(warm_start=warm), direction=direction, seed=0)
        assert study.ask().config["x"] == pytest.approx(0.8, abs=0.11)
    relative = WarmStart(points=points, values=[-value for value in values], relative=True)
    study = Study(Space(x=Float(0, 1)), sampler=Bayes(warm_start=relative), direction="maximize", seed=0)
    assert study.ask().config["x"] == pytest.approx(0.8, abs=0.11)


def test_a_late_warm_start_is_not_used_and_logged(caplog):
    storage = MemoryStorage()
    warm = WarmStart(configurations=[{"x": 0.25, "n": 2}])
    Study(SPACE, sampler=Random(warm_start=warm), storage=storage, name="s")
    Study(SPACE, sampler=Random(warm_start=warm), storage=storage, name="s")
    assert not caplog.text
    Study(SPACE, sampler=Random(warm_start=WarmStart(configurations=[{"x": 0.5, "n": 2}])), storage=storage, name="s")
    assert "began without this warm start" in caplog.text


def test_a_warm_start_of_another_space_is_refused_and_not_stored(tmp_path):
    store = f"sqlite:///{tmp_path}/runs.db"
    for given in ({"points": [[0.1]], "values": [1.0]}, {"population": [[0.1, 0.2, 0.3]]}):
        with pytest.raises(InvalidInput, match=r"has [13] coordinates, and the space 2"):
            Study(SQUARE, sampler=Bayes(warm_start=WarmStart(**given)), storage=store, name="s")
    right = WarmStart(points=[[0.1, 0.2]], values=[1.0])
    study = Study(SQUARE, sampler=Bayes(warm_start=right), storage=store, name="s", seed=0)
    study.optimize(lambda config: config["x"], trials=2)
    assert study.trials[0].config == pytest.approx({"x": 0.1, "y": 0.2})
