"""Numbers on a grid: low, low + step, low + 2 step and so on, as exact decimals.

Sums of doubles drift (0.1 + 0.2 is not 0.3), so the grid is kept in whole numbers: its k-th value is the double nearest
to `(first + k width) / unit`, which Python's division of integers gives exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from seasoned.errors import InvalidSpace

__all__ = ["Steps"]

_FINEST: Final = 2**40  # number of steps from 0 to the larger bound beyond which doubles hardly tell neighbours apart
_NEAR: Final = 1e-6  # of a step: a number this near to a value of the grid is taken for that value


@dataclass(frozen=True, slots=True)
class Steps:
    """The values of a Float with a step.

    Attributes:
        low: The first value.
        step: The distance between two.
        first: The first value, in units.
        width: The step, in units.
        unit: How many units make 1.
        count: How many values there are.

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
        """The grid from `low` on whose last value is not above `high`.

        Raises:
            InvalidSpace: If the step is not positive, above high - low, or too fine for doubles.
        """
        text = f"Float({low}, {high}, step={step})"
        if step <= 0:
            raise InvalidSpace(f"{text} goes nowhere: step must be above 0.")
        if max(abs(low), abs(high)) / step > _FINEST:
            raise InvalidSpace(f"{text} has a step too fine for double precision; leave step out.")
        first, last, width = (Fraction(repr(number)) for number in (low, high, step))
        slack = Fraction(_NEAR * step + math.ulp(max(abs(low), abs(high))))  # a bound may be a sum that drifted
        count = (last - first + slack) // width + 1
        if count < 2:
            raise InvalidSpace(f"{text} holds {low} alone: step must not be above high - low.")
        unit = math.lcm(first.denominator, width.denominator)
        return Steps(low, step, int(first * unit), int(width * unit), unit, count)

    def value(self, index: int) -> float:
        """The value of that index, counted from 0."""
        return (self.first + index * self.width) / self.unit

    def nearest(self, number: float) -> int:
        """The index of the value nearest to a number."""
        return round(min(self.count - 1.0, max(0.0, (number - self.low) / self.step)))

    def found(self, number: float) -> float | None:
        """The value that a number means, apart from rounding; None if it lies between two values or outside."""
        value = self.value(self.nearest(number))
        return value if abs(number - value) <= _NEAR * self.step else None

    def beyond(self, number: float, sign: int) -> float | None:
        """The first value above a number inside the grid (below it, if `sign` is -1); None if there is none."""
        index = self.nearest(number)
        if sign * (self.value(index) - number) <= 0:
            index += sign
        return self.value(index) if 0 <= index < self.count else None
