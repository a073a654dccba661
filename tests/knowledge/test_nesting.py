"""Flat configurations, each parameter where a space has it; what cannot be told is none."""

from __future__ import annotations

import pytest

from seasoned import Choice, Float, Int, Space
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
def test_each_parameter_comes_where_the_space_has_it(flat, expected):
    assert nested(flat, SPACE) == expected


def test_one_name_for_two_parameters_in_use_is_not_told_apart():
    space = Space(lr=Float(0, 1), kind=Choice(net=Space(lr=Float(0, 1))))
    assert nested({"lr": 0.5, "kind": "net"}, space) is None
    assert nested({"lr": 0.5, "kind": "net", "kind.net.lr": 0.25}, space) == {"lr": 0.5, "kind": {"net": {"lr": 0.25}}}
