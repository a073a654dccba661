"""Steps of Int and Float: grids of clean decimals; parameters without a step are unchanged."""

from __future__ import annotations

import math
import pickle
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasoned import Between, Categorical, Choice, Float, Int, Space
from seasoned.errors import InvalidConfig, InvalidSpace
from seasoned.space.grid_values import beyond, values_between, values_of
from strategies import floats, ints, stepped_floats, stepped_ints

SPACE = Space(width=Int(8, 64, step=8), rate=Float(0, 0.5, step=0.1), x=Float(0, 1))
STEPPED = st.one_of(stepped_floats(), stepped_ints())


def some_index(parameter, data):
    return data.draw(st.integers(0, parameter.count - 1))


def nth(parameter, index):
    return parameter.from_unit((index + 0.5) / parameter.count)


def test_stepped_values_are_clean_decimals():
    assert values_of(Float(0, 1, step=0.1), 11) == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    assert values_of(Float(-0.3, 0.35, step=0.15), 9) == (-0.3, -0.15, 0.0, 0.15, 0.3)
    assert values_of(Float(1e-5, 5e-5, step=1e-5), 9) == (1e-5, 2e-5, 3e-5, 4e-5, 5e-5)
    assert list(values_of(Int(0, 100, step=25), 9)) == [0, 25, 50, 75, 100]
    wide = Float(0, 1e6, step=0.01)
    assert all(nth(wide, index) == float(Decimal(index) / 100) for index in range(0, wide.count, 999_983))


@given(stepped_floats(), st.data())
def test_each_value_owns_a_bin_of_equal_width(parameter, data):
    index = some_index(parameter, data)
    value = nth(parameter, index)
    assert parameter.to_unit(value) == (index + 0.5) / parameter.count
    inside = data.draw(st.floats(0.01, 0.99))
    assert parameter.from_unit((index + inside) / parameter.count) == value
    assert abs(value - (parameter.low + index * parameter.step)) <= 1e-3 * parameter.step
    assert (parameter.from_unit(0.0), parameter.from_unit(1.0)) == (parameter.low, parameter.high)


@given(stepped_ints(), st.data())
def test_each_integer_owns_a_bin_of_equal_width(parameter, data):
    index = some_index(parameter, data)
    value = nth(parameter, index)
    assert value == parameter.low + index * parameter.step
    assert parameter.to_unit(value) == (index + 0.5) / parameter.count
    assert (parameter.from_unit(0.0), parameter.from_unit(1.0)) == (parameter.low, parameter.high)


@given(STEPPED, st.data())
def test_a_stepped_parameter_is_restored_from_json_and_pickle(parameter, data):
    assert parameter.clean(parameter.default, "it") == parameter.default
    value = nth(parameter, some_index(parameter, data))
    assert parameter.clean(value, "it") == value
    assert parameter.clean(np.float64(value) if isinstance(parameter, Float) else value, "it") == value
    again = Space.from_json(Space(a=parameter).to_json()).parameters["a"]
    assert again == parameter == pickle.loads(pickle.dumps(parameter))
    assert (again.count, again.high) == (parameter.count, parameter.high)
    kind = type(parameter)
    assert kind(parameter.low, parameter.high, default=value, step=parameter.step).default == value


@given(STEPPED, st.data())
def test_the_next_value_is_a_step_away(parameter, data):
    index = some_index(parameter, data)
    value = nth(parameter, index)
    up, down = beyond(parameter, value, 1), beyond(parameter, value, -1)
    assert up == (nth(parameter, index + 1) if index + 1 < parameter.count else None)
    assert down == (nth(parameter, index - 1) if index > 0 else None)
    if up is not None and value < (middle := data.draw(st.floats(float(value), float(up)))) < up:
        assert (beyond(parameter, middle, -1), beyond(parameter, middle, 1)) == (value, up)


@given(st.one_of(floats(), ints(), STEPPED), st.integers(1, 30))
def test_a_few_values_are_different_and_hold_both_ends(parameter, resolution):
    found = list(values_between(parameter, resolution))
    assert len(set(found)) == len(found) <= resolution
    assert all(parameter.clean(value, "it") == value for value in found)
    if parameter.count is not None and parameter.count <= resolution:
        assert len(found) == parameter.count
    if resolution > 1:
        assert (found[0], found[-1]) == (parameter.low, parameter.high)


def test_the_upper_bound_is_the_last_value():
    assert Int(0, 10, step=3).high == 9
    assert Float(0, 1, step=0.3) == Float(0, 0.9, step=0.3)
    assert Float(0, 0.1 * 3, step=0.1).high == 0.3, "a bound that drifted upwards"
    assert Float(0, 0.7 - 0.4, step=0.1).high == 0.3, "and downwards"


@pytest.mark.filterwarnings("ignore:The distribution is specified:UserWarning")
@pytest.mark.parametrize(("low", "high", "step"), [(0, 1, 0.1), (-1.05, 2, 0.35), (0.001, 0.5, 0.007), (0, 1, 0.3)])
def test_the_upper_bound_equals_that_of_optuna(low, high, step):
    import optuna

    assert Float(low, high, step=step).high == optuna.distributions.FloatDistribution(low, high, step=step).high


BROKEN = {
    "log int": (lambda: Int(1, 9, log=True, step=2), r"Int\(1, 9, log=True, step=2\) has equal steps .* leave out log"),
    "log float": (lambda: Float(1, 9, log=True, step=2), "has equal steps"),
    "no step": (lambda: Int(0, 9, step=0), "step must be at least 1"),
    "backwards": (lambda: Float(0, 9, step=-0.5), "step must be above 0"),
    "too long": (lambda: Int(0, 9, step=10), r"Int\(0, 9, step=10\) holds 0 alone"),
    "too long for a float": (lambda: Float(0, 1, step=1.5), "holds 0.0 alone"),
    "too fine": (lambda: Float(1e9, 2e9, step=1e-6), "has a step too fine for double precision; leave step out"),
    "nan": (lambda: Float(0, 1, step=math.nan), "step of a Float is nan"),
    "text": (lambda: Float(0, 1, step="0.1"), "step of a Float is '0.1'"),
    "half a step": (lambda: Int(0, 9, step=1.5), "step of an Int is 1.5"),
    "default between": (lambda: Int(0, 9, step=3, default=4), "the default is 4, none of 0, 0 . 3 and so on; .* as 3"),
    "default beyond": (lambda: Float(0, 1, step=0.3, default=1), r"the default is 1.0, outside \[0.0, 0.9\]"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_impossible_steps_are_refused(name):
    declare, pattern = BROKEN[name]
    with pytest.raises(InvalidSpace, match=pattern):
        declare()


def test_values_between_two_steps_are_refused():
    assert SPACE.contains({"width": 16, "rate": 0.3, "x": 0.123})
    with pytest.raises(InvalidConfig, match=r"'width' is 17, none of 8, 8 . 8 and so on; give one of them, such as 16"):
        SPACE.check({"width": 17, "rate": 0.3, "x": 0.0})
    with pytest.raises(InvalidConfig, match=r"'rate' is 0.35, none of 0.0, 0.0 . 0.1 and so on; .* such as 0.[34]\."):
        SPACE.check({"width": 16, "rate": 0.35, "x": 0.0})
    with pytest.raises(InvalidConfig, match=r"'rate' is 1e\+300, outside"):
        SPACE.check({"width": 16, "rate": 1e300, "x": 0.0})


def test_rounding_errors_of_values_are_corrected():
    assert SPACE.check({"width": np.int64(16), "rate": 0.1 + 0.2, "x": 0.0})["rate"] == 0.3
    assert SPACE.check({"width": 16, "rate": np.float32(0.4), "x": 0.0})["rate"] == 0.4
    assert Float(0, 0.3, step=0.1).clean(0.1 + 0.2, "it") == 0.3, "above the upper bound by an ulp"


def test_samples_are_uniform_over_the_grid():
    """Each of 6 values within 6 sigma of 1/6 (false alarm below 2e-8)."""
    rng, parameter, n = np.random.default_rng(1), Float(0, 0.5, step=0.1), 20_000
    drawn = [parameter.from_unit(unit) for unit in rng.random(n)]
    counts = np.array([drawn.count(value) for value in values_of(parameter, 6)])
    assert np.all(np.abs(counts - n / 6) < 6 * np.sqrt(n * (1 / 6) * (5 / 6)))


def test_neighbours_are_the_next_values():
    space = Space(width=Int(8, 64, step=8), rate=Float(0, 0.5, step=0.1))
    found = list(space.neighbours({"width": 16, "rate": 0.5}, np.random.default_rng(0), draws=0))
    assert found == [{"width": 8, "rate": 0.5}, {"width": 24, "rate": 0.5}, {"width": 16, "rate": 0.4}]


def test_forbidden_points_move_to_the_next_value():
    space = Space(
        rate=Float(0, 1, step=0.1, default=0.1),
        width=Int(0, 100, step=10, default=0),
        forbidden=[{"rate": Between(0.35, 0.75)}, {"width": [30, 40]}, {"width": Between(85, math.inf)}],
    )
    assert space.decode([0.45, 0.0])["rate"] == 0.3
    assert space.decode([0.65, 0.0])["rate"] == 0.8
    assert [space.decode([0.0, unit])["width"] for unit in (0.3, 0.4, 0.86, 0.99)] == [20, 50, 80, 80]
    with pytest.raises(InvalidSpace, match="a forbidden value of 'width' is 35, none of"):
        Space(width=Int(0, 100, step=10), forbidden=[{"width": 35}])


def test_spaces_without_a_step_keep_their_json_and_their_mapping():
    space = Space(
        x=Float(-1, 3),
        lr=Float(1e-4, 1e-1, log=True, default=0.01),
        n=Int(1, 8),
        m=Int(1, 1000, log=True),
        kind=Categorical(["a", "b"]),
        branch=Choice(one=Space(k=Int(0, 4, default=0)), two=Space()),
    )
    assert space.to_json() == (
        '{"parameters": {"x": {"kind": "float", "low": -1.0, "high": 3.0, "log": false, "default": 1.0}, '
        '"lr": {"kind": "float", "low": 0.0001, "high": 0.1, "log": true, "default": 0.01}, '
        '"n": {"kind": "int", "low": 1, "high": 8, "log": false, "default": 5}, '
        '"m": {"kind": "int", "low": 1, "high": 1000, "log": true, "default": 22}, '
        '"kind": {"kind": "categorical", "choices": ["a", "b"], "ordered": false, "default": "a"}, '
        '"branch": {"kind": "choice", "options": {"one": {"parameters": {"k": {"kind": "int", "low": 0, "high": 4, '
        '"log": false, "default": 0}}}, "two": {"parameters": {}}}, "default": "one"}}}'
    )
    assert Space.from_json(space.to_json()) == space
    assert repr(space.parameters["x"]) == "Float(low=-1.0, high=3.0, log=False, default=1.0)"
    assert repr(Int(0, 9, step=3)) == "Int(low=0, high=9, log=False, default=6, step=3)"
    assert Int(0, 9, step=1) == Int(0, 9)
    assert Int(1, 8).to_unit(3) == 0.3125
    assert [Int(1, 8).from_unit(unit) for unit in (0.0, 0.124, 0.125, 0.99, 1.0)] == [1, 1, 2, 8, 8]
    assert Float(-1, 3).from_unit(0.1) == -1 + 0.1 * 4
