"""Conversion of flat configurations of other tools to nested configurations of a space."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidConfig, InvalidSpace
from seasoned.space.parameters import Categorical, Int

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seasoned.space import Space
    from seasoned.space.parameters import Float

__all__ = ["nested", "value_of"]

_NUMBER: Final = re.compile(r"[+-]?((0|[1-9]\d*)|(?=[\d.]*\d)\d*\.\d*([eE][+-]?\d+)?|\d+[eE][+-]?\d+)")
_MOST_WHOLE: Final = 2.0**53  # largest float that is read as a whole number; larger floats may have lost digits


def nested(flat: Mapping[str, Any], space: Space) -> dict[str, Any] | None:
    """Nest a flat configuration to match a space; None if the result is not valid in the space.

    The name of a parameter is its dotted name (`optimizer.sgd.momentum`). The last part (`momentum`) also works if only
    one active parameter has this name. A `Choice` is a parameter whose value is the name of an option.

    Example:
        >>> from seasoned.space import Choice, Float, Space
        >>> space = Space(optimizer=Choice(sgd=Space(momentum=Float(0, 1)), adam=Space()))
        >>> nested({"optimizer": "sgd", "momentum": 0.5}, space)
        {'optimizer': {'sgd': {'momentum': 0.5}}}
        >>> nested({"optimizer": "adam", "momentum": 0.5}, space) is None
        True
    """
    found: dict[str, Any] = {}
    inside: dict[int, dict[str, Any]] = {-1: found}  # active choice -> the dict of its option
    chosen: dict[int, Any] = {}
    used = []
    for place, dimension in enumerate(space.dimensions):
        if dimension.parent >= 0 and chosen.get(dimension.parent) != dimension.option:
            continue
        name = dimension.name if dimension.name in flat else dimension.key
        if name not in flat:
            return None
        used.append(name)
        value = _fitted(flat[name], dimension.parameter)
        if dimension.is_choice:
            if not isinstance(value, str):
                return None
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


def value_of(cell: str) -> bool | int | float | str:
    """Parse a cell of a text file, independently of other cells. 3.0 becomes 3: columns with gaps have this format.

    Example:
        >>> [value_of(cell) for cell in ("3.0", "0.5", "1e-3", "True", "sqrt", "1_0", "007")]
        [3, 0.5, 0.001, True, 'sqrt', '1_0', '007']
    """
    word = cell.strip()
    if word.lower() in {"true", "false"}:
        return word.lower() == "true"
    number = float(word) if _NUMBER.fullmatch(word) else math.inf
    if not math.isfinite(number):
        return cell
    if word.lstrip("+-").isdecimal():
        return int(word)
    return int(number) if number.is_integer() and abs(number) < _MOST_WHOLE else number


def _fitted(value: Any, parameter: Float | Int | Categorical) -> Any:
    """Convert a value to the type of the parameter; a text file does not distinguish numbers from text."""
    if not isinstance(parameter, Categorical):
        value = value_of(value) if isinstance(value, str) else value
        return int(value) if isinstance(value, float) and value.is_integer() and isinstance(parameter, Int) else value
    for one in (value, value_of(value) if isinstance(value, str) else value):
        with suppress(InvalidSpace):
            return parameter.clean(one, "a value")
    words = [choice for choice in parameter.choices if isinstance(choice, str) and _same(value_of(choice), value)]
    return words[0] if len(words) == 1 else value


def _same(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
