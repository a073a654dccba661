"""Descriptions of the columns in words: the schema's kind, and the model inputs made by the column plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seasoned.report._common.data import ColumnRow
from seasoned.tabular.preprocessing.category import CategoryColumn, ManyLevelsColumn
from seasoned.tabular.preprocessing.text import TextColumn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seasoned.tabular.preprocessing.column_plan import ColumnPlan
    from seasoned.tabular.schema.column import Column

__all__ = ["column_rows"]

_NUMBER: Final = "The number; for linear models scaled, with the median where it is missing."
_BOOLEAN: Final = "0 for no, 1 for yes."
_WORDS: Final = frozenset({"no/yes", "false/true", "n/y", "f/t", "off/on"})
_DATE: Final = "8 numbers: year, month, day, day of the week and of the year, hour, minute, days since the first."


def column_rows(plan: ColumnPlan) -> tuple[ColumnRow, ...]:
    """Return a row for each column of the table, in its order."""
    encoders = {encoder.name: encoder for encoder in plan.encoders}
    return tuple(
        ColumnRow(
            column.name,
            column.kind,
            _became(column, encoders, scored=plan.scores is not None),
            dropped=column.reason is not None,
        )
        for column in plan.schema.columns
    )


def _became(column: Column, encoders: Mapping[str, object], *, scored: bool) -> str:
    encoder = encoders.get(column.name)
    if column.reason is not None:
        return f"Left out. {column.reason}"
    if column.kind == "boolean":
        return _BOOLEAN if column.format not in _WORDS else f"{_BOOLEAN} Written as {column.format}."
    if column.kind == "numeric":
        return _NUMBER if column.format in {None, "plain"} else f"{_NUMBER} Written like {column.format}."
    if column.kind == "date":
        return _DATE if column.format is None else f"{_DATE} Read as {column.format}."
    if isinstance(encoder, TextColumn):
        return _text(encoder, scored=scored)
    if isinstance(encoder, ManyLevelsColumn):
        return (
            f"How often a level occurs, and which it is of the {encoder.column_levels[-1]} most common ones that came "
            "again: a code for trees, a column for each of the most common for linear models."
        )
    levels = len(encoder.words) if isinstance(encoder, CategoryColumn) else 0
    return f"{levels} levels: a code for trees, a column for each level for linear models."


def _text(column: TextColumn, *, scored: bool) -> str:
    words = " Its words and characters also count in the scores of texts." if scored else ""
    if column.vectors is None:
        return f"1 number: how often the same text occurs. There was no time, or nothing to learn, for more.{words}"
    components = column.vectors.width
    return (
        f"{1 + components} numbers: {components} components of its character n-grams, and how often it occurs.{words}"
    )
