"""What each column is, decided once per table, and every column read as that.

Kinds: *numeric* and *boolean* (float64), *category* (text whose values are few or recur), *text*, *date* (datetime64;
with a zone, in its local time), *id* (identifies the row), *constant* (the same in all rows, or empty). The last two
are left out, and so is a column that repeats another one; the schema says why. The decision is plain data (JSON), so a
table at predict time is read exactly as the table at fit time, whatever its dtypes are now. Cells that hold something
that cannot be read as their column's kind count as missing, and a warning says how many and where.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.canonical import canonical, is_categorical, numbers_as_words, whole_words
from seasoned.tabular.cells import to_text
from seasoned.tabular.identity import duplicates, fingerprint, identifier
from seasoned.tabular.written import (
    SLIPS,
    boolean_style,
    date_style,
    mostly_dates,
    mostly_numbers,
    number_style,
    read_booleans,
    read_dates,
    read_numbers,
    say_something,
)
from seasoned.tabular.zones import in_zone, with_zone, zone_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Column", "Kind", "Lost", "Schema", "read", "warn_of_lost"]

logger = logging.getLogger("seasoned.tabular")

Kind = Literal["numeric", "boolean", "category", "text", "date", "id", "constant"]
FEW = 100  # levels up to which text counts as a category
MOST_LEVELS: Final = 2_000
"""Most levels of a category that models know one by one; of more, the most common ones."""
_OF_NUMBERS: Final = frozenset({"numeric", "boolean", "date"})  # kinds whose cells are more than words
_AGAIN: Final = 3  # rows with a value from which on it counts as recurring
_USUAL: Final = 5  # values that may fill a column of text, as "none" and "see above" do
_SHARE: Final = 2 / 3  # of the rows, that levels must cover for text with many values to be a category
_UNREAD = 20  # words that are kept of those that were no numbers or dates at fit time
_TOLD = 3  # columns that a warning names
_LONGEST = 40  # characters of a cell that a warning shows
_MOMENT = dt.datetime(2024, 12, 31, 23, 59, 58, tzinfo=dt.UTC)  # to show a format of dates by


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
        zone: The zone of dates that had one at fit time. Dates in another zone are converted to this one, and those
            without a zone are taken to be in it. Where the fit saw none, dates with a zone are converted to UTC.
    """

    name: str
    kind: Kind
    format: str | None = None
    reason: str | None = None
    unread: tuple[str, ...] = ()
    zone: str | None = None

    @property
    def expected(self) -> str:
        """What a cell should be, in words; for columns of numbers and dates."""
        if self.kind == "date":
            style = None if self.format == "ISO8601" else self.format
            return f"a date like {_MOMENT.strftime(style or '%Y-%m-%d')}"
        if self.kind == "boolean":
            return self.format.replace("/", " or ") if self.format and "/" in self.format else "0 or 1"
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


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a table, in the order of the table at fit time."""

    columns: tuple[Column, ...]

    @classmethod
    def infer(cls, frame: pd.DataFrame, kept: Any = None) -> Schema:
        """Decide the kind of every column from the rows at fit time.

        Args:
            frame: The table.
            kept: The name of a column that stays though it looks as if it identified rows; anything else names none.

        Raises:
            InvalidInput: If no column holds anything that differs between rows.
        """
        found, marks, reasons = [], {}, {}
        for name in map(str, frame.columns):  # one by one, so that no second copy of the table is in memory
            plain = canonical(frame[name])
            column = _infer(name, plain, is_categorical(frame[name].dtype))
            if column.kind == "date":
                column = replace(column, zone=zone_of(frame[name]))
            found.append(column)
            if column.reason is None:
                marks[name] = fingerprint(plain)
                reasons[name] = (
                    None
                    if isinstance(kept, str) and name == kept
                    else identifier(name, column.kind, _read_plain(column, plain))
                )
        if not marks:
            raise InvalidInput(
                f"none of the {len(found)} feature(s) differs between rows; add a column that carries information."
            )
        telling = {name: mark for name, mark in marks.items() if reasons[name] is None}
        if not telling:  # nothing else would remain
            telling, reasons = marks, {}
        twins = duplicates(telling, lambda name: canonical(frame[name]))
        columns = tuple(_left_out(column, reasons.get(column.name), twins.get(column.name)) for column in found)
        for column in columns:
            if column.reason:
                logger.info("the column %r is left out: %s", column.name, column.reason)
        return cls(columns)

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that carry information."""
        return tuple(column for column in self.columns if column.reason is None)

    def apply(self, frame: pd.DataFrame, lost: list[Lost] | None = None) -> pd.DataFrame:
        """The used columns in canonical form (idempotent); extra columns and the order of columns do not matter.

        Args:
            frame: The table.
            lost: Collects cells that cannot be read as at fit time; if None, a warning tells of them.

        Raises:
            InvalidInput: If a column that is used is missing; it is named.
        """
        import pandas as pd

        self.check(frame)
        noted: list[Lost] = [] if lost is None else lost
        found = {column.name: read(column, frame[column.name], noted) for column in self.used}
        if lost is None:
            warn_of_lost(noted)
        return pd.DataFrame(found, copy=False)

    def check(self, frame: pd.DataFrame) -> None:
        """Raise InvalidInput if a column that is used is missing; it is named."""
        missing = [column.name for column in self.used if column.name not in frame.columns]
        if missing:
            raise InvalidInput(
                f"the table lacks the column(s) {', '.join(map(repr, missing))} that the model was fitted on; add "
                "them (empty cells are fine)."
            )

    def to_json(self) -> list[dict[str, Any]]:
        """Plain data that `from_json` reads."""
        given = [asdict(column) for column in self.columns]
        return [{key: value for key, value in one.items() if value or key not in {"unread", "zone"}} for one in given]

    @classmethod
    def from_json(cls, columns: Iterable[dict[str, Any]]) -> Schema:
        """The schema that `to_json` described."""
        return cls(
            tuple(Column(**{**column, "unread": tuple(map(str, column.get("unread", ())))}) for column in columns)
        )


def _infer(name: str, plain: pd.Series[Any], categorical: bool) -> Column:
    """The kind of a column in canonical form; one that is declared as categories is not read as numbers or dates."""
    levels = _levels(plain)
    if levels == 0:
        return Column(name, "constant", reason="All of its cells are empty.")
    if levels == 1 and not plain.isna().any():
        return Column(name, "constant", reason="It has the same value in every row.")
    if plain.dtype.kind == "f":
        return Column(name, "boolean" if plain.isin((0.0, 1.0, math.nan)).all() else "numeric")
    if plain.dtype.kind == "M":
        return Column(name, "date")
    if levels == 2 and (words := boolean_style(plain)) is not None:
        return Column(name, "boolean", words)
    written = None if categorical else _written(name, plain)
    return written or Column(name, "category" if levels <= FEW or _comes_again(plain) else "text")


def _comes_again(words: pd.Series[Any]) -> bool:
    """Whether text is a category with many levels: most rows hold recurring values, even without the most usual few."""
    counts = words.value_counts().to_numpy()
    others = counts[_USUAL:]
    known = counts[:MOST_LEVELS].sum() >= _SHARE * counts.sum()
    return bool(known and others[others >= _AGAIN].sum() >= _SHARE * others.sum())


def _written(name: str, plain: pd.Series[Any]) -> Column | None:
    """A column of text as numbers or dates, if all its cells are such, or all but a few."""
    if (style := number_style(plain)) is not None:
        return _written_numbers(name, read_numbers(plain, style), style)
    if (style := date_style(plain)) is not None:
        return Column(name, "date", style)
    if (mostly := mostly_numbers(plain)) is not None:
        style, left = mostly
        return _with_slips(_written_numbers(name, read_numbers(plain, style), style), plain, left)
    if (mostly := mostly_dates(plain)) is not None:
        return _with_slips(Column(name, "date", mostly[0]), plain, mostly[1])
    return None


def _levels(plain: pd.Series[Any]) -> int:
    """Number of different values, missing ones aside; for numbers 2 means 2 or more, ten times as quick to find."""
    if plain.dtype.kind != "f":
        return plain.nunique(dropna=True)
    low, high = plain.min(), plain.max()
    return 0 if math.isnan(low) else 1 if low == high else 2


def _written_numbers(name: str, values: pd.Series[Any], style: str) -> Column:
    return Column(name, "boolean" if values.dropna().isin((0.0, 1.0)).all() else "numeric", style)


def _with_slips(column: Column, plain: pd.Series[Any], left: pd.Series[Any]) -> Column:
    """The column, with the words that are no numbers or dates in it; a warning tells of them."""
    words = left[say_something(left)]
    if not len(words):
        return column
    lost = Lost(column, len(words), int(say_something(plain).sum()), str(words.iloc[0]))
    logger.warning(
        "a few cells count as missing: %s, and all others can; correct them, or declare the column as categories "
        "(astype('category')) to keep them as levels.",
        lost.sentence,
    )
    return replace(column, unread=tuple(words.value_counts().index[:_UNREAD]))


def _left_out(column: Column, identifies: str | None, twin: str | None) -> Column:
    """The column with the reason why it is left out, if there is one beyond being constant."""
    if column.reason is not None:
        return column
    if identifies is not None:
        return replace(column, kind="id", format=None, reason=identifies)
    return column if twin is None else replace(column, reason=f"It is the same as {twin!r} in every row.")


def read(column: Column, series: pd.Series[Any], lost: list[Lost] | None = None) -> pd.Series[Any]:
    """The column read as its kind; what cannot be read as such counts as missing, and is noted in `lost`."""
    if series.dtype == object and column.kind in _OF_NUMBERS and (typed := _typed(series)) is not None:
        return _read_apart(column, series, typed, lost)
    words = None
    if column.kind in {"category", "text"}:  # True is "True", whatever else is among these rows
        words = to_text(series) if series.dtype == object else whole_words(series)
    plain = canonical(series) if words is None else words
    found = _read_plain(column, plain)
    if column.zone is not None:
        found = in_zone(found, column.zone, with_zone(series))
    if lost is not None and (of_column := _lost(column, plain, found)) is not None:
        lost.append(of_column)
    return found


def _typed(series: pd.Series[Any]) -> NDArray[np.bool_] | None:
    """Which cells hold something other than words; None unless there are both."""
    words = np.fromiter((isinstance(cell, str | bytes) for cell in series), np.bool_, len(series))
    if not words.any():
        return None
    typed = ~words
    typed[typed] = series[typed].notna().to_numpy()
    return typed if typed.any() else None


def _read_apart(
    column: Column, series: pd.Series[Any], typed: NDArray[np.bool_], lost: list[Lost] | None
) -> pd.Series[Any]:
    """Words and other cells of one column, read separately: a cell means the same whatever the others hold."""
    import pandas as pd

    order = np.concatenate([np.flatnonzero(typed), np.flatnonzero(~typed)])
    parts = [read(column, series[mask], lost) for mask in (typed, ~typed)]
    found = pd.concat(parts, ignore_index=True).iloc[np.argsort(order)]
    return found.set_axis(series.index)


def _lost(column: Column, plain: pd.Series[Any], found: pd.Series[Any]) -> Lost | None:
    """The cells that hold something that cannot be read as a number or date; None if all of them are as expected."""
    if column.kind not in _OF_NUMBERS or plain.dtype.kind == found.dtype.kind:
        return None
    present = plain.notna().to_numpy()
    gone = present & found.isna().to_numpy()
    if not gone.any():
        return None
    cells, there = plain[gone], int(present.sum())
    if plain.dtype.kind not in "fM":
        said = cells[say_something(cells)]
        there -= len(cells) - len(said)
        cells = said if len(said) == there > 1 else said[~said.isin(column.unread)]  # a whole column is reported anyway
    if not len(cells) or (len(column.unread) == _UNREAD and len(cells) <= SLIPS * there):  # not all words were kept
        return None
    first = cells.iloc[0]
    return Lost(column, len(cells), there, f"{first:.15g}" if isinstance(first, float) else str(first))


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


def _read_plain(column: Column, plain: pd.Series[Any]) -> pd.Series[Any]:
    import numpy as np
    import pandas as pd

    kind = plain.dtype.kind
    if column.kind in {"numeric", "boolean"}:
        if kind == "f":
            return plain
        if kind == "M":
            return pd.Series(np.nan, index=plain.index, name=plain.name, dtype="float64")
        read = read_booleans(plain, column.format) if column.kind == "boolean" else read_numbers(plain, column.format)
        return read.where(np.isfinite(read)).astype("float64")
    if column.kind == "date":
        if kind == "M":
            return plain.astype("datetime64[us]")
        if kind == "f":
            return pd.Series(pd.NaT, index=plain.index, name=plain.name, dtype="datetime64[us]")
        return read_dates(plain, column.format)
    return plain if kind not in "fM" else numbers_as_words(plain)
