"""`seasoned adapt`: few-shot models.

Each task of a table is adapted to its labelled rows, and its unlabelled rows are predicted.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

import numpy as np
import typer

from seasoned import tabular
from seasoned.cli.common import FILES, STREAM, check_folder, check_model, reported
from seasoned.cli.display import write_predictions
from seasoned.cli.tables.column_formats import format_of, knows_words, store_format
from seasoned.cli.tables.prediction_table import check_kind, named_predictions, prediction_table
from seasoned.cli.tables.read_table import rows_to_predict, table_to_fit
from seasoned.cli.tables.reading import Reading, with_reading
from seasoned.errors import InvalidInput
from seasoned.tabular.few_shot.fit import adapt_to
from seasoned.tabular.few_shot.tasks import read_tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.few_shot.estimators import FewShotClassifier, FewShotRegressor

__all__ = ["adapt"]

_ROWS: Final = 200_000  # approximate number of rows in one batch of adapted tasks


@reported
@with_reading
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
    reading: Reading,
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
    predictions = _predict_unlabelled(learned, rows, name, tune=tune)
    write_predictions(predictions, out)


def _predict_unlabelled(
    model: FewShotClassifier | FewShotRegressor, frame: pd.DataFrame, target: str, *, tune: bool = True
) -> pd.DataFrame:
    """Predict the rows without a target: a table of row numbers, task columns, and the columns of `prediction_table`.

    Each task is adapted to its own labelled rows. A known task without labelled rows is predicted with its parameters
    from `fit`. A table without the task columns is one new task.

    Args:
        model: A fitted few-shot estimator.
        frame: The table.
        target: Name of the target column; its empty cells mark the rows to predict.
        tune: See `FewShotRegressor.adapt`.

    Raises:
        InvalidInput: If the target column is missing, or no row lacks a target. If a row lacks its task, a new task has
            no labelled row, or a task column has the name of a prediction column.
    """
    import pandas as pd

    if target not in frame.columns:
        raise InvalidInput(f"the table has no column {target!r}; its columns are {', '.join(map(str, frame.columns))}.")
    labelled = frame[target].notna().to_numpy(dtype=bool)
    if labelled.all():
        raise InvalidInput(f"all {len(frame)} rows have a target; leave {target!r} empty in the rows to predict.")
    X, columns = frame.drop(columns=target), model.fitted_.columns
    named = bool(columns) and set(columns) <= set(frame.columns)
    words = read_tasks(X, list(columns)).words if named else np.full(len(frame), "", dtype=np.str_)
    if named and (words == "").any():
        raise InvalidInput(f"row {int(np.argmax(words == ''))} has no {' or '.join(columns)}; name its task.")
    rows, known = _rows_by(words), set(model.tasks_.tolist())
    tasks = [_Asked.of(word, rows[word], labelled) for word in dict.fromkeys(words[~labelled].tolist())]
    for task in tasks:
        if not len(task.given) and task.word not in known:
            what = f"the task {task.word!r} is new and none of its rows has" if task.word else "none of the rows has"
            raise InvalidInput(f"{what} a target {target!r}; fill it in for a few rows, to adapt to.")
    asked = np.concatenate([task.wanted for task in tasks if not len(task.given)] or [np.zeros(0, np.int64)])
    parts = [_placed(prediction_table(model, X.iloc[asked]), asked)] if len(asked) else []
    parts += _adapted(model, X, frame[target], [task for task in tasks if len(task.given)], tune=tune)
    found = pd.concat(parts).sort_values("row").reset_index(drop=True)
    if taken := {*found.columns}.intersection(columns if named else ()):
        raise InvalidInput(
            f"the column {min(taken)!r} tells the tasks, and predictions have one of that name; rename it."
        )
    for place, name in enumerate(columns if named else ()):
        found.insert(1 + place, name, X[name].iloc[found["row"]].to_numpy())
    return found


class _Asked(NamedTuple):
    """A task, the numbers of its rows to predict, and the numbers of its labelled rows."""

    word: str
    wanted: NDArray[np.int64]
    given: NDArray[np.int64]

    @classmethod
    def of(cls, word: str, rows: NDArray[np.int64], labelled: NDArray[np.bool_]) -> _Asked:
        return cls(word, rows[~labelled[rows]], rows[labelled[rows]])


def _rows_by(words: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
    """Row numbers of each task, ascending."""
    names, codes = np.unique(words, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(codes, minlength=len(names)))[:-1])
    return dict(zip(names.tolist(), parts, strict=True))


def _adapted(model: Any, X: pd.DataFrame, y: pd.Series[Any], tasks: Sequence[_Asked], *, tune: bool) -> Any:
    """Predictions of tasks adapted to their labelled rows, in batches of about `_ROWS` rows."""
    ends = np.cumsum([len(task.given) + len(task.wanted) for task in tasks])
    parts = np.split(np.arange(len(tasks)), np.searchsorted(ends, np.arange(_ROWS, ends[-1], _ROWS))) if tasks else []
    found: list[pd.DataFrame] = []
    for some in parts:
        found += _adapted_together(model, X, y, [tasks[int(place)] for place in some], tune=tune) if len(some) else []
    return found


def _adapted_together(model: Any, X: pd.DataFrame, y: pd.Series[Any], tasks: Sequence[_Asked], *, tune: bool) -> Any:
    """Predictions of one batch of tasks; the global model predicts the rows of the batch in one call."""
    rows = np.concatenate([part for task in tasks for part in (task.given, task.wanted)])
    expected, inputs = model.fitted_.expected(X.iloc[rows])
    found, start = [], 0
    for task in tasks:
        middle, end = start + len(task.given), start + len(task.given) + len(task.wanted)
        target = model.read_target(y.iloc[task.given])
        shared = model.fitted_, model.adapter_, expected[start:middle], inputs[start:middle]
        params = adapt_to(*shared, target, tune=tune).params
        predicted = model.fitted_.corrected(expected[middle:end], inputs[middle:end], params)
        found.append(_placed(named_predictions(predicted, model.fitted_.fitted.classes), task.wanted))
        start = end
    return found


def _placed(found: pd.DataFrame, rows: NDArray[np.int64]) -> pd.DataFrame:
    """Insert the row numbers as the first column."""
    found.insert(0, "row", rows)
    return found
