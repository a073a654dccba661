"""Errors of spaces: wrong declarations and configurations are refused with the value and the rule."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seasoned.errors import InvalidConfig, InvalidSpace
from seasoned.space import Between, Categorical, Choice, Float, Int, Space

BROKEN = {
    "low above high": (lambda: Float(2, 1), r"Float\(2.0, 1.0\)"),
    "low equals high": (lambda: Int(3, 3), r"Int\(3, 3\)"),
    "log from zero": (lambda: Float(0, 1, log=True), "above 0"),
    "log from below": (lambda: Int(0, 5, log=True), "above 0"),
    "nan": (lambda: Float(math.nan, 1), "nan"),
    "inf": (lambda: Float(0, math.inf), "inf"),
    "too wide": (lambda: Float(-1e308, 1e308), "narrow"),
    "log too narrow": (lambda: Float(1, 1 + 1e-12, log=True), "narrow"),
    "int too wide": (lambda: Int(0, 2**60), "wider"),
    "text bound": (lambda: Float("0", 1), "'0'"),
    "float in Int": (lambda: Int(0, 1.5), "1.5"),
    "bool bound": (lambda: Int(False, 3), "False"),
    "default outside": (lambda: Float(0, 1, default=2), "2.0, outside"),
    "default no int": (lambda: Int(0, 3, default=1.5), "1.5"),
    "no choices": (lambda: Categorical([]), "no choices"),
    "text as choices": (lambda: Categorical("abc"), "'abc'"),
    "doubled choice": (lambda: Categorical(["a", "b", "a"]), "'a' appears twice"),
    "default no choice": (lambda: Categorical(["a"], default="b"), "'b', none of"),
    "nan choice": (lambda: Categorical([math.nan]), "nan"),
    "object choice": (lambda: Categorical([object()]), "object"),
    "no options": (Choice, "no options"),
    "option no space": (lambda: Choice(a=3), "'a' is 3"),
    "default no option": (lambda: Choice(a=Space(), default="b"), "'b' is none"),
    "doubled name": (lambda: Space({"x": Int(0, 1)}, x=Int(0, 1)), "'x' is given twice"),
    "dotted name": (lambda: Space({"a.b": Int(0, 1)}), "'a.b'"),
    "empty name": (lambda: Space({"": Int(0, 1)}), "''"),
    "no parameter": (lambda: Space(x=[1, 2]), r"'x' is \[1, 2\]"),
    "unknown in clause": (lambda: Space(x=Int(0, 1), forbidden=[{"y": 1}]), "'y'"),
    "empty clause": (lambda: Space(x=Int(0, 1), forbidden=[{}]), "empty"),
    "bad value in clause": (lambda: Space(x=Int(0, 1), forbidden=[{"x": 7}]), "7"),
    "between categories": (lambda: Space(x=Categorical([1, 2]), forbidden=[{"x": Between(1, 2)}]), "list the values"),
    "between nothing": (lambda: Between(2, 1), "low"),
    "default forbidden": (lambda: Space(x=Categorical(["a", "b"]), forbidden=[{"x": "a"}]), "default"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_contradictory_declarations_are_refused(name):
    declare, pattern = BROKEN[name]
    with pytest.raises(InvalidSpace, match=pattern):
        declare()


SPACE = Space(n=Int(1, 5), kind=Categorical(["a", 1.0, True]), branch=Choice(one=Space(x=Float(0, 1)), two=Space()))
FORBIDDING = Space(a=Int(1, 5), b=Categorical(["x", "y"]), forbidden=[{"a": Between(4, 5), "b": "y"}])

WRONG = {
    "missing": ({"n": 1, "kind": "a"}, "branch"),
    "unknown": ({"n": 1, "kind": "a", "branch": {"two": {}}, "m": 1}, "'m'"),
    "outside": ({"n": 9, "kind": "a", "branch": {"two": {}}}, "'n' is 9"),
    "several values": ({"n": 1, "kind": np.array(["a", "a"]), "branch": {"two": {}}}, "'kind' is a"),
    "no category": ({"n": 1, "kind": "b", "branch": {"two": {}}}, "'kind' is 'b'"),
    "two options": ({"n": 1, "kind": "a", "branch": {"one": {"x": 0}, "two": {}}}, "one key"),
    "option as text": ({"n": 1, "kind": "a", "branch": "two"}, "'two'"),
    "nested outside": ({"n": 1, "kind": "a", "branch": {"one": {"x": 2}}}, "'branch.one.x' is 2"),
    "nested missing": ({"n": 1, "kind": "a", "branch": {"one": {}}}, "'branch.one' lacks"),
    "no dict": ([1, 2], "give a dict"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_configurations_are_refused(name):
    config, pattern = WRONG[name]
    with pytest.raises(InvalidConfig, match=pattern):
        SPACE.check(config)
    assert not SPACE.contains(config)


def test_values_of_a_configuration_become_python_types():
    config = {"n": np.int64(3), "kind": 1, "branch": {"one": {"x": np.float32(0.5)}}}
    cleaned = SPACE.check(config)
    assert cleaned == {"n": 3, "kind": 1.0, "branch": {"one": {"x": 0.5}}}
    assert [type(v) for v in (cleaned["n"], cleaned["kind"], cleaned["branch"]["one"]["x"])] == [int, float, float]
    assert SPACE.check({**config, "kind": True})["kind"] is True


def test_points_of_another_shape_or_with_nan_are_refused():
    with pytest.raises(InvalidConfig, match="shape"):
        SPACE.decode([0.5])
    with pytest.raises(InvalidConfig, match="NaN"):
        FORBIDDING.decode([math.nan, 0.5])
