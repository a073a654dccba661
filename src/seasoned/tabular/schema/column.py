"""What a column is, and cells of it that cannot be read as that."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FEW", "LONGEST_LEVEL", "MOST_LEVELS", "UNREAD", "Column", "Kind", "Lost", "warn_of_lost"]

logger = logging.getLogger("seasoned.tabular")

Kind = Literal["numeric", "boolean", "category", "text", "date", "id", "constant"]
FEW: Final = 100
"""Levels up to which text counts as a category."""
LONGEST_LEVEL: Final = 100_000
"""Characters of a level; a longer text beside others is no level."""
MOST_LEVELS: Final = 2_000
"""Most levels of a category that models know one by one; of more, the most common ones."""
UNREAD: Final = 20
"""Words that are kept of those that were no numbers or dates at fit time."""
_TOLD: Final = 3  # columns that a warning names
_LONGEST: Final = 40  # characters of a cell that a warning shows
_MOMENT: Final = dt.datetime(2024, 12, 31, 23, 59, 58, tzinfo=dt.UTC)  # to show a format of dates by


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: Its name.
        kind: What it is.
        format: How it is written, where that is not as its kind usually is: the format of dates that came as text, the
            style of numbers ("plain", "1,234.5", "1.234,5"), or the two words of a boolean ("no/yes").
        reason: Why it is left out, as a sentence; None if it is used.
        unread: Words that were in a column of numbers or dates at fit time and are neither, the most frequent 20. They
            count as missing; a warning said so then, and is not repeated.
        zone: The zone of dates that had one at fit time, of text its commonest offset. Dates in another zone are
            converted to this one, and those without a zone are taken to be in it. Where the fit saw none, dates with a
            zone are converted to UTC.
        example: A cell as it is written, where the way to read it is not obvious.
    """

    name: str
    kind: Kind
    format: str | None = None
    reason: str | None = None
    unread: tuple[str, ...] = ()
    zone: str | None = None
    example: str | None = None

    @property
    def expected(self) -> str:
        """What a cell should be, in words; for columns of numbers and dates."""
        if self.kind == "date":
            style = None if self.format == "ISO8601" else self.format
            return f"a date like {_MOMENT.strftime(style or '%Y-%m-%d')}"
        if self.kind == "boolean":
            return self.format.replace("/", " or ") if self.format and "/" in self.format else "0 or 1"
        if self.format in {"23:59", "12h 5m"}:
            return f"a time like {self.format}"
        return "a number" if self.format in {None, "plain"} else f"a number like {self.format}"


@dataclass(frozen=True, slots=True)
class Lost:
    """Cells of a column of numbers or dates that hold something else, and so are missing; or a column of new levels.

    Attributes:
        column: The column.
        cells: How many they are.
        present: Number of cells that hold anything; 0 where that was not counted in all parts of the table.
        example: One of them.
        known: A level of the fit, where none of the cells holds a known level.
    """

    column: Column
    cells: int
    present: int
    example: str
    known: str | None = None

    @property
    def sentence(self) -> str:
        """The same for people."""
        short = self.example if len(self.example) <= _LONGEST else self.example[: _LONGEST - 3] + "..."
        if self.known is not None:
            number = f"the {self.cells} cells" if self.present else f"{self.cells} cells"
            said = f"none of {number} of {self.column.name!r} is a level of the fit"
            return f"{said} (such as {short!r}; there it was {self.known!r})"
        whose = f"the {self.present} cells of {self.column.name!r}"
        how_many = f"none of {whose} can" if self.cells == self.present else f"{self.cells} of {whose} cannot"
        if self.present == 1:
            how_many = f"the one cell of {self.column.name!r} cannot"
        if self.present == 0:
            how_many = f"{self.cells} cell(s) of {self.column.name!r} cannot"
        return f"{how_many} be read as {self.column.expected} (such as {short!r})"


def warn_of_lost(lost: Sequence[Lost], parts: int = 1) -> None:
    """One warning for all columns of a table, read in so many parts, which names those that lost the most."""
    if not lost:
        return
    told = list(lost) if parts == 1 else _together(lost)
    worst = sorted(told, key=lambda one: -one.cells / max(one.present, 1))[:_TOLD]
    more = f"; {len(told) - _TOLD} more column(s) are alike" if len(told) > _TOLD else ""
    logger.warning(
        "cells that cannot be read as in the table of the fit count as missing: %s%s; write them as they were there.",
        "; ".join(one.sentence for one in worst),
        more,
    )


def _together(lost: Sequence[Lost]) -> list[Lost]:
    """One per column, with the cells added up."""
    found: dict[str, Lost] = {}
    for one in lost:
        before = found.get(one.column.name)
        found[one.column.name] = replace(one, cells=one.cells + (before.cells if before else 0), present=0)
    return list(found.values())
