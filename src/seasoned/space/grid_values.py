"""Discrete values of a parameter: all, a few of them, the next one beyond a number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from seasoned.space.parameters import Categorical, Float, Int, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["beyond", "values_between", "values_of"]


def values_of(parameter: Float | Int | Categorical, most: int) -> Sequence[Value] | None:
    """All values, in their order; None if there are more than `most`.

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
    """At most `resolution` different values, evenly spread over the scale, both ends included; all categories."""
    values = values_of(parameter, parameter.count if isinstance(parameter, Categorical) else resolution)
    if values is not None:
        return values
    if resolution == 1:
        return (parameter.default,)
    steps = (parameter.from_unit(step / (resolution - 1)) for step in range(resolution))
    return dict.fromkeys(steps)


def beyond(parameter: Float | Int, number: float, sign: int) -> float | None:
    """The first value above a number (below it, if `sign` is -1); None if the number is an end, or outside."""
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
