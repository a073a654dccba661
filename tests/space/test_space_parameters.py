"""Parameters of a space: choices, flags and members of enumerations."""

from __future__ import annotations

from enum import Enum, IntEnum

import numpy as np
import pandas as pd
import pytest

from seasoned import Categorical, Float, Int, Space
from seasoned.errors import InvalidSpace


@pytest.mark.parametrize("choices", [{"relu", "tanh"}, frozenset("ab")])
def test_unordered_choices_are_refused(choices):
    with pytest.raises(InvalidSpace, match="whose order differs between processes"):
        Categorical(choices)


def test_keys_of_a_dict_may_be_choices():
    assert Categorical({"relu": 1, "tanh": 2}.keys()).choices == ("relu", "tanh")


def test_a_flag_stored_as_a_number_is_read():
    told = Space(x=Float(1, 100, log=True), k=Categorical([1, 2], ordered=True)).to_dict()
    for parameter in told["parameters"].values():
        parameter.update({name: 1 for name in ("log", "ordered") if name in parameter})
    assert Space.from_dict(told) == Space(x=Float(1, 100, log=True), k=Categorical([1, 2], ordered=True))


@pytest.mark.parametrize("unit", ["ns", "s"])
def test_dates_are_refused_as_choices(unit):
    with pytest.raises(InvalidSpace, match="datetime64"):
        Categorical(pd.date_range("2020", periods=3, freq="YS").to_numpy().astype(f"datetime64[{unit}]"))


def test_flags_of_a_parameter_are_true_or_false():
    assert Space(x=Float(1, 100, log=np.bool_(True))).to_json() == Space(x=Float(1, 100, log=True)).to_json()
    for make in (lambda: Float(1, 9, log="no"), lambda: Int(1, 9, log=1), lambda: Categorical([1], ordered="yes")):
        with pytest.raises(InvalidSpace, match="give True or False"):
            make()


class Color(str, Enum):  # noqa: UP042 - what is tested is what a StrEnum mends
    """As in much code from before StrEnum: `str(Color.RED)` is "Color.RED"."""

    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


def test_members_of_an_enum_become_their_values():
    space = Space(color=Categorical([Color.RED, Color.BLUE]), level=Categorical([Level.LOW, Level.HIGH]))
    config = space.check({"color": Color.BLUE, "level": Level.HIGH})
    assert config == {"color": "blue", "level": 2}
    assert type(config["color"]) is str
    assert type(config["level"]) is int
    assert space.sample(np.random.default_rng(0))["color"] in (Color.RED, Color.BLUE)
