"""Forbidden combinations: clauses, and the points that stand for them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seasoned import Categorical, Int, Random, Space, Study
from seasoned.errors import InvalidConfig, InvalidSpace
from seasoned.space import Between, Choice, Float

FORBIDDING = Space(a=Int(1, 5), b=Categorical(["x", "y"]), forbidden=[{"a": Between(4, 5), "b": "y"}])


def test_a_forbidden_point_is_decoded_to_the_nearest_allowed_one():
    assert FORBIDDING.decode([0.95, 0.9]) == {"a": 5, "b": "x"} or FORBIDDING.decode([0.95, 0.9])["a"] == 3
    assert FORBIDDING.decode([0.61, 0.9]) == {"a": 3, "b": "y"}, "an integer away is nearer than the other category"
    with pytest.raises(InvalidConfig, match="forbidden by"):
        FORBIDDING.check({"a": 4, "b": "y"})


def test_a_forbidden_float_is_decoded_to_the_end_of_its_clause():
    space = Space(x=Float(0, 1, default=0.1), forbidden=[{"x": Between(0.4, 0.6)}])
    assert space.decode([0.45])["x"] == pytest.approx(0.4)
    assert space.decode([0.55])["x"] == pytest.approx(0.6)
    assert space.contains(space.decode([0.45]))


def test_an_infinite_end_of_a_clause_is_no_bound():
    space = Space(
        x=Float(0, 1, default=0.1), n=Int(0, 9), forbidden=[{"x": Between(0.5, math.inf), "n": Between(-math.inf, 9)}]
    )
    assert not space.contains({"x": 0.7, "n": 3})
    assert space.contains({"x": 0.3, "n": 3})
    again = Space.from_json(space.to_json())
    assert again == space
    assert not again.contains({"x": 0.7, "n": 3})
    assert Space(n=Int(0, 9, default=0), forbidden=[{"n": Between(np.int64(4), np.int64(9))}]).to_json()


def test_points_of_forbidden_combinations_are_not_allowed():
    inner = Space(a=Categorical(["u", "v"]), b=Float(0, 1), forbidden=[{"a": "u", "b": 0.0}])
    space = Space(kind=Choice(one=inner, two=Space()), n=Int(1, 4), forbidden=[{"n": [4]}])
    assert space.allows([0.2, 0.2, 0.5, 0.1])
    assert not space.allows([0.2, 0.2, 0.0, 0.1])
    assert space.allows([0.8, 0.2, 0.0, 0.1]), "the branch is not in use"
    assert not space.allows([0.8, 0.2, 0.0, 1.5])
    assert Space(x=Float(0, 1)).allows([0.3])


def test_very_many_forbidden_pairs_leave_different_samples():
    names = [f"{kind}_{layer}" for layer in range(40) for kind in ("act", "norm")]
    space = Space(
        {name: Categorical(["relu", "tanh"] if name.startswith("act") else ["batch", "none"]) for name in names},
        forbidden=[{f"act_{layer}": "tanh", f"norm_{layer}": "none"} for layer in range(40)],
    )
    rng = np.random.default_rng(0)
    drawn = [space.decode(rng.random(80)) for _ in range(5)]
    assert all(space.contains(config) for config in drawn)
    assert len({str(config) for config in drawn}) == 5, "and are not the default again and again"
    assert all(config != space.default for config in drawn)
    study = Study(space, sampler=Random(), seed=0)
    study.optimize(lambda config: sum(value == "tanh" for value in config.values()), trials=10)
    assert len({str(trial.config) for trial in study.trials}) == 10


def test_a_single_clause_without_a_list_is_refused():
    with pytest.raises(InvalidSpace, match="give a list of clauses"):
        Space(x=Int(0, 3), forbidden={"x": 1})
