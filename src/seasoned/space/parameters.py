"""Parameters: sets of values mapped to the unit interval.

Every parameter maps a value to a coordinate in [0, 1] (`to_unit`) and any coordinate to a valid value (`from_unit`).
Samplers, surrogates and meta-learners use only these two maps, so a new kind of parameter needs only them.
`from_unit(to_unit(x)) == x` holds exactly for integers, categories and numbers with a step, and up to rounding for
other floats. `count` is the number of values, None for a continuous parameter.
"""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from seasoned.errors import InvalidSpace

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

__all__ = ["Categorical", "Float", "Int", "Value", "key_of"]

Value: TypeAlias = "str | int | float | bool | tuple[Value, ...] | None"
"""Type of a parameter's value: JSON scalars, and tuples of scalars."""

MISSING: Final[Any] = type("Missing", (), {"__repr__": lambda _: "MISSING"})()

_WIDEST_INT: Final = 2**50  # largest range of an Int; bin centres of a wider range coincide in double precision
_NARROWEST_LOG: Final = 1e-9  # smallest difference of the bounds' logarithms that separates values
_WIDEST_LOG_INT: Final = 2**40  # largest bound of an Int with log=True; beyond, exp(log(x)) may err by half a unit
_MOST_STEPS: Final = 2**40  # largest number of steps from 0 to the larger bound; doubles separate the values up to it
_GRID_TOLERANCE: Final = 1e-6  # largest distance, in steps, at which a number counts as a value of the grid


@dataclass(frozen=True, slots=True)
class Float:
    """Real number in [low, high], uniform on the linear or the logarithmic scale.

    `from_unit(u) = low + u (high - low)`, or `exp(log low + u (log high - log low))` with `log=True`. With a `step`,
    every value has a bin of equal width, as for an Int.

    Args:
        low: Smallest value.
        high: Largest value, greater than `low`. With a `step`, it is reduced to the last value of the grid.
        log: True for a logarithmic scale; needs `low > 0`.
        default: Starting value; by default the middle of the scale.
        step: Restricts the values to low, low + step, low + 2 step, ..., as exact decimals; None for every number.

    Raises:
        InvalidSpace: If the bounds are not finite and increasing, the default lies outside them or between two steps,
            or a step is given with `log=True`.

    Example:
        >>> Float(1e-4, 1e-1, log=True).from_unit(0.5)
        0.003162277660168382
        >>> Float(0, 1, step=0.1).from_unit(0.3), Float(0, 1, step=0.3).high
        (0.3, 0.9)
    """

    low: float
    high: float
    log: bool = False
    default: float = MISSING
    step: float | None = None
    steps: Steps | None = field(default=None, init=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            _set(self, name, _real(getattr(self, name), f"{name} of a Float"))
        _set(self, "log", _flag(self.log, "log of a Float"))
        _check_bounds(self)
        if math.isinf(self.high - self.low):
            raise InvalidSpace(f"Float({self.low}, {self.high}) spans more than a double can hold; narrow the range.")
        if self.log and math.log(self.high) - math.log(self.low) < _NARROWEST_LOG:
            raise InvalidSpace(
                f"Float({self.low}, {self.high}, log=True) is too narrow for a logarithm; leave log out."
            )
        if self.step is not None:
            _set(self, "step", _real(self.step, "step of a Float"))
            _check_log(self)
            steps = Steps.between(self.low, self.high, self.step)
            _set(self, "high", steps.value(steps.count - 1))
            _set(self, "steps", steps)
        default = self.from_unit(0.5) if self.default is MISSING else self.clean(self.default, "the default")
        _set(self, "default", default)

    def __repr__(self) -> str:
        return _shown(self)

    @property
    def count(self) -> int | None:
        """Number of values; None without a step."""
        return None if self.steps is None else self.steps.count

    def clean(self, value: object, where: str) -> float:
        """Return the value as a float, on the grid of a step; else raise InvalidSpace with the name `where`."""
        number = _real(value, where)
        found = None if self.steps is None else self.steps.found(number)
        if found is not None:
            return found
        if not self.low <= number <= self.high:
            raise InvalidSpace(f"{where} is {number!r}, outside [{self.low}, {self.high}]; give a value inside.")
        if self.steps is not None:
            near = self.steps.value(self.steps.nearest(number))
            raise InvalidSpace(_between_steps(where, number, self.low, self.step, near))
        return number

    def to_unit(self, value: float) -> float:
        """Return the coordinate in [0, 1] of a value; with a step, the centre of its bin."""
        if self.steps is not None:
            return (self.steps.nearest(value) + 0.5) / self.steps.count
        if self.log:
            low = math.log(self.low)
            return min(1.0, max(0.0, (math.log(value) - low) / (math.log(self.high) - low)))
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def from_unit(self, unit: float) -> float:
        """Return the value at a coordinate; 0 and 1 give the bounds exactly."""
        if self.steps is not None:
            return self.steps.value(min(self.steps.count - 1, max(0, math.floor(unit * self.steps.count))))
        if unit <= 0.0:
            return self.low
        if unit >= 1.0:
            return self.high
        if self.log:
            low = math.log(self.low)
            value = math.exp(low + unit * (math.log(self.high) - low))
        else:
            value = self.low + unit * (self.high - self.low)
        return min(self.high, max(self.low, value))


@dataclass(frozen=True, slots=True)
class Steps:
    """Values of a Float with a step: low, low + step, low + 2 step and so on, as exact decimals.

    Sums of doubles drift (0.1 + 0.2 is not 0.3), so the grid is stored in integers. The k-th value is the double
    nearest to `(first + k width) / unit`, computed exactly by Python's division of integers.

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
        if max(abs(low), abs(high)) / step > _MOST_STEPS:
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


@dataclass(frozen=True, slots=True)
class Int:
    """Integer in [low, high], both included, uniform on the linear or the logarithmic scale.

    Every value has a bin of the unit interval. The width of a bin is 1/count, with count = (high - low)/step + 1. With
    `log=True`, the bin of k reaches from log(k - 1/2) to log(k + 1/2) on the logarithmic scale. `to_unit` returns the
    centre of the bin (with `log=True`, the position of log k). `from_unit` returns the integer whose bin contains the
    coordinate.

    Args:
        low: Smallest value.
        high: Largest value, greater than `low`. With a `step`, it is reduced to the last value of the grid.
        log: True for a logarithmic scale; needs `low >= 1`.
        default: Starting value; by default the middle of the scale.
        step: Restricts the values to low, low + step, low + 2 step, ...

    Raises:
        InvalidSpace: If the bounds are not increasing integers, the default lies outside them or between two steps, or
            a step is given with `log=True`.

    Example:
        >>> Int(1, 8).from_unit(0.99), Int(1, 1000, log=True).default
        (8, 22)
        >>> Int(0, 100, step=32).high
        96
    """

    low: int
    high: int
    log: bool = False
    default: int = MISSING
    step: int = 1

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            _set(self, name, _integer(getattr(self, name), f"{name} of an Int"))
        _set(self, "log", _flag(self.log, "log of an Int"))
        _check_bounds(self)
        if self.step != 1:
            _check_log(self)
            _set(self, "high", self._last())
        widest = _WIDEST_LOG_INT if self.log else _WIDEST_INT
        if (self.high if self.log else self.count - 1) > widest:
            raise InvalidSpace(f"Int({self.low}, {self.high}) is wider than {widest}; use a Float and round it.")
        default = self.from_unit(0.5) if self.default is MISSING else self.clean(self.default, "the default")
        _set(self, "default", default)

    def __repr__(self) -> str:
        return _shown(self)

    def _last(self) -> int:
        """Last value of the grid that is at most `high`."""
        text = f"Int({self.low}, {self.high}, step={self.step})"
        if self.step < 1:
            raise InvalidSpace(f"{text} goes nowhere: step must be at least 1.")
        if self.step > self.high - self.low:
            raise InvalidSpace(f"{text} holds {self.low} alone: step must not be above high - low.")
        return self.high - (self.high - self.low) % self.step

    @property
    def count(self) -> int:
        """Number of values."""
        return (self.high - self.low) // self.step + 1

    def clean(self, value: object, where: str) -> int:
        """Return the value as an int; else raise InvalidSpace with the name `where`."""
        number = _integer(value, where)
        if not self.low <= number <= self.high:
            raise InvalidSpace(f"{where} is {number!r}, outside [{self.low}, {self.high}]; give a value inside.")
        if (above := (number - self.low) % self.step) != 0:
            raise InvalidSpace(_between_steps(where, number, self.low, self.step, number - above))
        return number

    def to_unit(self, value: int) -> float:
        """Return the coordinate of the centre of a value's bin."""
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return (math.log(value) - low) / (high - low)
        return ((value - self.low) // self.step + 0.5) / self.count

    def from_unit(self, unit: float) -> int:
        """Return the integer whose bin contains the coordinate."""
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            value = round(math.exp(low + unit * (high - low)))
        else:
            value = self.low + self.step * math.floor(unit * self.count)
        return min(self.high, max(self.low, value))


@dataclass(frozen=True, slots=True)
class Categorical:
    """Categorical parameter: one of several values, with or without an order.

    The k-th of n values has the k-th of n equal bins of the unit interval.

    Args:
        choices: The values: JSON scalars (str, int, float, bool, None), and tuples of them.
        ordered: True if neighbours in the list are similar, so that a move to a neighbour is a small step.
        default: Starting value; by default the first value.

    Raises:
        InvalidSpace: If `choices` is empty, a value appears twice or cannot be written as JSON, or the default is not
            one of the values.

    Example:
        >>> Categorical(["relu", "tanh"]).from_unit(0.7)
        'tanh'
    """

    choices: Sequence[Value]
    ordered: bool = False
    default: Value = MISSING

    def __post_init__(self) -> None:
        if isinstance(self.choices, str):
            raise InvalidSpace(f"choices is the string {self.choices!r}; give a list of values.")
        if isinstance(self.choices, set | frozenset):
            raise InvalidSpace("choices is a set, whose order differs between processes; give a list.")
        _set(self, "ordered", _flag(self.ordered, "ordered of a Categorical"))
        choices = tuple(plain(choice, "a choice of a Categorical") for choice in self.choices)
        if not choices:
            raise InvalidSpace("a Categorical has no choices; give at least one value.")
        seen: set[object] = set()
        for choice in choices:
            if identity(choice) in seen:
                raise InvalidSpace(f"the choice {choice!r} appears twice in a Categorical; remove one.")
            seen.add(identity(choice))
        _set(self, "choices", choices)
        default = choices[0] if self.default is MISSING else self.clean(self.default, "the default")
        _set(self, "default", default)

    @property
    def count(self) -> int:
        """Number of values."""
        return len(self.choices)

    def clean(self, value: object, where: str) -> Value:
        """Return the choice equal to the value (1 matches 1.0, True does not), or raise InvalidSpace with `where`."""
        wanted = plain(value, where)
        return self.choices[self._index(wanted, where)]

    def _index(self, value: Value, where: str) -> int:
        key = identity(value)
        for index, choice in enumerate(self.choices):
            if identity(choice) == key:
                return index
        if isinstance(value, int | float) and not isinstance(value, bool):
            for index, choice in enumerate(self.choices):
                if not isinstance(choice, bool) and choice == value:
                    return index
        raise InvalidSpace(f"{where} is {value!r}, none of {list(self.choices)}; give one of these.")

    def to_unit(self, value: Value) -> float:
        """Return the coordinate of the centre of a value's bin."""
        return (self._index(value, "a value") + 0.5) / len(self.choices)

    def from_unit(self, unit: float) -> Value:
        """Return the value whose bin contains the coordinate."""
        count = len(self.choices)
        return self.choices[min(count - 1, max(0, int(unit * count)))]


def plain(value: object, where: str) -> Value:
    """Return the value in JSON types: numpy scalars become numbers, lists become tuples; else raise InvalidSpace."""
    if isinstance(value, list | tuple):
        return tuple(plain(item, where) for item in value)
    dated = getattr(getattr(value, "dtype", None), "kind", None) in {"m", "M"}  # date items may be bare nanoseconds
    if not dated and not isinstance(value, str | int | float) and hasattr(value, "item"):
        with contextlib.suppress(TypeError, ValueError, RuntimeError):  # refused later: an array of several
            value = value.item()  # a numpy scalar
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidSpace(f"{where} is {value}, which has no equal or no place in JSON; use a name for it.")
    if value is None or isinstance(value, str | int | float):
        if value is None or type(value) in {str, int, float, bool}:
            return value
        return _unwrap(value)
    raise InvalidSpace(
        f"{where} is a {type(value).__name__}, but only str, int, float, bool, None and tuples of them can be "
        f"stored; use a name and look the object up in the objective."
    )


def _unwrap(value: str | float) -> Value:
    """Convert a subclass (numpy.float64, numpy.str_, an enum of texts or numbers) to its plain base type.

    The base type's own method converts: `str(Color.RED)` is the member's name, but the member equals its value.
    """
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    return float.__float__(value)


def identity(value: Value) -> object:
    """Return a key under which 1, 1.0 and True differ, as in JSON."""
    if isinstance(value, tuple):
        return tuple(identity(item) for item in value)
    return (type(value).__name__, value)


def key_of(config: Mapping[str, Any]) -> Hashable:
    """Return a hashable key of a nested configuration, under which 1, 1.0 and True differ.

    Example:
        >>> key_of({"k": 1}) == key_of({"k": True}), key_of({"k": 1}) == key_of({"k": 1})
        (False, True)
    """
    return frozenset(
        (name, key_of(inner) if isinstance(inner, Mapping) else identity(inner)) for name, inner in config.items()
    )


def _set(parameter: object, name: str, value: object) -> None:
    object.__setattr__(parameter, name, value)  # the dataclasses are frozen; only __post_init__ calls this


def _real(value: object, where: str) -> float:
    try:
        if isinstance(value, bool | str):
            raise TypeError
        number = float(value)  # type: ignore[arg-type]  # whatever has __float__
    except (TypeError, ValueError, OverflowError):
        raise InvalidSpace(f"{where} is {value!r}, not a number; give a finite float.") from None
    if not math.isfinite(number):
        raise InvalidSpace(f"{where} is {number}; give a finite float.")
    return number


def _integer(value: object, where: str) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]  # whatever has __index__
    except TypeError:
        raise InvalidSpace(f"{where} is {value!r}, not an integer; give an int.") from None


def _flag(value: object, where: str) -> bool:
    if isinstance(value, bool) or type(value).__name__ == "bool":  # numpy.bool
        return bool(value)
    raise InvalidSpace(f"{where} is {value!r}; give True or False.")


def _check_bounds(parameter: Float | Int) -> None:
    kind, low, high = type(parameter).__name__, parameter.low, parameter.high
    if low >= high:
        raise InvalidSpace(f"{kind}({low}, {high}) is empty or a single point: low must be below high.")
    if parameter.log and low <= 0:
        raise InvalidSpace(f"{kind}({low}, {high}, log=True) has no logarithm at its low end; low must be above 0.")


def declaration(parameter: Float | Int) -> dict[str, Any]:
    """Return the declaration of a number; without a step the key is left out, as in older stored declarations."""
    none = 1 if isinstance(parameter, Int) else None
    names = ["low", "high", "log", "default", *(["step"] if parameter.step != none else [])]
    return {name: getattr(parameter, name) for name in names}


def _shown(parameter: Float | Int) -> str:
    inside = ", ".join(f"{name}={value!r}" for name, value in declaration(parameter).items())
    return f"{type(parameter).__name__}({inside})"


def _check_log(parameter: Float | Int) -> None:
    if parameter.log:
        text = f"{type(parameter).__name__}({parameter.low}, {parameter.high}, log=True, step={parameter.step})"
        raise InvalidSpace(f"{text} has equal steps on a scale of ratios; leave out log or step.")


def _between_steps(where: str, number: float, low: float, step: float | None, near: float) -> str:
    return f"{where} is {number!r}, none of {low}, {low} + {step} and so on; give one of them, such as {near}."
