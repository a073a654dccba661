"""Grid of numbers: low, low + step, low + 2 step and so on, as exact decimals.

Sums of doubles drift (0.1 + 0.2 is not 0.3), so the grid is stored in integers. The k-th value is the double nearest to
`(first + k width) / unit`, computed exactly by Python's division of integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from seasoned.errors import InvalidSpace

__all__ = ["Steps"]

_FINEST: Final = 2**40  # largest number of steps from 0 to the larger bound; doubles separate the values up to it
_GRID_TOLERANCE: Final = 1e-6  # largest distance, in steps, at which a number counts as a value of the grid


@dataclass(frozen=True, slots=True)
class Steps:
    """Values of a Float with a step.

    Attributes:
        low: The first value.
        step: Distance between adjacent values.
        first: The first value, in units of 1 / unit.
        width: The step, in units of 1 / unit.
        unit: Common denominator of `low` and `step`.
        count: Number of values.

    Example:
        >>> steps = Steps.between(0.0, 1.0, 0.1)
        >>> steps.count, steps.value(3), steps.nearest(0.1 + 0.2)
        (11, 0.3, 3)
    """

    low: float
    step: float
    first: int
    width: int
    unit: int
    count: int

    @staticmethod
    def between(low: float, high: float, step: float) -> Steps:
        """Return the grid that starts at `low` and ends at or before `high`.

        Raises:
            InvalidSpace: If the step is not positive, greater than high - low, or too fine for doubles.
        """
        text = f"Float({low}, {high}, step={step})"
        if step <= 0:
            raise InvalidSpace(f"{text} goes nowhere: step must be above 0.")
        if max(abs(low), abs(high)) / step > _FINEST:
            raise InvalidSpace(f"{text} has a step too fine for double precision; leave step out.")
        first, last, width = (Fraction(repr(number)) for number in (low, high, step))
        slack = Fraction(_GRID_TOLERANCE * step + math.ulp(max(abs(low), abs(high))))  # a bound may be an inexact sum
        count = (last - first + slack) // width + 1
        if count < 2:
            raise InvalidSpace(f"{text} holds {low} alone: step must not be above high - low.")
        unit = math.lcm(first.denominator, width.denominator)
        return Steps(low, step, int(first * unit), int(width * unit), unit, count)

    def value(self, index: int) -> float:
        """Return the value at `index`, counted from 0."""
        return (self.first + index * self.width) / self.unit

    def nearest(self, number: float) -> int:
        """Return the index of the value nearest to a number."""
        return round(min(self.count - 1.0, max(0.0, (number - self.low) / self.step)))

    def found(self, number: float) -> float | None:
        """Return the value equal to a number up to rounding; None if the number lies between values or outside."""
        value = self.value(self.nearest(number))
        return value if abs(number - value) <= _GRID_TOLERANCE * self.step else None

    def beyond(self, number: float, sign: int) -> float | None:
        """Return the next value larger than a number in the grid (smaller, if `sign` is -1); None at an end."""
        index = self.nearest(number)
        if sign * (self.value(index) - number) <= 0:
            index += sign
        return self.value(index) if 0 <= index < self.count else None
