"""Column formats of a saved model: later files are read in the formats of the file of the fit."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from seasoned.cli.tables.decimal_commas import DECIMAL, ENCODING
from seasoned.tabular.input.delimited_text import is_encoding
from seasoned.tabular.preprocessing.category import CategoryColumn, ManyLevelsColumn
from seasoned.tabular.schema.text_parsing import COMMA, POINT

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["NOTHING", "TextFormat", "format_of", "knows_words", "store_format"]


class TextFormat(NamedTuple):
    """Text format of the file that a model was fitted to.

    Attributes:
        words: Columns that the model reads as text. After a fit on "007" and "X", "007" is text in later files, too.
        styles: Columns of numbers that were not plain -> their style, such as "1,234.5". In it, "1,234" is not 1.234.
        commas: True if the comma was the decimal sign; then "1.200" may be 1200.
        encoding: Encoding that the user set for the file of the fit; None without one.
    """

    words: tuple[str, ...] = ()
    styles: Mapping[str, str] = MappingProxyType({})
    commas: bool = False
    encoding: str | None = None


NOTHING: Final = TextFormat()


def format_of(fitted: Any) -> TextFormat:
    """Read the column formats of a fitted estimator.

    A category whose levels are all plain numbers does not count as text: "1.0" is then the level "1". The same holds
    for the task column of a few-shot model whose task names are all plain numbers. Several task columns never count.
    """
    plan = getattr(fitted.fitted_, "fitted", fitted.fitted_).plan  # few-shot: the plan of the global model
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
    encoding = given if isinstance(given, str) and is_encoding(given) else None  # an untrusted file may hold any text
    return TextFormat((*worded, *texts, *tasks), styles, fitted.decimal_ == ",", encoding)


def knows_words(fitted: Any) -> bool:
    """Return True if the model's classes are text. Beside a class "3+", the label "2" is read as text, too."""
    labels = getattr(fitted, "classes_", None)
    return labels is not None and labels.dtype.kind == "U"


def store_format(model: Any, frame: pd.DataFrame) -> Any:
    """Store the decimal sign and the encoding of the table's file in the model, and return the model."""
    model.decimal_, model.encoding_ = frame.attrs.get(DECIMAL), frame.attrs.get(ENCODING)
    return model


def _is_plain_number(word: str) -> bool:
    try:
        return f"{float(word):.15g}" == word
    except ValueError:
        return False
