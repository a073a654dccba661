"""What each column is, decided once per table, and every column read as that.

Kinds: *numeric* and *boolean* (float64), *category* (text whose values are few or recur), *text*, *date* (datetime64;
with a zone, in its local time), *id* (identifies the row), *constant* (the same in all rows, or empty). The last two
are left out, and so is a column that repeats another one; the schema says why. The decision is plain data (JSON), so a
table at predict time is read exactly as the table at fit time, whatever its dtypes are now. Cells that hold something
that cannot be read as their column's kind count as missing, and a warning says how many and where.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.schema.canonical import canonical, is_categorical, numbers_as_words, whole_words
from seasoned.tabular.schema.column import UNREAD, Column, Lost, warn_of_lost
from seasoned.tabular.schema.dates import read_dates
from seasoned.tabular.schema.identifiers import COUNTS, duplicates, fingerprint, identifier, numbers_rows
from seasoned.tabular.schema.object_columns import to_text
from seasoned.tabular.schema.readings import Reading
from seasoned.tabular.schema.text_parsing import (
    CLOCK,
    SLIPS,
    SPAN,
    present_in,
    read_booleans,
    read_numbers,
    say_something,
)
from seasoned.tabular.schema.time_zones import in_zone, offset_of, with_zone, zone_of, zone_of_cells
from seasoned.tabular.schema.type_inference import infer_column
from seasoned.tabular.schema.wide_tables import decide, is_wide, mark, number_places, numbers

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Schema", "read"]

logger = logging.getLogger("seasoned.tabular")

_OF_NUMBERS: Final = frozenset({"numeric", "boolean", "date"})  # kinds whose cells are more than words
_OPTIONAL: Final = frozenset({"unread", "zone", "example"})  # left out of a file where they are empty


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
        found: list[Column] = []
        marks: dict[str, Hashable] = {}
        reasons: dict[str, str | None] = {}
        decided = decide(frame)
        for name in map(str, frame.columns):  # one by one, so that no second copy of the table is in memory
            if name in decided:
                column, marked, identifies = decided[name]
                found.append(column)
                if column.reason is None:
                    marks[name] = marked, None
                    reasons[name] = None if isinstance(kept, str) and name == kept else identifies
                continue
            plain = canonical(frame[name])
            column = infer_column(name, plain, categorical=is_categorical(frame[name].dtype))
            if column.kind == "date":
                column = replace(column, zone=_zone(column, plain, frame[name]))
            found.append(column)
            if column.reason is None:
                marked = mark(plain.to_numpy()) if plain.dtype.kind == "f" else fingerprint(plain)
                marks[name] = marked, column.zone  # the same moments have other hours in another zone
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
            _tell_of(column)
        return cls(columns)

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that carry information."""
        return tuple(column for column in self.columns if column.reason is None)

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Readings of used columns that are not obvious, one for each such column."""
        return tuple(_reading(column, column.example) for column in self.used if column.example is not None)

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
        used = self.used
        if is_wide(frame):
            frame = frame[[column.name for column in used]]
        together = number_places(frame)
        if together.any():
            together &= np.array([column.kind in {"numeric", "boolean"} for column in used])
            used = tuple(column for column, known in zip(used, together, strict=True) if not known)
        found = pd.DataFrame({column.name: read(column, frame[column.name], noted) for column in used}, copy=False)
        if lost is None:
            warn_of_lost(noted)
        if not together.any():
            return found
        block = pd.DataFrame(numbers(frame, together), index=frame.index, columns=frame.columns[together], copy=False)
        return block if not used else pd.concat([block, found], axis="columns")[list(frame.columns)]

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
        names = [field.name for field in fields(Column)]
        given = [{name: getattr(column, name) for name in names} for column in self.columns]
        return [{key: value for key, value in one.items() if value or key not in _OPTIONAL} for one in given]

    @classmethod
    def from_json(cls, columns: Iterable[dict[str, Any]]) -> Schema:
        """The schema that `to_json` described."""
        return cls(
            tuple(Column(**{**column, "unread": tuple(map(str, column.get("unread", ())))}) for column in columns)
        )


def _reading(column: Column, example: str) -> Reading:
    import pandas as pd

    value = read(column, pd.Series([example], dtype="str")).iloc[0]
    if column.kind not in _OF_NUMBERS:
        return Reading(column.name, "text", example, "a word, because units differ")
    kinds = {CLOCK: "times of day, in seconds", SPAN: "durations, in seconds"}
    kind = "dates" if column.kind == "date" else kinds.get(column.format or "", "numbers")
    if pd.isna(value):
        return Reading(column.name, kind, example, "missing")
    return Reading(column.name, kind, example, str(value).removesuffix(" 00:00:00").removesuffix(".0"))


def _zone(column: Column, plain: pd.Series[Any], given: pd.Series[Any]) -> str | None:
    """The zone of a column of dates, as it was given or as it is written."""
    if column.format is None:
        return zone_of(given) or zone_of_cells(given)
    return offset_of(present_in(plain)) if column.format == "ISO8601" or "%z" in column.format else None


def _tell_of(column: Column) -> None:
    """Log why a column is left out; where it is for the order of its values alone, that can be a mistake."""
    reason = column.reason or ""
    if reason.startswith(COUNTS) and not numbers_rows(column.name):
        logger.warning(
            "the column %r is left out. %s If this order matters, give it a name that says so, such as 'step'.",
            column.name,
            reason,
        )
    elif reason:
        logger.info("the column %r is left out: %s", column.name, reason)


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
    noted: list[Lost] = []
    parts = [read(column, series[mask], noted) for mask in (typed, ~typed)]
    if lost is not None and noted:  # one of the whole column
        cells, present = sum(one.cells for one in noted), int(series.notna().sum())
        lost.append(replace(noted[0], cells=cells, present=present))
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
    if not len(cells) or (len(column.unread) == UNREAD and len(cells) <= SLIPS * there):  # not all words were kept
        return None
    first = cells.iloc[0]
    return Lost(column, len(cells), there, f"{first:.15g}" if isinstance(first, float) else str(first))


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
