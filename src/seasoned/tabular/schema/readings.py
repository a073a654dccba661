"""Non-obvious readings of columns, for the first lines of a fit."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """Column whose values differ from the written cells, with one cell as example.

    Attributes:
        column: Name of the column.
        kind: Kind of the values, in the plural: "numbers", "dates", "times of day", "durations" or "text".
        example: A cell, as written.
        value: The same cell, as read.

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
