"""Task names of rows as text, from columns, an array of labels or pandas groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.input.frames import has_names, to_frame, to_series
from seasoned.tabular.schema.canonical import canonical, numbers_as_words, whole_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["TaskRows", "count_tasks", "read_tasks", "refuse_several", "task_words"]

_MIN_TASKS = 5  # fewest tasks of two rows or more
_NAMED = 5  # largest number of tasks in a message


@dataclass(frozen=True, slots=True)
class TaskRows:
    """Table whose rows belong to tasks.

    Attributes:
        frame: The features.
        words: The task name of each row, shape (n,); "" if missing.
        columns: The task columns, which are no features; () if the tasks came as an array.
    """

    frame: pd.DataFrame
    words: NDArray[Any]
    columns: tuple[str, ...]


def read_tasks(X: Any, task: Any) -> TaskRows:
    """Separate a table from its task labels.

    Args:
        X: The table, or pandas groups (`frame.groupby("store")`), which are then the tasks.
        task: Name or names of columns, one label per row, or pandas groups; None if X is grouped.

    Raises:
        InvalidInput: If there are no tasks, a column is missing, or there is not one label per row.
    """
    if _is_grouped(X):
        chosen = getattr(X, "_selection", None)  # frame.groupby("store")[["price", "season"]]
        some = X.obj[list(chosen)] if chosen is not None and X.obj.ndim == 2 else X.obj
        X, task = some, X if task is None else task
    if task is None:
        raise InvalidInput("task is None; pass the name of the column that says which task a row belongs to.")
    frame = to_frame(X)
    names = _named(task, frame) or task
    if isinstance(names, list | tuple) and names and all(isinstance(name, str) for name in names):
        known = [name for name in names if name in frame.columns]
        if len(known) == len(names):
            return TaskRows(frame.drop(columns=list(names)), _joined(frame, names), tuple(names))
        if _is_word(task) or len(names) != len(frame):
            strange = next(name for name in names if name not in frame.columns)
            raise InvalidInput(
                f"the table has no column {strange!r} to tell tasks apart; its columns are {_listed(frame)}."
            )
    by = getattr(task, "keys", None) if _is_grouped(task) else None
    named = _named(by, frame) or (by if isinstance(by, list) else [])
    columns = tuple(name for name in named if isinstance(name, str) and name in frame.columns)
    rest = frame.drop(columns=list(columns))
    if named and len(columns) == len(named) and len(task.obj) == len(frame):
        words = _joined(to_frame(task.obj), columns)  # same words as in prediction from these columns
        return TaskRows(rest, words, columns)
    words = _of_groups(task) if _is_grouped(task) else task_words(task)
    if len(words) != len(frame):
        raise InvalidInput(f"task has {len(words)} labels and the table {len(frame)} rows; pass one label a row.")
    return TaskRows(rest, words, ())


def _is_word(name: Any) -> bool:
    """Return True if the value can be a column name, not a list of labels."""
    return isinstance(name, str | int | np.integer) and not isinstance(name, bool)


def _named(given: Any, frame: pd.DataFrame) -> list[str]:
    """Names of the task columns as text, as in the frame; empty if `given` names no columns."""
    if _is_word(given):
        return [str(given)]
    if not isinstance(given, list | tuple) or not given or not all(map(_is_word, given)):
        return []
    names = [str(name) for name in given]
    whole = all(isinstance(name, str) for name in given)
    return names if whole or (len(names) != len(frame) and set(names) <= set(frame.columns)) else []


def task_words(labels: Any) -> NDArray[Any]:
    """Task labels as text, in which 3, 3.0 and "3" are the same; "" for a missing label."""
    series = to_series(labels)
    if series.dtype.kind in "iu" and (whole := whole_words(series)) is not None:  # keeps 16 digits and more
        return whole.fillna("").to_numpy(dtype=np.str_)
    plain = canonical(series)
    words = plain if plain.dtype.kind not in "fM" else numbers_as_words(plain)
    return words.fillna("").to_numpy(dtype=np.str_)


def count_tasks(codes: NDArray[np.int64], tasks: int) -> NDArray[np.int64]:
    """Number of rows of each task, shape (tasks,).

    Raises:
        InvalidInput: If fewer than 5 tasks have two rows or more.
    """
    counts = np.bincount(codes, minlength=tasks)
    if tasks < _MIN_TASKS:
        raise InvalidInput(f"there are {tasks} task(s) and at least {_MIN_TASKS} are needed to learn from; add tasks.")
    several = int((counts > 1).sum())
    if several < _MIN_TASKS:
        raise InvalidInput(
            f"only {several} of {tasks} tasks have two rows, one to adapt to and one to judge by, and at least "
            f"{_MIN_TASKS} must have; choose a coarser task column."
        )
    return counts


def refuse_several(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse rows of several tasks, because a model adapts to one task.

    Args:
        frame: The rows.
        columns: The task columns; absent ones are ignored. Rows without a task may belong to any task.

    Raises:
        InvalidInput: If the rows name more than one task.
    """
    present = [name for name in columns if name in frame.columns]
    words = _joined(frame, present) if present else np.array([], dtype=np.str_)
    tasks = list(dict.fromkeys(words[words != ""].tolist()))
    if len(tasks) > 1:
        some = ", ".join(tasks[:_NAMED]) + (", ..." if len(tasks) > _NAMED else "")
        what = f"the column{'s' if len(present) > 1 else ''} {', '.join(map(repr, present))}"
        raise InvalidInput(
            f"the rows are of {len(tasks)} tasks ({some}); adapt to one at a time, or leave {what} out to take them "
            "for one task."
        )


def refuse_width(X: Any, expected: int, who: str) -> None:
    """Refuse an array without column names whose width differs from `fit`: an extra task column would shift others.

    Args:
        X: The features as passed by the caller.
        expected: Number of features in `fit`.
        who: Name of the estimator, for the message.

    Raises:
        InvalidInput: If the width differs.
    """
    if not has_names(X) and (found := to_frame(X).shape[1]) != expected:
        raise InvalidInput(
            f"X has {found} features, but {who} is expecting {expected} features as input; pass the columns that fit "
            "saw, in their order."
        )


def _joined(frame: pd.DataFrame, names: Sequence[str]) -> NDArray[Any]:
    parts = [task_words(frame[name]) for name in names]
    if len(parts) == 1:
        return parts[0]
    return np.array([_together(words) if all(words) else "" for words in zip(*parts, strict=True)], dtype=np.str_)


def _together(words: Iterable[str]) -> str:
    """Join several words to one. Bars within words are escaped, so that different lists never give the same word."""
    return " | ".join(word.replace("\\", "\\\\").replace("|", "\\|") for word in words)


def _is_grouped(value: Any) -> bool:
    return hasattr(value, "ngroup") and hasattr(value, "obj")


def _of_groups(groups: Any) -> NDArray[Any]:
    """Task names of the rows of a pandas GroupBy, shape (n,)."""
    held = [name for name, rows in groups if len(rows)]  # a category without rows has a name and no group number
    names = [_together(task_words(list(name))) if isinstance(name, tuple) else name for name in held]
    codes = groups.ngroup().fillna(-1).to_numpy(dtype=np.int64)  # -1, the empty word, if no group
    words: NDArray[Any] = np.array([*task_words(names), ""], dtype=np.str_)[codes]
    return words


def _listed(frame: pd.DataFrame) -> str:
    return ", ".join(map(str, frame.columns[:20]))
