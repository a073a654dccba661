"""How the columns of a saved model were written: other rows of theirs are read alike, whatever these look like."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from seasoned.cli.dialect import DECIMAL
from seasoned.tabular.columns.category import CategoryColumn
from seasoned.tabular.columns.many import ManyLevelsColumn
from seasoned.tabular.written import COMMA, POINT

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["NOTHING", "Remembered", "knows_words", "remember", "remembered"]


class Remembered(NamedTuple):
    """What is known of a file before it is read.

    Attributes:
        words: Columns that are text to the model: "007" among "007" and "X" is no 7, whatever other rows the file has.
        styles: Columns of numbers that were written with a sign between thousands, and how: "1,234" is no 1.234.
        commas: Whether the comma was the decimal sign, so that "1.200" may be a thousand and more.
    """

    words: tuple[str, ...] = ()
    styles: Mapping[str, str] = MappingProxyType({})
    commas: bool = False


NOTHING: Final = Remembered()


def remembered(fitted: Any) -> Remembered:
    """What a model knows of its columns.

    Categories whose levels are numbers as numbers are written stay as they are read: "1.0" is then the level "1". So
    does the column that names the tasks of few shots, where all names that are known are plain numbers.
    """
    plan = getattr(fitted.fitted_, "fitted", fitted.fitted_).plan  # of few shots it is that of the model of all tasks
    levelled = (encoder for encoder in plan.encoders if isinstance(encoder, CategoryColumn | ManyLevelsColumn))
    named = {encoder.name: encoder.words for encoder in levelled}
    worded = [name for name, words in named.items() if not all(map(_is_plain_number, words))]
    texts = [str(column.name) for column in plan.schema.used if column.kind == "text"]
    tasks = getattr(fitted.fitted_, "columns", ())
    if len(tasks) != 1 or all(_is_plain_number(str(name)) for name in fitted.tasks_):
        tasks = ()
    styles = {
        str(column.name): column.format
        for column in plan.schema.used
        if column.kind == "numeric" and column.format in {POINT, COMMA}
    }
    return Remembered((*worded, *texts, *tasks), styles, fitted.decimal_ == ",")


def knows_words(fitted: Any) -> bool:
    """Whether a model's classes are words, as which "2" is read, too, if "3+" was there."""
    labels = getattr(fitted, "classes_", None)
    return labels is not None and labels.dtype.kind == "U"


def remember(model: Any, frame: pd.DataFrame) -> Any:
    """The model, which knows from now on how the file of its table was written."""
    model.decimal_ = frame.attrs.get(DECIMAL)
    return model


def _is_plain_number(word: str) -> bool:
    try:
        return f"{float(word):.15g}" == word
    except ValueError:
        return False
