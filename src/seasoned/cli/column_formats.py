"""How the columns of a saved model were written, so that other rows of them are read alike."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from seasoned.cli.decimal_commas import DECIMAL, ENCODING
from seasoned.tabular.input.delimited_text import is_encoding
from seasoned.tabular.preprocessing.category import CategoryColumn
from seasoned.tabular.preprocessing.high_cardinality import ManyLevelsColumn
from seasoned.tabular.schema.text_parsing import COMMA, POINT

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["NOTHING", "Remembered", "knows_words", "remember", "remembered"]


class Remembered(NamedTuple):
    """What is known of a file before it is read.

    Attributes:
        words: Columns that are text to the model: if it saw "007" and "X", "007" is not 7 in any other rows.
        styles: Columns of numbers that were written with a thousands separator, and how: "1,234" is not 1.234.
        commas: Whether the comma was the decimal sign, so that "1.200" may be 1200.
        encoding: The encoding that was given for the file of the fit.
    """

    words: tuple[str, ...] = ()
    styles: Mapping[str, str] = MappingProxyType({})
    commas: bool = False
    encoding: str | None = None


NOTHING: Final = Remembered()


def remembered(fitted: Any) -> Remembered:
    """What a model knows of its columns.

    Categories whose levels are numbers in their plain form are not kept as text: "1.0" is then the level "1". Nor
    is the column that names the tasks of a few-shot model, if all known names are plain numbers.
    """
    plan = getattr(fitted.fitted_, "fitted", fitted.fitted_).plan  # few-shot: that of the model of all tasks
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
        if column.kind == "numeric" and column.format is not None and column.format.startswith((POINT, COMMA))
    }
    given = fitted.encoding_
    encoding = given if isinstance(given, str) and is_encoding(given) else None  # a stranger's file may hold any
    return Remembered((*worded, *texts, *tasks), styles, fitted.decimal_ == ",", encoding)


def knows_words(fitted: Any) -> bool:
    """Whether a model's classes are text: "2" is then read as text, too, if there was a "3+"."""
    labels = getattr(fitted, "classes_", None)
    return labels is not None and labels.dtype.kind == "U"


def remember(model: Any, frame: pd.DataFrame) -> Any:
    """The model, which from now on knows how the file of its table was written."""
    model.decimal_, model.encoding_ = frame.attrs.get(DECIMAL), frame.attrs.get(ENCODING)
    return model


def _is_plain_number(word: str) -> bool:
    try:
        return f"{float(word):.15g}" == word
    except ValueError:
        return False
