"""Flat configurations of other tools, nested as a space of ours has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seasoned.errors import InvalidConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seasoned.space import Space

__all__ = ["nested"]


def nested(flat: Mapping[str, Any], space: Space) -> dict[str, Any] | None:
    """A flat configuration with each parameter where the space has it; None if that is no configuration of the space.

    A parameter is recognised by its dotted name (`optimizer.sgd.momentum`) or, where only one in use has it, by its
    last part (`momentum`). A `Choice` is given as a parameter of its name, whose value is the chosen option.

    Example:
        >>> from seasoned.space import Choice, Float, Space
        >>> space = Space(optimizer=Choice(sgd=Space(momentum=Float(0, 1)), adam=Space()))
        >>> nested({"optimizer": "sgd", "momentum": 0.5}, space)
        {'optimizer': {'sgd': {'momentum': 0.5}}}
        >>> nested({"optimizer": "adam", "momentum": 0.5}, space) is None
        True
    """
    found: dict[str, Any] = {}
    inside: dict[int, dict[str, Any]] = {-1: found}  # the choice that is in use -> the dict of its option
    chosen: dict[int, Any] = {}
    used = []
    for place, dimension in enumerate(space.dimensions):
        if dimension.parent >= 0 and chosen.get(dimension.parent) != dimension.option:
            continue
        name = dimension.name if dimension.name in flat else dimension.key
        if name not in flat:
            return None
        used.append(name)
        value = flat[name]
        if dimension.is_choice:
            value = str(value)  # an option may be called 1
            chosen[place] = value
            inside[place] = {}
            inside[dimension.parent][dimension.key] = {value: inside[place]}
        else:
            inside[dimension.parent][dimension.key] = value
    if len(set(used)) != len(used) or set(used) != set(flat):
        return None
    try:
        return space.check(found)
    except InvalidConfig:
        return None
