"""How the columns of a saved model were written: other rows of theirs are read alike, whatever these look like."""

from __future__ import annotations

from typing import Any

from seasoned.tabular.columns.category import CategoryColumn
from seasoned.tabular.written import COMMA, POINT

__all__ = ["styles_of", "tasks_of", "words_of"]


def words_of(fitted: Any) -> list[str]:
    """The columns that are text to a model: "007" among "007" and "X" is no 7, whatever other rows the file has.

    Categories whose levels are numbers as numbers are written stay as they are read: "1.0" is then the level "1".
    """
    plan = _plan(fitted)
    named = {encoder.name: encoder.words for encoder in plan.encoders if isinstance(encoder, CategoryColumn)}
    kinds = {str(column.name): column.kind for column in plan.schema.used}
    worded = (name for name, words in named.items() if not all(map(_is_plain_number, words)))
    return [*worded, *(name for name, kind in kinds.items() if kind == "text")]


def _is_plain_number(word: str) -> bool:
    try:
        return f"{float(word):.15g}" == word
    except ValueError:
        return False


def styles_of(fitted: Any) -> dict[str, str]:
    """The columns of numbers that were written with a sign between thousands, and how: "1,234" is no 1.234."""
    return {
        str(column.name): column.format
        for column in _plan(fitted).schema.used
        if column.kind == "numeric" and column.format in {POINT, COMMA}
    }


def tasks_of(learned: Any) -> list[str]:
    """The column that names the tasks of few shots, where not all names that are known are plain numbers."""
    columns = learned.fitted_.columns
    words = not all(_is_plain_number(str(name)) for name in learned.tasks_)
    return list(columns) if len(columns) == 1 and words else []


def _plan(fitted: Any) -> Any:
    return getattr(fitted.fitted_, "fitted", fitted.fitted_).plan  # of few shots it is that of the model of all tasks
