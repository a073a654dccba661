"""`seasoned predict`, `report`, `explain` and `refit`: commands for a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from seasoned import tabular
from seasoned._util.progress_bar import Display
from seasoned.cli.class_options import ClassWeight, weights_in
from seasoned.cli.common import FILES, STREAM, Raw, check_folder, check_model, of_one_table, reported
from seasoned.cli.display import show_contributions, show_importance, watch, write_predictions
from seasoned.cli.tables.column_formats import format_of
from seasoned.cli.tables.declared_table import Declared
from seasoned.cli.tables.prediction_table import (
    check_kind,
    contribution_table,
    join_columns,
    prediction_table,
    write_table,
)
from seasoned.cli.tables.read_table import (
    Groups,
    Weights,
    known_rows,
    names_in,
    rows_to_predict,
)
from seasoned.cli.tables.reading import Reading, with_reading
from seasoned.errors import InvalidInput
from seasoned.report import report as write_report
from seasoned.report.explain.model_importance import SECONDS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["explain", "make_report", "predict", "refit"]


@reported
@with_reading
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
    reading: Reading,
    raw: Raw = False,
) -> None:
    """Predict the rows of a table."""
    if out != STREAM:
        check_folder(out, model, table)
        check_kind(out)
    with Display(f"loading {model.name}", shown=True) as display:
        fitted = tabular.load(model)
        display.begin(f"reading {table.name}")
        rows, kept = rows_to_predict(table, reading, names_in(keep), format_of(fitted))
        watch(fitted, len(rows), 1 if interval is None else 2, display)
        found = prediction_table(fitted, rows, interval)
    write_predictions(join_columns(kept, found), out, raw=raw)


@reported
@with_reading
def make_report(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    model: Annotated[Path, typer.Argument(help="File that `seasoned fit` saved.")],
    table: Annotated[
        Path | None, typer.Argument(help="Rows to judge the model on, preferably ones that it has not seen.")
    ] = None,
    *,
    target: Annotated[str | None, typer.Option(help="Name of the column to predict, in that table.")] = None,
    weights: Weights = None,
    class_weight: ClassWeight = None,
    seconds: Annotated[float, typer.Option(help="Seconds to measure which columns matter.")] = SECONDS,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("report.html"),
    reading: Reading,
) -> None:
    """Write an HTML report about a saved model: what was tried, what it weighs, and how it does on the rows given."""
    check_folder(out, model, table)
    mass = weights_in(class_weight)
    if (table is None) != (target is None):
        raise InvalidInput("give a table and --target together, or neither.")
    if table is None and not (weights is None and mass is None):
        raise InvalidInput("weights are of rows; give the table and --target, too, or leave them out.")
    fitted = tabular.load(model)
    rows: tuple[Any, ...] = ()
    if table is not None and target is not None:
        said = Declared(target, weights, class_weight=mass)
        frame = known_rows(table, fitted, said, reading)
        rows, mass = (said.features(frame, _columns(fitted)), frame[target]), said.weights_of(frame)
        typer.echo(f"measuring which columns matter takes up to {seconds:.0f} s (--seconds)", err=True)
    written = write_report(fitted, out, *rows, sample_weight=mass, seconds=seconds, progress=True)
    typer.echo(f"report written to {written}")


@reported
@with_reading
def explain(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    model: Annotated[Path, typer.Argument(help="File that `seasoned fit` saved.")],
    table: Annotated[Path, typer.Argument(help="Rows that the model has not seen.")],
    *,
    target: Annotated[
        str | None, typer.Option(help="Name of the column to predict, in that table; needed for permutation.")
    ] = None,
    method: Annotated[
        Literal["permutation", "shap"],
        typer.Option(help="What shuffling a column costs, or how far it moves each row (Shapley values)."),
    ] = "permutation",
    repeats: Annotated[
        int | None, typer.Option(help="Shuffles of a column, or rows that each one is compared with.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Seconds that it may take.")] = 60.0,
    weights: Weights = None,
    class_weight: ClassWeight = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write: of permutation a line a column; of shap a line a row, or a row and class."),
    ] = None,
    keep: Annotated[
        str | None, typer.Option(help="Columns of the table to write before the values of shap, such as id,day.")
    ] = None,
    rows: Annotated[
        int | None, typer.Option(help="Number of rows of shap, drawn at random; by default all, in their order.")
    ] = None,
    reading: Reading,
) -> None:
    """Tell how much each column of the table helps a saved model."""
    mass = weights_in(class_weight)
    if method == "shap" and not (weights is None and mass is None):
        raise InvalidInput("--method shap moves each row by itself, and takes no weights; leave them out.")
    if method == "permutation" and target is None:
        raise InvalidInput("give --target, the name of the column to predict, or --method shap, which needs none.")
    if method == "permutation" and not (keep is None and rows is None):
        raise InvalidInput("--keep and --rows are for --method shap, whose file has a line for each row.")
    if out is not None:
        check_folder(out, model, table)
        check_kind(out)
    fitted = of_one_table(model)
    if target is None or method == "shap":  # Shapley values need no target: rows without one count, too
        names = names_in(keep)
        read, kept = rows_to_predict(table, reading, names if target is None else [*names, target], format_of(fitted))
        frame = _drawn(read, rows)
        X = frame if target is None else frame.drop(columns=target)
        found = fitted.explain(X, method="shap", repeats=repeats, seconds=seconds)
        written = contribution_table(found, kept[names].loc[frame.index])
        show_contributions(found, len(frame), fitted)
    else:
        said = Declared(target, weights, class_weight=mass)
        frame = known_rows(table, fitted, said, reading)
        X, mass = said.features(frame, _columns(fitted)), said.weights_of(frame)
        written = fitted.explain(X, frame[target], repeats=repeats, seconds=seconds, sample_weight=mass)
        show_importance(written)
    if out is not None:
        write_table(written, out)
        typer.echo(f"written to {out}")


def _drawn(frame: pd.DataFrame, rows: int | None) -> pd.DataFrame:
    """Random rows in their order, the same for the same table; all for None."""
    if rows is not None and rows < 1:
        raise InvalidInput(f"--rows is {rows}; give at least 1.")
    return frame if rows is None or rows >= len(frame) else frame.sample(rows, random_state=0).sort_index()


@reported
@with_reading
def refit(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    model: Annotated[Path, typer.Argument(help="File that `seasoned fit` saved.")],
    table: Annotated[Path, typer.Argument(help=f"{FILES}: the rows to fit to, such as all that there are by now.")],
    *,
    target: Annotated[str, typer.Option(help="Name of the column to predict.")],
    weights: Weights = None,
    class_weight: ClassWeight = None,
    groups: Groups = None,
    time_limit: Annotated[float | None, typer.Option(help="Seconds that it may take; those of the fit.")] = None,
    out: Annotated[Path, typer.Option(help="Where to save the model.")] = Path("refitted.seasoned"),
    reading: Reading,
) -> None:
    """Fit the models of a saved one to other rows, without a search: settings and shares in the ensemble stay.

    Weights of rows and groups are given again.
    """
    check_model(out, table)
    if time_limit is not None and not time_limit > 0:
        raise InvalidInput(f"--time-limit is {time_limit:g}; give seconds above 0.")
    said = Declared(target, weights, groups, class_weight=weights_in(class_weight))
    fitted = of_one_table(model)
    if fitted.fitted_.grouped and groups is None:
        raise InvalidInput("the model was found with groups; give --groups, the column that names them.")
    frame = known_rows(table, fitted, said, reading)
    usual = fitted.time_limit
    if time_limit is not None:
        fitted.set_params(time_limit=time_limit)
    fitted.refit(said.features(frame, _columns(fitted)), frame[target], **said.roles(frame))
    fitted.set_params(time_limit=usual).save(out)
    typer.echo(f"model of {fitted.fitted_.rows} rows saved to {out}")


def _columns(model: Any) -> list[str]:
    """Names of the features of the fit; generated ones if it was an array."""
    return [str(name) for name in model.feature_names_in_]
