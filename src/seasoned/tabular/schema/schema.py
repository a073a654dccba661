"""Schema of a table: the kind of each column is decided once, at fit time, and every later table is read by it.

Kinds of columns:

- *numeric* and *boolean* (float64);
- *category* (text whose values are few or recur) and *text*;
- *date* (datetime64; with a zone, in its local time);
- *id* (identifies the row) and *constant* (the same in all rows, or empty).

Columns of the last two kinds are left out, and so are duplicates of other columns; the schema contains the reasons.

The schema is plain data (JSON). A table at predict time is read exactly as the table at fit time, whatever its dtypes.
Cells that cannot be read by the kind of their column count as missing, and a warning counts them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.schema.canonical import canonical, is_categorical, numbers_as_words, whole_words
from seasoned.tabular.schema.column import UNREAD, Column, UnreadableCells, warn_of_unreadable
from seasoned.tabular.schema.dates import read_dates
from seasoned.tabular.schema.identifiers import COUNTS, duplicates, fingerprint, identifier, numbers_rows
from seasoned.tabular.schema.object_columns import to_text
from seasoned.tabular.schema.text_parsing import (
    CLOCK,
    MAX_TYPO_SHARE,
    SPAN,
    has_value,
    present_in,
    read_booleans,
    read_numbers,
)
from seasoned.tabular.schema.time_zones import in_zone, offset_of, with_zone, zone_of, zone_of_cells
from seasoned.tabular.schema.type_inference import infer_column
from seasoned.tabular.schema.wide_tables import decide, is_wide, mark, number_places, numbers

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Reading", "Schema", "read"]


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


logger = logging.getLogger("seasoned.tabular")

_OF_NUMBERS: Final = frozenset({"numeric", "boolean", "date"})  # kinds whose cells are no words
_OPTIONAL: Final = frozenset({"unread", "zone", "example"})  # fields that a file omits if they are empty


@dataclass(frozen=True, slots=True)
class Schema:
    """Columns of a table, in the order of the table at fit time."""

    columns: tuple[Column, ...]

    @classmethod
    def infer(cls, frame: pd.DataFrame, kept: Any = None) -> Schema:
        """Decide the kind of every column from the rows at fit time.

        Args:
            frame: The table.
            kept: Name of a column that stays even if it identifies rows; a value that is no text names no column.

        Raises:
            InvalidInput: If no column differs between rows.
        """
        found: list[Column] = []
        marks: dict[str, Hashable] = {}
        reasons: dict[str, str | None] = {}
        decided = decide(frame)
        for name in map(str, frame.columns):  # one by one, to avoid a second copy of the table in memory
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
                marks[name] = marked, column.zone  # equal moments in two zones have different hours
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
        if not telling:  # if all columns are identifiers, all stay
            telling, reasons = marks, {}
        twins = duplicates(telling, lambda name: canonical(frame[name]))
        columns = tuple(_left_out(column, reasons.get(column.name), twins.get(column.name)) for column in found)
        for column in columns:
            _tell_of(column)
        return cls(columns)

    @property
    def used(self) -> tuple[Column, ...]:
        """Columns that carry information."""
        return tuple(column for column in self.columns if column.reason is None)

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Non-obvious readings of the used columns, one per column."""
        return tuple(_reading(column, column.example) for column in self.used if column.example is not None)

    def apply(self, frame: pd.DataFrame, lost: list[UnreadableCells] | None = None) -> pd.DataFrame:
        """Used columns in canonical form (idempotent); extra columns and the order of columns are irrelevant.

        Args:
            frame: The table.
            lost: List that collects unreadable cells; if None, a warning reports them.

        Raises:
            InvalidInput: If a used column is missing; the message names it.
        """
        import pandas as pd

        self.check(frame)
        noted: list[UnreadableCells] = [] if lost is None else lost
        used = self.used
        if is_wide(frame):
            frame = frame[[column.name for column in used]]
        together = number_places(frame)
        if together.any():
            together &= np.array([column.kind in {"numeric", "boolean"} for column in used])
            used = tuple(column for column, known in zip(used, together, strict=True) if not known)
        found = pd.DataFrame({column.name: read(column, frame[column.name], noted) for column in used}, copy=False)
        if lost is None:
            warn_of_unreadable(noted)
        if not together.any():
            return found
        block = pd.DataFrame(numbers(frame, together), index=frame.index, columns=frame.columns[together], copy=False)
        return block if not used else pd.concat([block, found], axis="columns")[list(frame.columns)]

    def check(self, frame: pd.DataFrame) -> None:
        """Raise InvalidInput if a used column is missing; the message names it."""
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
        """Schema from the data of `to_json`."""
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
    """Time zone of a column of dates: of its dtype, its objects or its text."""
    if column.format is None:
        return zone_of(given) or zone_of_cells(given)
    return offset_of(present_in(plain)) if column.format == "ISO8601" or "%z" in column.format else None


def _tell_of(column: Column) -> None:
    """Log why a column is left out. A column that only counts the rows gives a warning, as its order may matter."""
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
    """Column with the reason why it is left out, if it identifies rows or repeats another column."""
    if column.reason is not None:
        return column
    if identifies is not None:
        return replace(column, kind="id", format=None, reason=identifies)
    return column if twin is None else replace(column, reason=f"It is the same as {twin!r} in every row.")


def read(column: Column, series: pd.Series[Any], lost: list[UnreadableCells] | None = None) -> pd.Series[Any]:
    """Read a column by its kind. Unreadable cells count as missing, and are appended to `lost`."""
    if series.dtype == object and column.kind in _OF_NUMBERS and (typed := _typed(series)) is not None:
        return _read_apart(column, series, typed, lost)
    words = None
    if column.kind in {"category", "text"}:  # True is "True", whatever the other cells are
        words = to_text(series) if series.dtype == object else whole_words(series)
    plain = canonical(series) if words is None else words
    found = _read_plain(column, plain)
    if column.zone is not None:
        found = in_zone(found, column.zone, with_zone(series))
    if lost is not None and (of_column := _lost(column, plain, found)) is not None:
        lost.append(of_column)
    return found


def _typed(series: pd.Series[Any]) -> NDArray[np.bool_] | None:
    """Mask of the cells that are no words, shape (n,); None unless the column has words and other cells."""
    words = np.fromiter((isinstance(cell, str | bytes) for cell in series), np.bool_, len(series))
    if not words.any():
        return None
    typed = ~words
    typed[typed] = series[typed].notna().to_numpy()
    return typed if typed.any() else None


def _read_apart(
    column: Column, series: pd.Series[Any], typed: NDArray[np.bool_], lost: list[UnreadableCells] | None
) -> pd.Series[Any]:
    """Read words and other cells of a column separately, so that no cell depends on the others."""
    import pandas as pd

    order = np.concatenate([np.flatnonzero(typed), np.flatnonzero(~typed)])
    noted: list[UnreadableCells] = []
    parts = [read(column, series[mask], noted) for mask in (typed, ~typed)]
    if lost is not None and noted:  # one entry for the whole column
        cells, present = sum(one.cells for one in noted), int(series.notna().sum())
        lost.append(replace(noted[0], cells=cells, present=present))
    found = pd.concat(parts, ignore_index=True).iloc[np.argsort(order)]
    return found.set_axis(series.index)


def _lost(column: Column, plain: pd.Series[Any], found: pd.Series[Any]) -> UnreadableCells | None:
    """Unreadable cells of a column of numbers or dates; None without such cells."""
    if column.kind not in _OF_NUMBERS or plain.dtype.kind == found.dtype.kind:
        return None
    present = plain.notna().to_numpy()
    gone = present & found.isna().to_numpy()
    if not gone.any():
        return None
    cells, there = plain[gone], int(present.sum())
    if plain.dtype.kind not in "fM":
        said = cells[has_value(cells)]
        there -= len(cells) - len(said)
        cells = said if len(said) == there > 1 else said[~said.isin(column.unread)]  # a whole column is always reported
    if not len(cells) or (
        len(column.unread) == UNREAD and len(cells) <= MAX_TYPO_SHARE * there
    ):  # `unread` may be incomplete
        return None
    first = cells.iloc[0]
    return UnreadableCells(column, len(cells), there, f"{first:.15g}" if isinstance(first, float) else str(first))


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
