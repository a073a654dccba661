"""Description of a column, and of its cells that cannot be read by it."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "LONGEST_LEVEL",
    "MAX_CATEGORY_LEVELS",
    "MOST_LEVELS",
    "UNREAD",
    "Column",
    "Kind",
    "UnreadableCells",
    "warn_of_unreadable",
]

logger = logging.getLogger("seasoned.tabular")

Kind = Literal["numeric", "boolean", "category", "text", "date", "id", "constant"]
MAX_CATEGORY_LEVELS: Final = 100
"""Largest number of levels at which text always counts as a category."""
LONGEST_LEVEL: Final = 100_000
"""Largest number of characters of a level; longer texts are levels only if no shorter text exists."""
MOST_LEVELS: Final = 2_000
"""Largest number of levels of a category for a model; of more levels, the most frequent ones are used."""
UNREAD: Final = 20
"""Largest number of unreadable words at fit time that a column stores."""
_TOLD: Final = 3  # largest number of columns in a warning
_LONGEST: Final = 40  # largest number of characters of a cell in a warning
_MOMENT: Final = dt.datetime(2024, 12, 31, 23, 59, 58, tzinfo=dt.UTC)  # example of a date format in a message


@dataclass(frozen=True, slots=True)
class Column:
    """Description of one column.

    Attributes:
        name: Name of the column.
        kind: Kind of the column.
        format: Text format of the cells, where it is not the usual one of the kind. It is the format of dates, the
            style of numbers ("plain", "1,234.5", "1.234,5"), or the two words of a boolean ("no/yes").
        reason: Reason why the column is left out, as a sentence; None if it is used.
        unread: The 20 most frequent words at fit time that are no numbers or dates. They count as missing. The fit
            warned of them, and later readings do not.
        zone: Time zone of the dates at fit time; for text, the most frequent offset. Dates in another zone are
            converted to it, and dates without a zone are in it. If None, dates with a zone are converted to UTC.
        example: A cell as written, where its reading is not obvious.
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
        """Expected content of a cell in words; for columns of numbers, dates and booleans."""
        if self.kind == "date":
            style = None if self.format == "ISO8601" else self.format
            return f"a date like {_MOMENT.strftime(style or '%Y-%m-%d')}"
        if self.kind == "boolean":
            return self.format.replace("/", " or ") if self.format and "/" in self.format else "0 or 1"
        if self.format in {"23:59", "12h 5m"}:
            return f"a time like {self.format}"
        return "a number" if self.format in {None, "plain"} else f"a number like {self.format}"


@dataclass(frozen=True, slots=True)
class UnreadableCells:
    """Unreadable cells of a column of numbers or dates, which count as missing, or a column without any known level.

    Attributes:
        column: The column.
        cells: Number of these cells.
        present: Number of cells that are not empty; 0 if parts of the table were not counted.
        example: One of these cells.
        known: A level of the fit, if no cell has a known level; else None.
    """

    column: Column
    cells: int
    present: int
    example: str
    known: str | None = None

    @property
    def sentence(self) -> str:
        """Clause that describes the cells in a warning."""
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


def warn_of_unreadable(lost: Sequence[UnreadableCells], parts: int = 1) -> None:
    """Log one warning for all columns of a table that was read in `parts` parts; it names the worst columns."""
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


def _together(lost: Sequence[UnreadableCells]) -> list[UnreadableCells]:
    """One entry per column, with the sum of its cells."""
    found: dict[str, UnreadableCells] = {}
    for one in lost:
        before = found.get(one.column.name)
        found[one.column.name] = replace(one, cells=one.cells + (before.cells if before else 0), present=0)
    return list(found.values())
