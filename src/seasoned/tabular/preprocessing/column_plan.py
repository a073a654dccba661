"""Column plan of a table: from raw or canonical columns to the input matrices of models."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

from seasoned.tabular.preprocessing.category import CategoryColumn, ManyLevelsColumn
from seasoned.tabular.preprocessing.date import DateColumn
from seasoned.tabular.preprocessing.number import NumberColumn
from seasoned.tabular.preprocessing.one_hot_scaling import MOST_ONE_HOT, Dense
from seasoned.tabular.preprocessing.text import TextColumn
from seasoned.tabular.schema.column import UnreadableCells, warn_of_unreadable
from seasoned.tabular.schema.object_columns import MISSING_WORDS
from seasoned.tabular.schema.schema import Schema, read
from seasoned.tabular.schema.text_parsing import ANSWERS
from seasoned.tabular.schema.wide_tables import is_wide, number_places, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.preprocessing.character_ngrams import Ngrams
    from seasoned.tabular.preprocessing.text_scores import TextScores
    from seasoned.tabular.schema.column import Column

__all__ = ["ColumnPlan", "Diet", "foreseen_width", "plain_texts"]

Diet = Literal["codes", "dense"]
Encoder: TypeAlias = NumberColumn | CategoryColumn | ManyLevelsColumn | DateColumn | TextColumn
_MOST_SHOWN: Final = 400  # number of one-hot levels in `dense`, summed over all many-level columns
_LEAST_SHOWN: Final = 20  # smallest number of one-hot levels of a many-level column
_MIN_REPORTED_CELLS: Final = 20  # smallest number of present cells for a report that all cells are unknown levels
# largest number of levels for that report; in columns with more levels, such as names, all may be unknown
_MAX_REPORTED_LEVELS: Final = 100
_NOTHING: Final = MappingProxyType(dict.fromkeys(MISSING_WORDS, np.nan))


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """Encoders of all columns, fitted once on all rows without the target, and shared by all models and folds.

    Input encodings: `codes` for trees (numbers with NaN, levels as integer codes); `dense` for linear models (scaled,
    without missing values, one column per level).

    The scores of texts are the one part that learns from the target. Their columns follow those of the encoders; the
    training rows get scores of models that were fitted without them (`with_scores`).
    """

    schema: Schema
    encoders: tuple[Encoder, ...]
    dense: Dense
    scores: TextScores | None = None

    @classmethod
    def fit(cls, canonical: pd.DataFrame, schema: Schema, *, seed: int, vectors: bool = True) -> ColumnPlan:
        """Fit the encoder of every column.

        Args:
            canonical: Columns in canonical form (`Schema.apply`).
            schema: Types of the columns.
            seed: Random seed of the randomised SVD of texts.
            vectors: True to compute vectors of texts, the only slow step; False for counts only.
        """
        if is_wide(canonical):
            return cls._wide(canonical, schema, seed, vectors=vectors)
        encoders = tuple(_fit(column, canonical[column.name], seed, vectors) for column in schema.used)
        most = _most_shown(encoders)
        parts = []
        for encoder in encoders:  # column by column, to avoid a second copy of the table in memory
            codes = encoder.codes(canonical[encoder.name])
            parts.append(Dense.fit(codes, np.array(encoder.column_levels, dtype=np.int64), most))
        return cls(schema, encoders, Dense.joined(parts))

    @classmethod
    def _wide(cls, canonical: pd.DataFrame, schema: Schema, seed: int, *, vectors: bool) -> ColumnPlan:
        """Fit a wide table, whose number columns are fitted together."""
        together = _numbers(canonical, schema.used)
        known = iter(NumberColumn.fit_all(list(canonical.columns[together]), numbers(canonical, together)))
        encoders: tuple[Encoder, ...] = tuple(
            next(known) if ready else _fit(column, canonical[column.name], seed, vectors)
            for column, ready in zip(schema.used, together, strict=True)
        )
        levels = np.array([count for encoder in encoders for count in encoder.column_levels], dtype=np.int64)
        dense = Dense.fit(_codes(encoders, canonical, together), levels, _most_shown(encoders))
        return cls(schema, encoders, dense)

    def with_scores(self, scores: TextScores, values: NDArray[np.float64]) -> ColumnPlan:
        """Return a plan with scores of texts; `values` are those of the training rows, shape (n, scores.count)."""
        columns = Dense.fit(values, np.zeros(scores.count, dtype=np.int64))
        return replace(self, dense=Dense.joined([self.dense, columns]), scores=scores)

    @property
    def text_columns(self) -> list[tuple[Column, TextColumn]]:
        """The text columns, in the order of the table."""
        columns = zip(self.schema.used, self.encoders, strict=True)
        return [(column, encoder) for column, encoder in columns if isinstance(encoder, TextColumn)]

    @property
    def categorical(self) -> tuple[int, ...]:
        """Indices of the columns of codes that contain level codes."""
        return tuple(np.flatnonzero(self.dense.levels > 0).tolist())

    @property
    def many(self) -> tuple[int, ...]:
        """Indices of the level code columns with more than 100 levels."""
        return tuple(np.flatnonzero(self.dense.levels > MOST_ONE_HOT).tolist())

    @property
    def cyclic(self) -> tuple[tuple[int, float], ...]:
        """Index and period of each column of codes that is a periodic date part."""
        place, found = 0, []
        for encoder in self.encoders:
            if isinstance(encoder, DateColumn):
                found += [(place + part, period) for part, period in encoder.cyclic]
            place += len(encoder.column_levels)
        return tuple(found)

    def transform(self, frame: pd.DataFrame, diet: Diet) -> NDArray[np.float64]:
        """Return the matrix in one input encoding, shape (n, columns).

        Raises:
            InvalidInput: If a column is missing.
        """
        return self.encode(self.schema.apply(frame), diet)

    def matrices(
        self, frame: pd.DataFrame, diets: Collection[Diet], lost: list[UnreadableCells] | None = None
    ) -> dict[Diet, NDArray[np.float64]]:
        """Return the matrices in several input encodings; the columns are parsed once.

        Args:
            frame: The table.
            diets: Input encodings.
            lost: See `Schema.apply`.

        Raises:
            InvalidInput: If a column is missing.
        """
        self.schema.check(frame)
        used = self.schema.used
        noted: list[UnreadableCells] = [] if lost is None else lost
        if is_wide(frame):
            frame = frame[[column.name for column in used]]
            readers = [partial(_raw_codes, column, lost=noted) for column in used]
            codes = _codes(self.encoders, frame, _numbers(frame, used), readers)
        else:
            columns = zip(used, self.encoders, strict=True)
            codes = np.hstack([_raw_codes(column, encoder, frame[column.name], noted) for column, encoder in columns])
        if lost is None:
            warn_of_unreadable(noted)
        codes = self._scored(codes, lambda column: read(column, frame[column.name]))
        self._complete(codes)
        return {diet: codes if diet == "codes" else self.dense.transform(codes) for diet in diets}

    def encode(
        self, canonical: pd.DataFrame, diet: Diet, scores: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Variant of `transform` for columns in canonical form; `scores` replaces the scores of texts, if any."""
        if is_wide(canonical):
            codes = _codes(self.encoders, canonical, _numbers(canonical, self.schema.used))
        else:
            codes = np.hstack([encoder.codes(canonical[encoder.name]) for encoder in self.encoders])
        codes = (
            self._scored(codes, lambda column: canonical[column.name]) if scores is None else np.hstack([codes, scores])
        )
        self._complete(codes)
        return codes if diet == "codes" else self.dense.transform(codes)

    def _scored(
        self, codes: NDArray[np.float64], read_column: Callable[[Column], pd.Series[Any]]
    ) -> NDArray[np.float64]:
        """Return the codes with the scores of texts as further columns, if the plan has scores."""
        if self.scores is None:
            return codes
        texts = [plain_texts(read_column(column)) for column, _ in self.text_columns]
        return np.hstack([codes, self.scores.scores(texts)])

    def _complete(self, codes: NDArray[np.float64]) -> None:
        """Impute medians, in place, in number columns that had no missing values in the fit.

        No model has learned the meaning of such a missing value: some models would treat it as 0, others as larger than
        any number.
        """
        whole = (self.dense.levels == 0) & ~self.dense.gaps
        for place in np.flatnonzero(whole & np.isnan(codes).any(axis=0)):
            codes[np.isnan(codes[:, place]), place] = self.dense.centre[place]

    def to_json(self) -> dict[str, Any]:
        """State for `from_json`, without the vectors and scores of texts."""
        return {
            "schema": self.schema.to_json(),
            "encoders": [encoder.to_json() for encoder in self.encoders],
            "dense": self.dense.to_json(),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any], vectors: Mapping[int, Ngrams]) -> ColumnPlan:
        """Restore a plan from `to_json`, without scores; `vectors` maps column positions to text vectors."""
        encoders = tuple(_rebuild(item, vectors.get(index)) for index, item in enumerate(state["encoders"]))
        return cls(Schema.from_json(state["schema"]), encoders, Dense.from_json(state["dense"]))


def plain_texts(values: pd.Series[Any]) -> list[str | None]:
    """Return the texts of a canonical column; None for missing ones."""
    return values.astype("str").astype(object).where(values.notna(), None).tolist()


def foreseen_width(schema: Schema) -> int:
    """Estimated number of columns of codes of a plan, before its fit.

    A text column counts with its largest width. A category counts as one column, although a many-level column has two.
    """
    wide = {"date": DateColumn("").width, "text": TextColumn.most_columns()}
    return sum(wide.get(column.kind, 1) for column in schema.used)


def _most_shown(encoders: Sequence[Encoder]) -> int:
    """Number of one-hot levels in `dense` of a column with more than 100 levels."""
    many = sum(isinstance(encoder, ManyLevelsColumn) for encoder in encoders)
    return min(MOST_ONE_HOT, max(_MOST_SHOWN // max(many, 1), _LEAST_SHOWN))


def _numbers(frame: pd.DataFrame, used: Sequence[Column]) -> NDArray[np.bool_]:
    """Mask of the columns of a wide table whose codes equal their numbers, shape (columns,)."""
    return number_places(frame) & np.array([column.kind in {"numeric", "boolean"} for column in used], np.bool_)


def _codes(
    encoders: Sequence[Encoder],
    frame: pd.DataFrame,
    together: NDArray[np.bool_],
    readers: Sequence[Callable[[Encoder, pd.Series[Any]], NDArray[np.float64]]] | None = None,
) -> NDArray[np.float64]:
    """Codes of a wide table, shape (n, columns of codes); the functions of `readers` encode raw columns."""
    widths = [len(encoder.column_levels) for encoder in encoders]
    starts = np.cumsum([0, *widths])
    found = np.empty((len(frame), int(starts[-1])))
    origins = np.array([encoder.origin for encoder in encoders if isinstance(encoder, NumberColumn)])
    counted = np.array([isinstance(encoder, NumberColumn) for encoder in encoders])
    found[:, starts[:-1][together]] = NumberColumn.clipped_all(numbers(frame, together), origins[together[counted]])
    for place in np.flatnonzero(~together).tolist():
        encoder, column = encoders[place], frame.iloc[:, place]
        codes = encoder.codes(column) if readers is None else readers[place](encoder, column)
        found[:, starts[place] : starts[place + 1]] = codes
    return found


def _raw_codes(
    column: Column, encoder: Any, series: pd.Series[Any], lost: list[UnreadableCells]
) -> NDArray[np.float64]:
    """Return `encoder.codes(read(column, series, lost))`, by a fast path where one exists; shape (n, k).

    pandas needs some milliseconds per column for the canonical form, however few rows the table has. Numbers, known
    category levels and answers such as "yes" need no canonical form.
    """
    import pandas as pd

    dtype = series.dtype
    if isinstance(encoder, NumberColumn) and isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        values = series.to_numpy(dtype=np.float64, copy=True)
        values[~np.isfinite(values)] = np.nan
        return encoder.clipped(values)
    arrow = isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow"
    if isinstance(encoder, CategoryColumn):
        levels = _levels(column, encoder, series) if arrow else encoder.codes(read(column, series, lost))
        _note_new(column, encoder, series, levels, lost)
        return levels
    if arrow and column.kind == "boolean" and isinstance(encoder, NumberColumn):
        answers = {word: answer for word in series.unique() if (answer := _answer(word)) is not None}
        values, unknown = _looked_up(series, _NOTHING | answers)
        if not len(unknown):
            return values[:, None]
    found: NDArray[np.float64] = encoder.codes(read(column, series, lost))
    return found


def _note_new(
    column: Column,
    encoder: CategoryColumn,
    series: pd.Series[Any],
    levels: NDArray[np.float64],
    lost: list[UnreadableCells],
) -> None:
    """Report a column with few levels whose cells are all unknown, such as "1234" for "01234".

    Some unknown levels are normal and are not reported.
    """
    if len(series) < _MIN_REPORTED_CELLS or len(encoder.words) > _MAX_REPORTED_LEVELS or not np.isnan(levels).all():
        return
    words = read(column, series).dropna()
    if len(words) >= _MIN_REPORTED_CELLS:
        lost.append(UnreadableCells(column, len(words), len(words), str(words.iloc[0]), encoder.words[0]))


def _levels(column: Column, encoder: CategoryColumn, series: pd.Series[Any]) -> NDArray[np.float64]:
    """Codes of known words; a word that is neither known nor missing is parsed, because " yes" may mean "yes"."""
    found, rest = _looked_up(series, _NOTHING | {word: float(code) for code, word in enumerate(encoder.words)})
    if len(rest):
        found[rest] = encoder.codes(read(column, series.iloc[rest]))[:, 0]
    return found[:, None]


def _answer(word: Any) -> float | None:
    """Value of a word for yes or no; None for other words."""
    return ANSWERS.get(word.lower()) if isinstance(word, str) else None


def _looked_up(series: pd.Series[Any], known: Mapping[str, float]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Values of known words, NaN for other cells, shape (n,); and the indices of unknown words."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = pa.array(series.array)
    places = np.asarray(pc.fill_null(pc.index_in(cells, pa.array(list(known), cells.type)), len(known)))
    values = np.array([*known.values(), np.nan])[places]
    other = np.flatnonzero(places == len(known))
    return values, other[series.iloc[other].notna().to_numpy()] if len(other) else other


def _fit(column: Column, values: pd.Series[Any], seed: int, vectors: bool) -> Encoder:
    if column.kind in {"numeric", "boolean"}:
        return NumberColumn.fit(column.name, values)
    if column.kind == "date":
        return DateColumn.fit(column.name, values)
    if column.kind == "category":
        few = values.nunique() <= MOST_ONE_HOT
        return (CategoryColumn if few else ManyLevelsColumn).fit(column.name, values)
    return TextColumn.fit(column.name, values, seed=seed, vectors=vectors)


def _rebuild(item: dict[str, Any], vectors: Ngrams | None) -> Encoder:
    kind, name = item["kind"], item["name"]
    if kind == "number":
        return NumberColumn(name, _origin(item.get("origin", 0.0)))
    if kind == "date":
        return DateColumn(name, _origin(item.get("origin", 0.0)))
    if kind == "category":
        return CategoryColumn(name, tuple(item["words"]))
    if kind == "levels":
        return ManyLevelsColumn(name, _counts(item["counts"]), _rarest(item["rarest"]))
    return TextColumn(name, vectors, _counts(item["counts"]), _rarest(item["rarest"]))


def _origin(found: Any) -> float:
    """Validate the origin of a column's numbers from an untrusted file.

    Raises:
        ValueError: If the origin is invalid.
    """
    if type(found) not in {int, float} or not math.isfinite(found):
        raise ValueError("the origin of a column's numbers is not a finite number")
    return float(found)


def _rarest(found: Any) -> int:
    """Validate the count of a column's rarest value from an untrusted file.

    Raises:
        ValueError: If it is no whole number, or below 1.
    """
    if type(found) is not int or found < 1:
        raise ValueError("a column's count of its rarest value is invalid")
    return found


def _counts(found: Any) -> dict[str, int]:
    """Validate the counts of a column's values from an untrusted file.

    Raises:
        ValueError: If a count is invalid.
    """
    if not isinstance(found, dict) or not all(type(count) is int and 1 < count < 2**53 for count in found.values()):
        raise ValueError("a column's counts of values are invalid")
    return found
