"""`seasoned score`, `show` and `decide`: scores, contents and decision rule of a saved model."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seasoned import tabular
from seasoned.cli.class_options import ClassWeight, Costs, costs_in, weights_in
from seasoned.cli.common import FILES, check_folder, check_model, of_one_table, reported
from seasoned.cli.display import score_of, show_leaderboard, show_table, tell_score
from seasoned.cli.tables.declared_table import Declared
from seasoned.cli.tables.prediction_table import check_kind, write_table
from seasoned.cli.tables.read_table import Weights, known_rows
from seasoned.cli.tables.reading import Reading, with_reading
from seasoned.errors import InvalidInput
from seasoned.report.model.columns import column_rows
from seasoned.tabular.ensemble.single_member import ENSEMBLE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["decide", "score", "show"]

_Json = Annotated[bool, typer.Option("--json", help="One JSON object, and nothing else, on the standard output.")]
_Model = Annotated[Path, typer.Argument(help="File that `seasoned fit` saved.")]


@reported
@with_reading
def score(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    model: _Model,
    table: Annotated[Path, typer.Argument(help=f"{FILES}: rows that the model has not seen.")],
    *,
    target: Annotated[str, typer.Option(help="Name of the column to predict.")],
    weights: Weights = None,
    class_weight: ClassWeight = None,
    each: Annotated[bool, typer.Option("--each", help="Score each model that takes part, too.")] = False,
    as_json: _Json = False,
    reading: Reading,
) -> None:
    """Judge a saved model on rows whose target is known, by the metric that it was fitted for."""
    said = Declared(target, weights, class_weight=weights_in(class_weight))
    fitted = of_one_table(model)
    frame = known_rows(table, fitted, said, reading)
    found, metric = score_of(fitted, said, frame), fitted.fitted_.metric
    if not as_json:
        tell_score(fitted, said, frame, found, which="")
    models = _each(fitted, said, frame) if each and found is not None else []
    if as_json:
        told = {"metric": metric.name, "greater_is_better": metric.greater_is_better}
        told |= {"score": found, "rows": len(frame)}
        typer.echo(json.dumps({**told, **({"models": models} if each else {})}))
    elif models:
        _show_each(models, metric.name)


def _each(model: Any, said: Declared, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Scores of the ensemble members and of the ensemble on the rows."""
    X = said.features(frame, [str(name) for name in model.feature_names_in_])
    board = model.leaderboard(X, frame[said.target], sample_weight=said.weights_of(frame))
    score = f"test_{model.fitted_.metric.name}"
    return [
        {
            "number": None if row["model"] == ENSEMBLE else int(row["number"]),
            "model": row["model"],
            "score": row[score],
            "weight": row["weight"],
        }
        for row in board[board[score].notna()].to_dict("records")
    ]


def _show_each(models: list[dict[str, Any]], metric: str) -> None:
    from rich.table import Table

    shown = Table("trial", "model", metric, "weight")
    for one in models:
        number = "" if one["number"] is None else str(one["number"])
        shown.add_row(number, one["model"], f"{one['score']:.5g}", f"{one['weight']:.3g}")
    show_table(shown)


@reported
def show(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    model: _Model,
    out: Annotated[Path | None, typer.Option(help="Write the whole leaderboard to this file.")] = None,
    as_json: _Json = False,
) -> None:
    """Show what is in a saved model: its metric, its columns, what was tried, and what predicts."""
    if out is not None:
        check_folder(out, model)
        check_kind(out)
    estimator = of_one_table(model)
    fitted, columns = estimator.fitted_, column_rows(estimator.fitted_.plan)
    if out is not None:
        write_table(_flat(estimator.leaderboard()), out)
    if as_json:
        typer.echo(json.dumps(_facts(estimator)))
        return
    classes = f", {len(fitted.classes)} classes" if len(fitted.classes) else ""
    rows = "" if fitted.rows is None else f", fitted on {fitted.rows} rows"
    typer.echo(f"{type(estimator).__name__}{classes}{rows}; metric {fitted.metric.name}{_about(estimator)}")
    for line in [] if estimator.fit_summary_ is None else estimator.fit_summary_.lines():
        if not line.startswith("left out"):  # the columns left out are printed below
            typer.echo(line)
    used = [column.name for column in columns if not column.dropped]
    typer.echo(f"{len(used)} of {len(columns)} columns are used: {', '.join(used)}")
    for column in columns:
        if column.dropped:
            typer.echo(f"left out: {column.name}. {column.became.removeprefix('Left out. ')}")
    show_leaderboard(estimator)
    if out is not None:
        typer.echo(f"leaderboard written to {out}")


@reported
def decide(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    model: _Model,
    threshold: Annotated[
        float | None, typer.Option(help="The positive class is predicted above this probability.")
    ] = None,
    costs: Costs = None,
    out: Annotated[Path, typer.Option(help="Where to save the model with the new rule.")] = Path("decided.seasoned"),
) -> None:
    """Set another rule for labels: a threshold, costs of errors, or, without both, the most probable label.

    Probabilities stay the same.
    """
    check_model(out, model)
    estimator = of_one_table(model)
    if not isinstance(estimator, tabular.AutoClassifier):
        raise InvalidInput(f"{model.name} predicts numbers; a rule for labels is for classes.")
    estimator.decide(threshold, costs=None if costs is None else costs_in(costs)).save(out)
    rule = f"{estimator.positive_class_} above {threshold:g}" if threshold is not None else "the most probable label"
    typer.echo(f"predicts {'the label of the lowest expected cost' if costs else rule}; saved to {out}")


def _about(estimator: Any) -> str:
    """Positive class of a binary classifier, for the message; "" for other models."""
    fitted = estimator.fitted_
    return f" of {fitted.classes.tolist()[fitted.metric.positive]!r}" if len(fitted.classes) == 2 else ""


def _facts(estimator: Any) -> dict[str, Any]:
    """Contents of a saved model as plain data, for `--json`."""
    fitted = estimator.fitted_
    members = [{"model": one.name, "weight": one.weight, "config": one.config} for one in fitted.members]
    return {
        "kind": type(estimator).__name__,
        "metric": fitted.metric.name,
        "validation_score": _number(estimator.validation_score_),
        "baseline_score": _number(estimator.baseline_score_),
        "rows": fitted.rows,
        "classes": fitted.classes.tolist(),
        "columns": [
            {"name": column.name, "kind": column.kind, "used": not column.dropped, "told": column.became}
            for column in column_rows(fitted.plan)
        ],
        "models": members,
        "trials": len(fitted.trials),
        "saved_without": list(estimator.unsaved_),
        "fit_summary": None if estimator.fit_summary_ is None else estimator.fit_summary_.as_dict(),
    }


def _number(value: float | None) -> float | None:
    return value if value is None or math.isfinite(value) else None


def _flat(board: Any) -> Any:
    """Leaderboard with configurations as JSON text, because a column of a table has one type."""
    configs = board.attrs["configs"]
    return board.assign(config=[json.dumps(configs[number], default=str) for number in board["number"]])
