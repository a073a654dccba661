"""Discrete values of a parameter: all values, an evenly spread selection, and the next value after a number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from seasoned.space.parameters import Categorical, Float, Int, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["beyond", "values_between", "values_of"]


def values_of(parameter: Float | Int | Categorical, most: int) -> Sequence[Value] | None:
    """Return all values, in order; None for more than `most` values or a continuous parameter.

    Example:
        >>> values_of(Float(0, 0.3, step=0.1), 4), values_of(Int(1, 9), 8)
        ((0.0, 0.1, 0.2, 0.3), None)
    """
    if parameter.count is None or parameter.count > most:
        return None
    if isinstance(parameter, Categorical):
        return parameter.choices
    if isinstance(parameter, Int):
        return range(parameter.low, parameter.high + 1, parameter.step)
    assert parameter.steps is not None, "it has a count"
    return tuple(parameter.steps.value(index) for index in range(parameter.count))


def values_between(parameter: Float | Int | Categorical, resolution: int) -> Iterable[Value]:
    """Return at most `resolution` distinct values, evenly spread, both ends included; all values of a Categorical."""
    values = values_of(parameter, parameter.count if isinstance(parameter, Categorical) else resolution)
    if values is not None:
        return values
    if resolution == 1:
        return (parameter.default,)
    steps = (parameter.from_unit(step / (resolution - 1)) for step in range(resolution))
    return dict.fromkeys(steps)


def beyond(parameter: Float | Int, number: float, sign: int) -> float | None:
    """Return the next value larger than a number (smaller, if `sign` is -1); None at an end or outside the range."""
    if not parameter.low <= number <= parameter.high:
        return None
    if isinstance(parameter, Int):
        whole = math.floor(number) + 1 if sign > 0 else math.ceil(number) - 1
        value: float = whole + sign * (sign * (parameter.low - whole) % parameter.step)
    elif parameter.steps is not None:
        return parameter.steps.beyond(number, sign)
    else:
        value = math.nextafter(number, sign * math.inf)
    return value if parameter.low <= value <= parameter.high else None
