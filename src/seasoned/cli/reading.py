"""What commands read, and the options that several share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from seasoned.cli.common import STREAM, check_folder
from seasoned.errors import InvalidInput
from seasoned.tabular.tables import read_csv, read_table

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

__all__ = ["Weights", "check_column", "rows_to_predict", "table_to_fit"]

Weights = Annotated[str | None, typer.Option(help="Column that tells how much each row counts.")]


def check_column(frame: pd.DataFrame, table: Path, column: str) -> None:
    """Refuses a name that the table does not have, and lists those that it has."""
    if column not in frame.columns:
        names = ", ".join(map(str, frame.columns))
        raise InvalidInput(f"{table.name} has no column {column!r}; its columns are {names}.")


def table_to_fit(table: Path, target: str, *outputs: Path | None) -> pd.DataFrame:
    """The table's rows that have a target, and a word on the others; what could not be written is refused now."""
    frame = read_table(table)
    check_column(frame, table, target)
    for file in outputs:
        if file is not None:
            check_folder(file)
    kept = frame[target].notna()
    if kept.all() or not kept.any():  # that none has one, the model says
        return frame
    typer.echo(f"{(~kept).sum()} of {len(frame)} rows have no {target!r} and are left out", err=True)
    return frame[kept]


def rows_to_predict(table: Path) -> pd.DataFrame:
    """The table, or what the standard input holds."""
    return read_csv(sys.stdin, "the standard input") if table == STREAM else read_table(table)
