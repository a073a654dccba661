"""Flat configurations: each parameter moves to its place in the space, or the configuration is refused."""

from __future__ import annotations

import pytest

from seasoned import Categorical, Choice, Float, Int, Space
from seasoned.knowledge.experience.nested_configurations import nested

SPACE = Space(
    lr=Float(0, 1),
    kind=Choice(
        net=Space(layers=Int(1, 3), inner=Choice(a=Space(b=Float(0, 1)), c=Space())),
        tree=Space(layers=Int(1, 9)),
    ),
)


@pytest.mark.parametrize(
    ("flat", "expected"),
    [
        ({"lr": 0.5, "kind": "tree", "layers": 9}, {"lr": 0.5, "kind": {"tree": {"layers": 9}}}),
        ({"lr": 0.5, "kind": "tree", "kind.tree.layers": 9}, {"lr": 0.5, "kind": {"tree": {"layers": 9}}}),
        (
            {"lr": 0.5, "kind": "net", "layers": 2, "inner": "a", "b": 0.25},
            {"lr": 0.5, "kind": {"net": {"layers": 2, "inner": {"a": {"b": 0.25}}}}},
        ),
        ({"lr": 0.5, "kind": "net", "layers": 9, "inner": "c"}, None),  # beyond the range
        ({"lr": 0.5, "kind": "net", "layers": 2, "inner": "c", "b": 0.25}, None),  # of the other branch
        ({"lr": 0.5, "kind": "tree"}, None),
        ({"lr": 0.5, "kind": "forest", "layers": 2}, None),
        ({"lr": 0.5, "kind": ["tree"], "layers": 2}, None),
        ({}, None),
    ],
)
def test_flat_parameter_moves_to_its_place_in_the_space(flat, expected):
    assert nested(flat, SPACE) == expected


def test_name_of_two_active_parameters_is_ambiguous():
    space = Space(lr=Float(0, 1), kind=Choice(net=Space(lr=Float(0, 1))))
    assert nested({"lr": 0.5, "kind": "net"}, space) is None
    assert nested({"lr": 0.5, "kind": "net", "kind.net.lr": 0.25}, space) == {"lr": 0.5, "kind": {"net": {"lr": 0.25}}}


@pytest.mark.parametrize(
    ("parameter", "value", "found"),
    [
        (Categorical(["auto", "true"]), True, "true"),
        (Categorical(["1", "2", "sqrt"]), 1, "1"),
        (Categorical([0.5, 1.0, "sqrt"]), "0.5", 0.5),
        (Categorical([1, True]), True, True),
        (Int(1, 9), 3.0, 3),
        (Float(0, 1), "0.5", 0.5),
        (Choice({"001": Space(), "tree": Space()}), "001", {"001": {}}),
        (Choice({"1": Space(), "tree": Space()}), 2, None),
    ],
)
def test_words_and_numbers_of_a_file_become_values_of_the_space(parameter, value, found):
    config = nested({"k": value}, Space(k=parameter))
    assert (None if config is None else config["k"]) == found
    assert config is None or type(config["k"]) is type(found)
