"""Spaces as plain data, and points of the unit cube as configurations; needs nothing but Python.

A space is a list of parameters: `{"name", "type": "float" | "int" | "cat", "low", "high", "log", "choices", "when"}`.
`when` is a pair (parent, values): the parameter is active only if its parent, a categorical that comes earlier, has
one of these values. A configuration is a flat dict of the active parameters.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Parameter = dict[str, Any]


def active(parameter: Parameter, config: Mapping[str, Any]) -> bool:
    """Whether the parameter is in use under the values of those before it."""
    if not parameter.get("when"):
        return True
    parent, values = parameter["when"]
    return config.get(parent) in values


def value_at(parameter: Parameter, unit: float) -> Any:
    """The value at a coordinate in [0, 1]; integers and categories own bins of equal width (on their scale)."""
    if parameter["type"] == "cat":
        choices = parameter["choices"]
        return choices[min(len(choices) - 1, int(unit * len(choices)))]
    low, high, whole = parameter["low"], parameter["high"], parameter["type"] == "int"
    if unit <= 0 or unit >= 1:
        return low if unit <= 0 else high
    start, end = (low - 0.5, high + 0.5) if whole else (low, high)
    if parameter.get("log"):
        value = math.exp(math.log(start) + unit * (math.log(end) - math.log(start)))
    else:
        value = start + unit * (end - start)
    return min(high, max(low, math.floor(value + 0.5) if whole else value))


def config_at(space: Sequence[Parameter], point: Sequence[float]) -> dict[str, Any]:
    """The configuration at a point of the cube; coordinates of inactive parameters are not looked at."""
    config: dict[str, Any] = {}
    for parameter, unit in zip(space, point, strict=True):
        if active(parameter, config):
            config[parameter["name"]] = value_at(parameter, float(unit))
    return config
