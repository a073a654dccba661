"""Readings of a table that are not obvious, for the first lines of a fit."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """A column that is written in another way than its values are used, shown by one cell.

    Attributes:
        column: The column's name.
        kind: Its values in the plural: "numbers", "dates", "times of day", "durations" or "text".
        example: A cell, as it is written.
        value: The same cell, as it is read.

    Example:
        >>> print(Reading("price", "numbers", "$1,234.50", "1234.5"))
        price: numbers, '$1,234.50' is read as 1234.5
    """

    column: str
    kind: str
    example: str
    value: str

    def __str__(self) -> str:
        return f"{self.column}: {self.kind}, {self.example!r} is read as {self.value}"
