"""A table in which some rows have a target and the others want one: adapt to the first, predict the second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.few_shot_tasks import read_tasks
from seasoned.tabular.output import prediction_table

if TYPE_CHECKING:
    import pandas as pd

    from seasoned.tabular.few_shot import FewShotClassifier, FewShotRegressor

__all__ = ["predict_unlabelled"]


def predict_unlabelled(
    model: FewShotClassifier | FewShotRegressor, frame: pd.DataFrame, target: str, *, tune: bool = True
) -> pd.DataFrame:
    """One row per row without a target: its number in the table, its task, and the prediction as in `prediction_table`.

    Each task is adapted to its own rows with a target; a known task without such rows is predicted as it is known. A
    table without the columns that name tasks is one new task.

    Args:
        model: A fitted few-shot estimator.
        frame: The table.
        target: Name of the column with the targets, empty where they are wanted.
        tune: See `FewShotRegressor.adapt`.

    Raises:
        InvalidInput: If the target is missing, no row wants one, or a new task has no row with one.
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
    parts = []
    for word in dict.fromkeys(words[~labelled].tolist()):
        own = words == word
        wanted, given = np.flatnonzero(own & ~labelled), np.flatnonzero(own & labelled)
        found = prediction_table(_model_of(model, X, frame[target], word, given, tune=tune), X.iloc[wanted])
        taken = {"row", *found.columns}.intersection(columns if named else ())
        if taken:
            raise InvalidInput(
                f"the column {min(taken)!r} tells the tasks, and predictions have one of that name; rename it."
            )
        found.insert(0, "row", wanted)
        for place, name in enumerate(columns if named else ()):
            found.insert(1 + place, name, X[name].iloc[wanted].to_numpy())
        parts.append(found)
    return pd.concat(parts).sort_values("row").reset_index(drop=True)


def _model_of(model: Any, X: pd.DataFrame, y: pd.Series[Any], word: str, given: Any, *, tune: bool) -> Any:
    """What predicts a task's rows."""
    if len(given):
        return model.adapt(X.iloc[given], y.iloc[given], tune=tune)
    if word in set(model.tasks_.tolist()):
        return model
    what = f"the task {word!r} is new and none of its rows has" if word else "none of the rows has"
    raise InvalidInput(f"{what} a target {y.name!r}; fill it in for a few rows, to adapt to.")
