"""What each column is, decided once per table, and every column in canonical form.

Kinds: *number* (float64), *category* (text with few levels), *text* (text with many), *date* (datetime64, UTC).
Columns that hold nothing (all missing, or one value throughout) are left out. The decision is plain data (JSON), so a
table at predict time is read exactly as the table at fit time, whatever its dtypes are now.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

__all__ = ["Column", "Kind", "Schema", "read"]

logger = logging.getLogger("seasoned.tabular")

Kind = Literal["number", "category", "text", "date", "dropped"]
FEW = 100  # levels up to which text counts as a category: one-hot columns stay few, LightGBM splits them natively
MISSING_WORDS = frozenset({"", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "nan", "NaN", "null", "NULL", "none", "None"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its kind and, for dates that came as text, their format."""

    name: str
    kind: Kind
    format: str | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a table, in the order of the table at fit time."""

    columns: tuple[Column, ...]

    @classmethod
    def infer(cls, frame: pd.DataFrame) -> Schema:
        """Decide the kind of every column from the rows at fit time.

        Raises:
            InvalidInput: If no column holds anything that differs between rows.
        """
        columns = tuple(_infer(str(name), frame[name]) for name in frame.columns)
        dropped = [column.name for column in columns if column.kind == "dropped"]
        if len(dropped) == len(columns):
            raise InvalidInput(
                f"none of the {len(columns)} feature(s) differs between rows; add a column that carries information."
            )
        if dropped:
            logger.info("%d column(s) hold one value only and are left out: %s", len(dropped), ", ".join(dropped))
        return cls(columns)

    @property
    def used(self) -> tuple[Column, ...]:
        """The columns that carry information."""
        return tuple(column for column in self.columns if column.kind != "dropped")

    def apply(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The used columns in canonical form; extra columns and another order do not matter.

        Raises:
            InvalidInput: If a column is missing; it is named.
        """
        import pandas as pd

        self.check(frame)
        return pd.DataFrame({column.name: read(column, frame[column.name]) for column in self.used}, copy=False)

    def check(self, frame: pd.DataFrame) -> None:
        """Raise InvalidInput if a column is missing; it is named."""
        missing = [column.name for column in self.columns if column.name not in frame.columns]
        if missing:
            raise InvalidInput(
                f"the table lacks the column(s) {', '.join(map(repr, missing))} that the model was fitted on; add "
                "them (empty cells are fine)."
            )

    def to_json(self) -> list[dict[str, Any]]:
        """Plain data that `from_json` reads."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_json(cls, columns: Iterable[dict[str, Any]]) -> Schema:
        """The schema that `to_json` described."""
        return cls(tuple(Column(**column) for column in columns))


def _infer(name: str, series: pd.Series[Any]) -> Column:
    plain = canonical(series)
    levels = plain.nunique(dropna=True)
    if levels == 0 or (levels == 1 and not plain.isna().any()):
        return Column(name, "dropped")
    if plain.dtype.kind == "f":
        return Column(name, "number")
    if plain.dtype.kind == "M":
        return Column(name, "date")
    if str(series.dtype) != "category":
        if _is_numeric_text(plain):
            return Column(name, "number")
        if (date_format := _date_format(plain)) is not None:
            return Column(name, "date", date_format)
    return Column(name, "category" if levels <= FEW else "text")


def _is_numeric_text(text: pd.Series[Any]) -> bool:
    import pandas as pd

    present = text.dropna()
    return bool(pd.to_numeric(present.head(100), errors="coerce").notna().all()) and bool(
        pd.to_numeric(present, errors="coerce").notna().all()
    )


def _date_format(text: pd.Series[Any]) -> str | None:
    """The format that all values share, by skrub's inference; None if they are no dates."""
    if not text.dropna().head(100).str.contains(r"\d", regex=True).all():
        return None  # no date without a digit; saves the import for most tables
    from skrub import ToDatetime
    from skrub.core import RejectColumn

    reader = ToDatetime()
    try:
        reader.fit_transform(text.rename("date"))
    except RejectColumn:
        return None
    return str(reader.format_)


def canonical(series: pd.Series[Any]) -> pd.Series[Any]:
    """Values as float64, datetime64 (UTC, without zone) or text; missing ones and infinities as NaN or NaT."""
    import pandas as pd
    from pandas.api import types

    dtype = series.dtype
    if isinstance(dtype, pd.SparseDtype):
        return canonical(pd.Series(series.to_numpy(), name=series.name))
    if isinstance(dtype, pd.CategoricalDtype):
        return _text(series.astype(object))
    if types.is_complex_dtype(dtype):
        raise InvalidInput(f"the column {series.name!r} is complex; pass its real and imaginary parts as two columns.")
    if types.is_bool_dtype(dtype) or types.is_numeric_dtype(dtype):
        return _number(series)
    if isinstance(dtype, pd.DatetimeTZDtype):
        return pd.Series(series.dt.tz_convert("UTC").dt.tz_localize(None))
    if isinstance(dtype, pd.PeriodDtype):
        return pd.Series(series.dt.to_timestamp())
    if types.is_datetime64_dtype(dtype):
        return series
    if types.is_timedelta64_dtype(dtype):
        return pd.Series(series.dt.total_seconds(), dtype="float64")
    return _from_objects(series)


def _from_objects(series: pd.Series[Any]) -> pd.Series[Any]:
    """Columns of Python objects: numbers and dates where all values are such, else text."""
    import pandas as pd
    from pandas.api import types

    content = types.infer_dtype(series, skipna=True)
    if content in {"boolean", "integer", "floating", "mixed-integer-float", "decimal", "empty"}:
        return _number(series)
    if content in {"datetime64", "datetime", "date"}:
        return pd.to_datetime(series, utc=True, errors="coerce").dt.tz_localize(None)
    return _text(series)


def _number(series: pd.Series[Any]) -> pd.Series[Any]:
    import numpy as np
    import pandas as pd

    if series.dtype == object:
        values = np.array([np.nan if pd.isna(value) else float(value) for value in series], dtype=np.float64)
    else:
        values = series.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    values[~np.isfinite(values)] = np.nan
    return pd.Series(values, index=series.index, name=series.name)


def _text(series: pd.Series[Any]) -> pd.Series[Any]:
    import numpy as np
    import pandas as pd

    words = series.astype("str") if series.dtype != object else series.map(_word).astype("str")
    words = words.str.strip()
    return words.mask(words.isin(MISSING_WORDS), np.nan) if len(words) else pd.Series([], dtype="str", name=series.name)


def _word(value: Any) -> str | None:
    """A cell as text. Only a scalar can be missing: asking a list gives one answer for each of its items."""
    import pandas as pd

    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return None
    return str(value)


def read(column: Column, series: pd.Series[Any]) -> pd.Series[Any]:
    """The column as its kind asks; what cannot be read as such counts as missing."""
    import numpy as np
    import pandas as pd

    plain = canonical(series)
    if column.kind == "number":
        return plain if plain.dtype.kind == "f" else _number(pd.to_numeric(plain, errors="coerce"))
    if column.kind == "date":
        if plain.dtype.kind == "M":
            return plain.astype("datetime64[us]")
        if plain.dtype.kind == "f":
            return pd.Series(np.full(len(plain), np.datetime64("NaT"), "datetime64[us]"), name=plain.name)
        read = pd.to_datetime(plain, format=column.format or "ISO8601", errors="coerce", utc=True)
        return read.dt.tz_localize(None).astype("datetime64[us]")
    return plain if plain.dtype.kind not in "fM" else _numbers_as_words(plain)


def _numbers_as_words(plain: pd.Series[Any]) -> pd.Series[Any]:
    """Category codes that were text at fit time and came as numbers now: 3.0 is the level "3"."""
    import numpy as np
    import pandas as pd

    words = [f"{value:.15g}" if isinstance(value, float) else str(value) for value in plain]
    return pd.Series(words, name=plain.name, dtype="str").mask(plain.isna(), np.nan)
