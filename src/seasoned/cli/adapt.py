"""`seasoned adapt`: few-shot models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from seasoned import tabular
from seasoned.cli.adapt_files import predict_unlabelled
from seasoned.cli.column_formats import format_of, knows_words, store_format
from seasoned.cli.common import FILES, STREAM, check_folder, check_model, reported
from seasoned.cli.display import write_predictions
from seasoned.cli.prediction_table import check_kind
from seasoned.cli.read_table import Decimal, Encoding, Reading, Separator, rows_to_predict, table_to_fit
from seasoned.errors import InvalidInput

__all__ = ["adapt"]


@reported
def adapt(
    context: typer.Context,  # noqa: ARG001 - read by `reported`
    table: Annotated[Path, typer.Argument(help=f"{FILES}: many tasks to learn from, or rows of new ones.")],
    *,
    task: Annotated[
        str | None, typer.Option(help="To learn: the column that says which task (customer, store) a row belongs to.")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Name of the column to predict; with --model the one it learned, by default.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="To adapt: file that this command saved.")] = None,
    kind: Annotated[
        Literal["auto", "classification", "regression"], typer.Option(help="To learn: what the target asks for.")
    ] = "auto",
    shots: Annotated[int, typer.Option(help="To learn: most rows of a new task that it prepares for.")] = 10,
    time_limit: Annotated[float, typer.Option(help="To learn: seconds that it may take.")] = 300,
    random_state: Annotated[
        int | None, typer.Option("--random-state", "--seed", help="To learn: a number for the same result again.")
    ] = None,
    tune: Annotated[bool, typer.Option(help="To adapt: choose by cross-validation how far to move.")] = True,
    out: Annotated[
        Path | None, typer.Option(help="File to write; model.seasoned or predictions.csv by default.")
    ] = None,
    separator: Separator = None,
    decimal: Decimal = None,
    encoding: Encoding = None,
) -> None:
    """Learn from many tasks (--task and --target), or adapt to new ones from a few rows (--model).

    With --model, the rows whose target is filled in are adapted to, task by task, and the others are predicted.
    """
    if (model is None) == (task is None):
        raise InvalidInput("give --task and --target to learn from tasks, or --model to adapt what was learned.")
    if model is None and target is None:
        raise InvalidInput("give --target, the name of the column to predict.")
    out = Path("predictions.csv" if model else "model.seasoned") if out is None else out
    if model is None:
        check_model(out, table)
    elif out != STREAM:
        check_folder(out, model, table)
        check_kind(out)
    reading = Reading(separator, decimal, encoding)
    if model is not None:
        _adapt_to(model, table, target, out, reading, tune=tune)
        return
    assert target is not None
    assert task is not None
    frame = table_to_fit(table, target, reading=reading)
    found = tabular.infer_task(frame[target]) if kind == "auto" else kind
    make = tabular.FewShotClassifier if found == "classification" else tabular.FewShotRegressor
    learned = make(shots=shots, time_limit=time_limit, random_state=random_state)
    learned.fit(frame.drop(columns=target), frame[target], task=task)
    store_format(learned, frame).save(out)
    typer.echo(f"few-shot {found} model of {len(learned.tasks_)} tasks saved to {out}")


def _adapt_to(model: Path, table: Path, target: str | None, out: Path, reading: Reading, *, tune: bool) -> None:
    learned = tabular.load(model)
    if not hasattr(learned, "adapt"):
        raise InvalidInput(f"{model.name!r} holds a {type(learned).__name__}, which does not adapt; use predict.")
    name = learned.target_name_ if target is None else target
    if name is None:
        raise InvalidInput("the model does not know its target's name; give --target.")
    like = format_of(learned)
    if knows_words(learned):
        like = like._replace(words=(*like.words, name))
    rows, _ = rows_to_predict(table, reading, like=like)
    predictions = predict_unlabelled(learned, rows, name, tune=tune)
    write_predictions(predictions, out)
