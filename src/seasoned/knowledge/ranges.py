"""Ranges of tuned settings that hold the setting as it is."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["holding"]

_Number = TypeVar("_Number", int, float)


def holding(own: _Number, low: _Number, high: _Number) -> tuple[_Number, _Number]:
    """The range from low to high, stretched to a value outside of it.

    Example:
        >>> holding(8, 3, 80), holding(100, 3, 80)
        ((3, 80), (3, 100))
    """
    return min(low, own), max(high, own)
