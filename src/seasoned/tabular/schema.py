"""What each column is, decided once per table, and every column read as that.

Kinds: *numeric* and *boolean* (float64), *category* (text with few levels), *text* (text with many), *date*
(datetime64, UTC), *id* (says who the row is), *constant* (the same in all rows, or nothing). The last two are left out,
and so is a column that repeats another one; the schema says why. The decision is plain data (JSON), so a table at
predict time is read exactly as the table at fit time, whatever its dtypes are now.
"""

from __future__ import annotations

import logging
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from seasoned.errors import InvalidInput
from seasoned.tabular.canonical import canonical, is_categorical, numbers_as_words, whole_words
from seasoned.tabular.identity import duplicates, fingerprint, identifier
from seasoned.tabular.written import (
    boolean_style,
    date_style,
    number_style,
    read_booleans,
    read_dates,
    read_numbers,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

__all__ = ["Column", "Kind", "Schema", "read"]

logger = logging.getLogger("seasoned.tabular")

Kind = Literal["numeric", "boolean", "category", "text", "date", "id", "constant"]
FEW = 100  # levels up to which text counts as a category: one-hot columns stay few, LightGBM splits them natively


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: Its name.
        kind: What it is.
        format: How it is written, where that is not as its kind usually is: the format of dates that came as text, the
            style of numbers ("plain", "1,234.5", "1.234,5"), or the two words of a boolean ("no/yes").
        reason: Why it is left out, as a sentence; None if it is used.
    """

    name: str
    kind: Kind
    format: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a table, in the order of the table at fit time."""

    columns: tuple[Column, ...]

    @classmethod
    def infer(cls, frame: pd.DataFrame) -> Schema:
        """Decide the kind of every column from the rows at fit time.

        Raises:
            InvalidInput: If no column holds anything that differs between rows.
        """
        found, marks, reasons = [], {}, {}
        for name in map(str, frame.columns):  # one by one, so that no second copy of the table is in memory
            plain = canonical(frame[name])
            column = _infer(name, plain, is_categorical(frame[name].dtype))
            found.append(column)
            if column.reason is None:
                marks[name] = fingerprint(plain)
                reasons[name] = identifier(name, column.kind, _read_plain(column, plain))
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

    def apply(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The used columns in canonical form; extra columns and another order do not matter.

        Raises:
            InvalidInput: If a column that is used is missing; it is named.
        """
        import pandas as pd

        self.check(frame)
        return pd.DataFrame({column.name: read(column, frame[column.name]) for column in self.used}, copy=False)

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
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_json(cls, columns: Iterable[dict[str, Any]]) -> Schema:
        """The schema that `to_json` described."""
        return cls(tuple(Column(**column) for column in columns))


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
    if not categorical:
        if (style := number_style(plain)) is not None:
            return _written_numbers(name, read_numbers(plain, style), style)
        if (style := date_style(plain)) is not None:
            return Column(name, "date", style)
    return Column(name, "category" if levels <= FEW else "text")


def _levels(plain: pd.Series[Any]) -> int:
    """Number of values, missing ones aside; of numbers 2 stands for more, which is ten times as quick to know."""
    if plain.dtype.kind != "f":
        return plain.nunique(dropna=True)
    low, high = plain.min(), plain.max()
    return 0 if math.isnan(low) else 1 if low == high else 2


def _written_numbers(name: str, values: pd.Series[Any], style: str) -> Column:
    return Column(name, "boolean" if values.dropna().isin((0.0, 1.0)).all() else "numeric", style)


def _left_out(column: Column, identifies: str | None, twin: str | None) -> Column:
    """The column with the reason why it is left out, if there is one beyond being constant."""
    if column.reason is not None:
        return column
    if identifies is not None:
        return replace(column, kind="id", format=None, reason=identifies)
    return column if twin is None else replace(column, reason=f"It is the same as {twin!r} in every row.")


def read(column: Column, series: pd.Series[Any]) -> pd.Series[Any]:
    """The column as its kind asks; what cannot be read as such counts as missing."""
    words = whole_words(series) if column.kind in {"category", "text"} else None
    return _read_plain(column, canonical(series) if words is None else words)


def _read_plain(column: Column, plain: pd.Series[Any]) -> pd.Series[Any]:
    import numpy as np
    import pandas as pd

    kind = plain.dtype.kind
    if column.kind in {"numeric", "boolean"}:
        if kind == "f":
            return plain
        if kind == "M":
            return pd.Series(np.full(len(plain), np.nan), index=plain.index, name=plain.name)
        read = read_booleans(plain) if column.kind == "boolean" else read_numbers(plain, column.format)
        return read.where(np.isfinite(read)).astype("float64")
    if column.kind == "date":
        if kind == "M":
            return plain.astype("datetime64[us]")
        if kind == "f":
            return pd.Series(np.full(len(plain), np.datetime64("NaT"), "datetime64[us]"), name=plain.name)
        return read_dates(plain, column.format)
    return plain if kind not in "fM" else numbers_as_words(plain)
