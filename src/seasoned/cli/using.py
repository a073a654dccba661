"""`seasoned predict` and `seasoned report`: what to do with a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seasoned import tabular
from seasoned.cli.common import FILES, STREAM, check_folder, reported
from seasoned.cli.reading import (
    Decimal,
    Encoding,
    Reading,
    Separator,
    Weights,
    check_column,
    names_in,
    rows_to_predict,
)
from seasoned.cli.remembered import remembered
from seasoned.cli.showing import write_predictions
from seasoned.errors import InvalidInput
from seasoned.report import report as write_report
from seasoned.tabular.output import beside, check_kind, prediction_table

__all__ = ["make_report", "predict"]


@reported
def predict(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    model: Annotated[Path, typer.Argument(help="File that `seasoned fit` saved.")],
    table: Annotated[Path, typer.Argument(help=f"{FILES} with the same columns; - reads CSV from the standard input.")],
    *,
    out: Annotated[
        Path, typer.Option(help="File to write, of the same kinds; - writes CSV to the standard output.")
    ] = Path("predictions.csv"),
    interval: Annotated[
        float | None,
        typer.Option(
            help="Share of rows, such as 0.9, whose truth is to lie between two more columns, lower and upper; "
            "of classes, in a column `set`."
        ),
    ] = None,
    keep: Annotated[
        str | None, typer.Option(help="Columns of the table to write before the predictions, such as id,day.")
    ] = None,
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
) -> None:
    """Predict the rows of a table."""
    reading = Reading(separator, decimal, encoding)
    if out != STREAM:
        check_folder(out)
        check_kind(out)
    fitted = tabular.load(model)
    rows, kept = rows_to_predict(table, reading, names_in(keep), remembered(fitted))
    write_predictions(beside(kept, prediction_table(fitted, rows, interval)), out)


@reported
def make_report(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    model: Annotated[Path, typer.Argument(help="File that `seasoned fit` saved.")],
    table: Annotated[
        Path | None, typer.Argument(help="Rows to judge the model on, best such that it has not seen.")
    ] = None,
    *,
    target: Annotated[str | None, typer.Option(help="Name of the column to predict, in that table.")] = None,
    weights: Weights = None,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("report.html"),
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
) -> None:
    """Write an HTML report about a saved model: what was tried, what it weighs, and how it does on the rows given."""
    check_folder(out)
    reading = Reading(separator, decimal, encoding)
    if (table is None) != (target is None):
        raise InvalidInput("give a table and --target together, or neither.")
    rows: tuple[Any, ...] = ()
    mass: Any = None
    fitted = tabular.load(model)
    if table is not None:
        labels = getattr(fitted, "classes_", None)
        words = [str(target)] if labels is not None and labels.dtype.kind == "U" else []  # "2", too, if "3+" was there
        frame = reading.table(table, words, like=remembered(fitted))
        for column in (target, weights):
            if column is not None:
                check_column(frame, table, column)
        rows = (frame.drop(columns=target), frame[target])
        mass = None if weights is None else frame[weights]
    typer.echo(f"report written to {write_report(fitted, out, *rows, sample_weight=mass)}")
