"""Input tables of commands, and options about their columns."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from seasoned._util.equivalents import did_you_mean
from seasoned.cli.common import STREAM, check_folder, check_model
from seasoned.cli.tables.column_formats import NOTHING, TextFormat, format_of, knows_words
from seasoned.cli.tables.decimal_commas import replaced
from seasoned.cli.tables.reading import STDIN, Reading
from seasoned.errors import InvalidInput
from seasoned.tabular.input.target import without_gaps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.cli.tables.declared_table import Declared

__all__ = [
    "Groups",
    "Weights",
    "as_categories",
    "known_rows",
    "names_in",
    "rows_to_predict",
    "table_to_fit",
    "words_in",
]

Groups = Annotated[str | None, typer.Option(help="Column that tells which rows belong together, such as a customer.")]
Weights = Annotated[str | None, typer.Option(help="Column that tells how much each row counts.")]
_USUAL: Final = Reading()


def names_in(words: str | None) -> list[str]:
    """The names in a comma-separated list."""
    return [name for word in (words or "").split(",") if (name := word.strip())]


def _check_column(frame: pd.DataFrame, table: Path, column: str) -> None:
    """Refuse the name of a missing column; the message lists the table's names."""
    if column in frame.columns:
        return
    name, names = STDIN if table == STREAM else table.name, ", ".join(map(str, frame.columns))
    if len(frame.columns) == 1:
        raise InvalidInput(
            f"{name} has no column {column!r}; its only column is {names!r}, so give the --separator if these are more."
        )
    near = did_you_mean(column, list(map(str, frame.columns)))
    listed = f" Its columns are {names}." if near else f"; its columns are {names}."
    raise InvalidInput(f"{name} has no column {column!r}{near}{listed}")


def as_categories(frame: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """The table with the named columns as categories, so that codes of digits are not read as numbers."""
    found = {name: "category" for name in names if name in frame.columns}
    return frame.astype(found) if found else frame  # saves a pass of pandas over all columns


def table_to_fit(
    table: Path,
    target: str,
    model: Path | None = None,
    report: Path | None = None,
    reading: Reading = _USUAL,
    text: Sequence[str] = (),
) -> pd.DataFrame:
    """Read the rows that have a target. A message counts the others; outputs that cannot be written are refused.

    Args:
        table: The file.
        target: The column to predict.
        model: Path of the model to save.
        report: Path of the report to write.
        reading: Format of the table.
        text: Columns that stay text, as written.

    Raises:
        InvalidInput: If a column is missing, `text` includes the target, or an output cannot be written.
    """
    frame = reading.table(table, text)
    for column in (target, *text):
        _check_column(frame, table, column)
    if target in text:
        raise InvalidInput(f"{target!r} is the target; pass --task classification if its numbers are names.")
    if model is not None:
        check_model(model, table)
    if report is not None:
        check_folder(report, table, model)
    return _with_target(frame, table, target, reading)


def _with_target(
    frame: pd.DataFrame, table: Path, target: str, reading: Reading, encoding: str | None = None
) -> pd.DataFrame:
    kept = frame[target].notna()
    if kept.all() or not kept.any():  # the fit refuses a target without values
        return frame
    labels = frame[target].dtype.kind not in "biuf"
    words = _missing_words(reading, table, target, encoding, ~kept.to_numpy()) if labels else ""
    said = f" ({words}: a class of that name needs another)" if words else ""
    typer.echo(f"{(~kept).sum()} of {len(frame)} rows have no {target!r} and are left out{said}", err=True)
    frame = frame[kept]
    return replaced(frame, {target: without_gaps(frame[target])})


def words_in(frame: pd.DataFrame) -> list[str]:
    """Columns that were read as text, so that "007" is text in other files of the same table, too."""
    import pandas as pd

    return [str(name) for name, dtype in frame.dtypes.items() if isinstance(dtype, pd.StringDtype)]


def _missing_words(reading: Reading, table: Path, target: str, encoding: str | None, gone: NDArray[np.bool_]) -> str:
    """Words of a text file's target column that count as missing, each with its number of cells; no empty cells."""
    if not reading.is_text(table):
        return ""
    like = TextFormat(encoding=encoding)
    written = reading.table(table, [target], like, keep_default_na=False, usecols=[target])[target]
    words = written[gone].astype(str).str.strip() if len(written) == len(gone) else written.iloc[:0]
    return ", ".join(f"{word!r} {count} times" for word, count in words[words != ""].value_counts().items())


def known_rows(table: Path, model: Any, said: Declared, reading: Reading = _USUAL) -> pd.DataFrame:
    """Read labelled rows for a saved model, in the format of the file of its fit.

    Args:
        table: The file.
        model: The estimator.
        said: Column roles.
        reading: Format of the file.

    Raises:
        InvalidInput: If a column is missing or has two roles, or weights are invalid or by class for a regressor.
    """
    labels = getattr(model, "classes_", None)
    if labels is None and said.class_weight is not None:
        raise InvalidInput("--class-weight is for classes, and the model predicts numbers; leave it out.")
    words = [said.target] if knows_words(model) else []
    frame = reading.table(table, words, like=format_of(model))
    for column in (said.target, said.weights, said.groups):
        if column is not None:
            _check_column(frame, table, column)
    frame = _with_target(frame, table, said.target, reading, format_of(model).encoding)
    said.check(frame)
    return frame


def rows_to_predict(
    table: Path,
    reading: Reading = _USUAL,
    keep: Sequence[str] = (),
    like: TextFormat = NOTHING,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the table of a file or the standard input, and its columns to write beside the predictions.

    Args:
        table: The file.
        reading: Format of the file.
        keep: Names of the columns to write beside the predictions.
        like: Text format of the model's file: "007" may be text, even if all cells of these rows are digits.
    """
    source = _streamed() if table == STREAM else table
    rows = reading.table(source, like=like)
    for column in keep:
        _check_column(rows, table, column)
    kept = rows[list(dict.fromkeys(keep))]
    if not keep or not reading.is_text(source):
        return rows, kept
    written = reading.table(source, keep, TextFormat(encoding=like.encoding), keep_default_na=False)
    return rows, _as_written(kept, written)


def _streamed() -> bytes:
    if sys.stdin is None:
        raise InvalidInput(f"{STDIN} is closed; give the path of a file.")
    return sys.stdin.buffer.read()


def _as_written(kept: pd.DataFrame, text: pd.DataFrame) -> pd.DataFrame:
    """Columns as written in the file: text, also "NA" and "TRUE", and whole numbers that were read in another form.

    Such whole numbers are "007", or stand in a column with gaps. Other numbers stay as read.
    """
    written = {}
    for name in kept.columns:
        words, known = text[name].where(text[name] != ""), kept[name].notna()
        present = words[known]
        whole = present.str.fullmatch(r"[+-]?\d+").all() and not present.equals(kept[name][known].astype(str))
        if whole or kept[name].dtype.kind not in "iuf" or words[~known].notna().any():
            written[name] = words
    return replaced(kept, written)
