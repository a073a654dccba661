"""Few-shot prediction of a table: each task is adapted to its labelled rows, and its unlabelled rows are predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.cli.prediction_table import named_predictions, prediction_table
from seasoned.errors import InvalidInput
from seasoned.tabular.few_shot.fit import adapt_to
from seasoned.tabular.few_shot.tasks import read_tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.few_shot.estimators import FewShotClassifier, FewShotRegressor

__all__ = ["predict_unlabelled"]

_ROWS: Final = 200_000  # approximate number of rows in one batch of adapted tasks


def predict_unlabelled(
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
