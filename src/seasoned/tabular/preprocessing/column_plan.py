"""The column plan: one per table, from canonical columns to the matrices that models eat."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

from seasoned.tabular.preprocessing import fast_codes
from seasoned.tabular.preprocessing.category import CategoryColumn
from seasoned.tabular.preprocessing.date import DateColumn
from seasoned.tabular.preprocessing.high_cardinality import ManyLevelsColumn
from seasoned.tabular.preprocessing.number import NumberColumn
from seasoned.tabular.preprocessing.one_hot_scaling import MOST_ONE_HOT, Dense
from seasoned.tabular.preprocessing.text import TextColumn
from seasoned.tabular.schema.column import warn_of_lost
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.schema.wide_tables import is_wide, number_places, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.preprocessing.character_ngrams import Ngrams
    from seasoned.tabular.schema.column import Column, Lost

__all__ = ["ColumnPlan", "Diet", "foreseen_width"]

Diet = Literal["codes", "dense"]
Encoder: TypeAlias = NumberColumn | CategoryColumn | ManyLevelsColumn | DateColumn | TextColumn
_MOST_SHOWN: Final = 400  # levels with a column each in `dense`, over all columns with many levels
_LEAST_SHOWN: Final = 20  # the least of them for one such column


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """Fitted once on all rows at fit time, without looking at the target, and shared by all models and folds.

    Diets: `codes` for trees (quantities with NaN, levels as integer codes); `dense` for linear models (scaled, no gaps,
    one column per level).
    """

    schema: Schema
    encoders: tuple[Encoder, ...]
    dense: Dense

    @classmethod
    def fit(cls, canonical: pd.DataFrame, schema: Schema, *, seed: int, vectors: bool = True) -> ColumnPlan:
        """Fit every column's encoder.

        Args:
            canonical: The columns as `schema.apply` gives them.
            schema: What the columns are.
            seed: Of the randomised SVD for text.
            vectors: Whether text gets vectors, the one slow step, or only counts.
        """
        if is_wide(canonical):
            return cls._wide(canonical, schema, seed, vectors=vectors)
        encoders = tuple(_fit(column, canonical[column.name], seed, vectors) for column in schema.used)
        most = _most_shown(encoders)
        parts = []
        for encoder in encoders:  # one by one, so that no second copy of the table is in memory
            codes = encoder.codes(canonical[encoder.name])
            parts.append(Dense.fit(codes, np.array(encoder.column_levels, dtype=np.int64), most))
        return cls(schema, encoders, Dense.joined(parts))

    @classmethod
    def _wide(cls, canonical: pd.DataFrame, schema: Schema, seed: int, *, vectors: bool) -> ColumnPlan:
        """The same for a wide table, whose number columns are fitted together."""
        together = _numbers(canonical, schema.used)
        known = iter(NumberColumn.fit_all(list(canonical.columns[together]), numbers(canonical, together)))
        encoders: tuple[Encoder, ...] = tuple(
            next(known) if ready else _fit(column, canonical[column.name], seed, vectors)
            for column, ready in zip(schema.used, together, strict=True)
        )
        levels = np.array([count for encoder in encoders for count in encoder.column_levels], dtype=np.int64)
        dense = Dense.fit(_codes(encoders, canonical, together), levels, _most_shown(encoders))
        return cls(schema, encoders, dense)

    @property
    def categorical(self) -> tuple[int, ...]:
        """Indices of the columns of codes that hold level codes."""
        return tuple(np.flatnonzero(self.dense.levels > 0).tolist())

    @property
    def many(self) -> tuple[int, ...]:
        """Those of them with more than 100 levels."""
        return tuple(np.flatnonzero(self.dense.levels > MOST_ONE_HOT).tolist())

    @property
    def cyclic(self) -> tuple[tuple[int, float], ...]:
        """Columns of codes that are periodic parts of dates, and their periods."""
        place, found = 0, []
        for encoder in self.encoders:
            if isinstance(encoder, DateColumn):
                found += [(place + part, period) for part, period in encoder.cyclic]
            place += len(encoder.column_levels)
        return tuple(found)

    def transform(self, frame: pd.DataFrame, diet: Diet) -> NDArray[np.float64]:
        """The matrix for one diet, shape (n, columns).

        Raises:
            InvalidInput: If a column is missing.
        """
        return self.encode(self.schema.apply(frame), diet)

    def matrices(
        self, frame: pd.DataFrame, diets: Collection[Diet], lost: list[Lost] | None = None
    ) -> dict[Diet, NDArray[np.float64]]:
        """The matrices for several diets; the columns are read once.

        Args:
            frame: The table.
            diets: Which ones.
            lost: As in `Schema.apply`.

        Raises:
            InvalidInput: If a column is missing.
        """
        self.schema.check(frame)
        used = self.schema.used
        noted: list[Lost] = [] if lost is None else lost
        if is_wide(frame):
            frame = frame[[column.name for column in used]]
            read = [partial(fast_codes.codes, column, lost=noted) for column in used]
            codes = _codes(self.encoders, frame, _numbers(frame, used), read)
        else:
            columns = zip(used, self.encoders, strict=True)
            codes = np.hstack(
                [fast_codes.codes(column, encoder, frame[column.name], noted) for column, encoder in columns]
            )
        if lost is None:
            warn_of_lost(noted)
        self._complete(codes)
        return {diet: codes if diet == "codes" else self.dense.transform(codes) for diet in diets}

    def encode(self, canonical: pd.DataFrame, diet: Diet) -> NDArray[np.float64]:
        """As `transform`, from columns that are canonical already."""
        if is_wide(canonical):
            codes = _codes(self.encoders, canonical, _numbers(canonical, self.schema.used))
        else:
            codes = np.hstack([encoder.codes(canonical[encoder.name]) for encoder in self.encoders])
        self._complete(codes)
        return codes if diet == "codes" else self.dense.transform(codes)

    def _complete(self, codes: NDArray[np.float64]) -> None:
        """Fill gaps of quantities that had none in the fit by their medians, in place.

        No model has learned what such a gap means: one would treat it as 0, another as larger than any number.
        """
        whole = (self.dense.levels == 0) & ~self.dense.gaps
        for place in np.flatnonzero(whole & np.isnan(codes).any(axis=0)):
            codes[np.isnan(codes[:, place]), place] = self.dense.centre[place]

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads, the vectors of text excepted."""
        return {
            "schema": self.schema.to_json(),
            "encoders": [encoder.to_json() for encoder in self.encoders],
            "dense": self.dense.to_json(),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any], vectors: Mapping[int, Ngrams]) -> ColumnPlan:
        """The plan that `to_json` described; `vectors` of text by position."""
        encoders = tuple(_rebuild(item, vectors.get(index)) for index, item in enumerate(state["encoders"]))
        return cls(Schema.from_json(state["schema"]), encoders, Dense.from_json(state["dense"]))


def foreseen_width(schema: Schema) -> int:
    """How many columns of codes a plan will give, before it is fitted.

    Text counts with the most that it can have; a category counts as one, though one with many levels has two.
    """
    wide = {"date": DateColumn("").width, "text": TextColumn.most_columns()}
    return sum(wide.get(column.kind, 1) for column in schema.used)


def _most_shown(encoders: Sequence[Encoder]) -> int:
    """Levels with a column each in `dense`, of a column with more than 100."""
    many = sum(isinstance(encoder, ManyLevelsColumn) for encoder in encoders)
    return min(MOST_ONE_HOT, max(_MOST_SHOWN // max(many, 1), _LEAST_SHOWN))


def _numbers(frame: pd.DataFrame, used: Sequence[Column]) -> NDArray[np.bool_]:
    """The columns of a wide table whose codes are their numbers, shape (columns,)."""
    return number_places(frame) & np.array([column.kind in {"numeric", "boolean"} for column in used], np.bool_)


def _codes(
    encoders: Sequence[Encoder],
    frame: pd.DataFrame,
    together: NDArray[np.bool_],
    read: Sequence[Callable[[Encoder, pd.Series[Any]], NDArray[np.float64]]] | None = None,
) -> NDArray[np.float64]:
    """The codes of a wide table, shape (n, columns of codes); `read` gives those of a raw column."""
    widths = [len(encoder.column_levels) for encoder in encoders]
    starts = np.cumsum([0, *widths])
    found = np.empty((len(frame), int(starts[-1])))
    origins = np.array([encoder.origin for encoder in encoders if isinstance(encoder, NumberColumn)])
    counted = np.array([isinstance(encoder, NumberColumn) for encoder in encoders])
    found[:, starts[:-1][together]] = NumberColumn.clipped_all(numbers(frame, together), origins[together[counted]])
    for place in np.flatnonzero(~together).tolist():
        encoder, column = encoders[place], frame.iloc[:, place]
        codes = encoder.codes(column) if read is None else read[place](encoder, column)
        found[:, starts[place] : starts[place + 1]] = codes
    return found


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
        return ManyLevelsColumn(name, _counts(item["counts"]))
    return TextColumn(name, vectors, _counts(item["counts"]))


def _origin(found: Any) -> float:
    """From where a column's numbers are counted, read from an untrusted file.

    Raises:
        ValueError: If it is something else.
    """
    if type(found) not in {int, float} or not math.isfinite(found):
        raise ValueError("the origin of a column's numbers is not a finite number")
    return float(found)


def _counts(found: Any) -> dict[str, int]:
    """How often values occurred, read from an untrusted file.

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(found, dict) or not all(type(count) is int and 1 < count < 2**53 for count in found.values()):
        raise ValueError("a column's counts of values are invalid")
    return found
