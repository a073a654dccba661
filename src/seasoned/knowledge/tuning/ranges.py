"""Ranges for tuned settings, stretched to contain the current value."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["holding"]

_Number = TypeVar("_Number", int, float)


def holding(own: _Number, low: _Number, high: _Number) -> tuple[_Number, _Number]:
    """Range from low to high, stretched to contain the current value `own`.

    Example:
        >>> holding(8, 3, 80), holding(100, 3, 80)
        ((3, 80), (3, 100))
    """
    return min(low, own), max(high, own)
