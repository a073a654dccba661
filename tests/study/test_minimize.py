"""minimize and maximize: the best trial of a search in one call."""

from __future__ import annotations

import pytest

import seasoned
from random_search import maximize_at_random, minimize_at_random
from seasoned import Choice, Float, Int, Random, Space, minimize
from seasoned.errors import InvalidInput
from seasoned.samplers import Grid

NESTED = Space(x=Float(-1, 1), branch=Choice(a=Space(y=Float(0, 1)), b=Space()))
LINE = Space(x=Float(0, 1))


def square(config):
    return config["x"] ** 2


def test_minimize_and_maximize_return_the_best_trial():
    low = minimize_at_random(square, NESTED, trials=30, seed=0)
    high = maximize_at_random(square, NESTED, trials=30, seed=0)
    assert low.value == min(low.value, 0.05)
    assert high.value > 0.8
    assert high.value == square(high.config)


def test_the_default_sampler_learns():
    best = seasoned.minimize(lambda config: (config["x"] - 0.3) ** 2, Space(x=Float(-1, 1)), trials=15, seed=0)
    assert best.value < 1e-3  # of 15 random trials the best is so good with probability 0.38


def test_a_search_that_fails_late_returns_its_best_trial(caplog):
    tried = []

    def breaking(config):
        tried.append(config["x"])
        if len(tried) > 30:
            raise OSError("No space left on device")
        return config["x"]

    best = minimize(breaking, Space(x=Float(0, 1)), trials=300, seed=0, progress=False)
    assert best.value == min(tried[:30])
    assert len(tried) < 100
    assert "the search ends early, with the best trial so far" in caplog.text


def test_an_interrupted_search_logs_its_best_trial(caplog):
    def interrupted(config):
        if config["x"] < 0.2:
            raise KeyboardInterrupt
        return config["x"]

    with pytest.raises(KeyboardInterrupt):
        minimize(interrupted, Space(x=Float(0, 1)), trials=300, seed=0, progress=False)
    assert "interrupted; the best so far: (0." in caplog.text


def x_of(config):
    return config["x"]


def test_a_refused_call_of_minimize_stores_no_study(tmp_path):
    place = {"storage": tmp_path / "r.db", "name": "a"}
    refused = ({}, {"trials": 3, "trial_memory": "much"}, {"trials": 3, "workers": "two"})
    for options in refused:
        with pytest.raises(InvalidInput):
            minimize(x_of, LINE, **place, **options)
    for options in ({"sampler": Random()}, {"trials": 3, "callbacks": print}):
        with pytest.raises(InvalidInput):
            minimize(x_of, LINE, **place, **options)
    with pytest.raises(InvalidInput):
        minimize(lambda: 1.0, LINE, trials=3, **place)
    with pytest.raises(TypeError, match="takes no n_jobs=; write workers=4"):
        minimize(x_of, LINE, trials=3, n_jobs=2, **place)
    assert not (tmp_path / "r.db").exists()
    assert minimize(x_of, LINE, trials=5, seed=0, **place).value < 1
    assert minimize(x_of, Space(x=Int(0, 3)), sampler=Grid()).value == 0, "a grid has an end"
