"""Forbidden combinations: conjunctions of conditions on single parameters, and the search for an allowed point.

A clause such as `{"solver": "lbfgs", "penalty": ["l1", "elasticnet"]}` forbids every configuration in which all named
parameters are active and match their conditions. A condition is a value, a list of values, or `Between(low, high)`.
"""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from seasoned.errors import InvalidSpace
from seasoned.space.grid_values import beyond
from seasoned.space.parameters import Categorical, Float, Int, Value, identity, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["Between", "Clause", "Condition"]

_STEPS: Final = 500  # points examined by the exact search before the greedy `_step_by_step`
_MOST_STEPS: Final = 1_000  # largest number of moves in `_step_by_step`


@dataclass(frozen=True, slots=True)
class Between:
    """Condition low <= value <= high on a Float or an Int; an infinite end is no bound.

    Example:
        >>> Between(0.5, 1.0).holds(0.7)
        True
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise InvalidSpace(f"Between({self.low}, {self.high}) holds nothing: low must not be above high.")

    def holds(self, value: Value) -> bool:
        """Return True if the value lies inside."""
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Among:
    """Condition that a value is one of several."""

    values: tuple[Value, ...]

    def holds(self, value: Value) -> bool:
        """Return True if the value is in `values`."""
        return any(identity(value) == identity(other) for other in self.values)


Condition: TypeAlias = Between | Among


@dataclass(frozen=True, slots=True)
class Clause:
    """Forbidden clause: a configuration is forbidden if all conditions hold.

    Attributes:
        conditions: Pairs of a coordinate's index and the condition on its value.
        text: The clause as declared, for error messages.
    """

    conditions: tuple[tuple[int, Condition], ...]
    text: str

    def matches(self, values: Sequence[Any]) -> bool:
        """Return True if a flat configuration is forbidden; inactive coordinates have a sentinel that never matches."""
        return all(condition.holds(values[index]) for index, condition in self.conditions)


def nearest_allowed(
    unit: list[float],
    parameters: Sequence[Float | Int | Categorical],
    matched: Callable[[list[float]], Clause | None],
) -> list[float] | None:
    """Return the allowed point with the smallest total move of coordinates, or None if the search fails.

    Uniform-cost search: from a forbidden point, one coordinate of the matched clause moves to the nearest values at
    which its condition fails. The result is deterministic. After 500 points, a greedy search continues.

    Args:
        unit: A point of the unit cube, shape (d,).
        parameters: Parameter of each coordinate; a Choice appears as the Categorical of its options.
        matched: Returns the first clause that a point matches, or None if the point is allowed.
    """
    order = itertools.count()  # ties are broken by age, never by comparing points
    frontier = [(0.0, next(order), unit)]
    seen: set[tuple[float, ...]] = set()
    point = unit
    for _ in range(_STEPS):
        if not frontier:
            return None
        cost, _, point = heapq.heappop(frontier)
        clause = matched(point)
        if clause is None:
            return point
        for index, condition in clause.conditions:
            for coordinate in _ways_out(parameters[index], condition, point[index]):
                moved = [*point[:index], coordinate, *point[index + 1 :]]
                if tuple(moved) not in seen:
                    seen.add(tuple(moved))
                    heapq.heappush(frontier, (cost + abs(coordinate - point[index]), next(order), moved))
    return _step_by_step(point, parameters, matched)


def _step_by_step(
    point: list[float], parameters: Sequence[Float | Int | Categorical], matched: Callable[[list[float]], Clause | None]
) -> list[float] | None:
    """Allowed point by the cheapest move out of one clause after another (greedy search), or None."""
    seen = {tuple(point)}
    for _ in range(_MOST_STEPS):
        clause = matched(point)
        if clause is None:
            return point
        ways = [
            (abs(coordinate - point[index]), index, coordinate)
            for index, condition in clause.conditions
            for coordinate in _ways_out(parameters[index], condition, point[index])
            if (*point[:index], coordinate, *point[index + 1 :]) not in seen
        ]
        if not ways:
            return None
        _, index, coordinate = min(ways)
        point = [*point[:index], coordinate, *point[index + 1 :]]
        seen.add(tuple(point))
    return None


def _ways_out(parameter: Float | Int | Categorical, condition: Condition, unit: float) -> Iterator[float]:
    """Yield coordinates near `unit` at which the condition fails."""
    if isinstance(parameter, Categorical):
        yield from (parameter.to_unit(value) for value in parameter.choices if not condition.holds(value))
        return
    for sign in (-1, 1):
        value = _beyond(parameter, condition, parameter.from_unit(unit), sign)
        if value is not None:
            yield _coordinate_of(parameter, condition, value, sign)


def _beyond(parameter: Float | Int, condition: Condition, value: float, sign: int) -> float | None:
    """First value from `value` in the direction of `sign` at which the condition fails; None if none."""
    found: float | None = value
    while found is not None and condition.holds(found):
        if isinstance(condition, Between):
            found = condition.high if sign > 0 else condition.low
        found = beyond(parameter, found, sign)
    return found


def _coordinate_of(parameter: Float | Int, condition: Condition, value: float, sign: int) -> float:
    """Coordinate that decodes to a value outside the condition; growing steps correct rounding errors."""
    if isinstance(parameter, Int):
        return parameter.to_unit(int(value))
    unit, step = parameter.to_unit(value), 2.0**-52
    while 0.0 < unit < 1.0 and condition.holds(parameter.from_unit(unit)):
        unit, step = min(1.0, max(0.0, unit + sign * step)), 2 * step
    return unit


def cleaned(clause: Mapping[str, Any]) -> dict[str, Between | list[Value]]:
    """Return a declared clause with a `Between` or a list of values per parameter."""
    conditions: dict[str, Between | list[Value]] = {}
    for name, given in clause.items():
        values = given if isinstance(given, list | set | frozenset) else [given]
        if isinstance(given, set | frozenset):  # the order of a set differs between processes
            values = sorted(given, key=lambda value: (type(value).__name__, repr(value)))
        where = f"a forbidden value of {name!r}"
        conditions[name] = given if isinstance(given, Between) else [plain(value, where) for value in values]
    return conditions


def to_json(clause: Mapping[str, Any]) -> dict[str, Any]:
    """Return a declared clause in JSON types."""
    return {
        path: {"between": [_finite(given.low), _finite(given.high)]} if isinstance(given, Between) else given
        for path, given in clause.items()
    }


def _finite(end: float) -> float | None:
    """Bound of a `Between` for JSON, None if infinite."""
    number = end.item() if hasattr(end, "item") else end  # numpy scalars
    return number if math.isfinite(number) else None


def from_json(clause: Mapping[str, Any]) -> dict[str, Any]:
    """Return the clause that `to_json` wrote."""
    return {path: _between(*given["between"]) if isinstance(given, dict) else given for path, given in clause.items()}


def _between(low: float | None, high: float | None) -> Between:
    return Between(-math.inf if low is None else low, math.inf if high is None else high)
