"""Which columns say who a row is, not what it is like: identifiers, and columns that repeat another one.

The rules are narrow, because leaving out a column that informs is worse than keeping one that does not. Numbers with
decimals are never identifiers, nor are free texts, dates, years, or anything on fewer than 20 rows.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    import pandas as pd

__all__ = ["COUNTS", "duplicates", "fingerprint", "identifier", "numbers_rows"]

COUNTS: Final = "It counts the rows: "
"""How the reason begins where it is the order of the rows alone that tells."""
_ROWS: Final = 20  # below, all sorts of columns are unique by chance
_WORDS: Final = r"id|ids|uuid|guid|idx|index|rowid|rownames?|rownum(?:ber)?|rowno|level_0|identifier|primary ?key"
_NAME: Final = re.compile(
    rf"(?:{_WORDS}|row[ _.]?(?:id|names?|nums?|numbers?|no)|unnamed: ?0|.*[_. -](?:id|uuid|guid|key)|[a-z]+(?:Id|ID))",
)
_COUNTING: Final = re.compile(
    r".*id|#|s(?:r|l|erial)?[. _]*(?:no|nr|number)\.?|no\.?|nr\.?|num|number|n|obs|instant|(?:row|record|case|seq).*",
    re.IGNORECASE,
)
_TIME: Final = re.compile(
    r"time|date|day|week|month|year|hour|minute|second|period|step|quarter|season|age|^[tx]$", re.IGNORECASE
)
_MOMENTS: Final = frozenset(
    {"date", "time", "day", "week", "month", "year", "hour", "minute", "quarter", "period", "cycle", "epoch", "tick"}
)
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")  # of a name: date_key and cycleNo have two each
_PERIOD: Final = re.compile(  # 1990Q1, 2024-W05, 01/2020, 2020-1, 23:59
    r"\d{4}[-/ ]?[QqMmWwHh]\d{1,2}|[QqHh]\d[-/ ]?\d{4}|\d{1,2}[/-]\d{4}|\d{4}[/-]\d{1,2}|\d{1,2}:\d{2}(?::\d{2})?"
)
_SEVERAL: Final = re.compile(  # numbers in one cell: 120/80, 12.5x30.2, 47.6/-122.3
    r"[+-]?\d+(?:\.\d+)?(?:[/x:_][+-]?\d+(?:\.\d+)?)+"
)
_PADDED: Final = re.compile(r"(?:^|[/x:_])0\d")  # 0012/345: a number is not written so
_UUID: Final = re.compile(r"\{?[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}\}?")
_HASH: Final = re.compile(r"(?:0x)?[0-9a-fA-F]{16,128}")
_TOKEN: Final = re.compile(r"[^\W\d_]*[A-Za-z0-9#:/._-]*\d[A-Za-z0-9#:/._-]*")
_MEASURE: Final = re.compile(  # 12.5kg, 90km, 1:23.456, 2h35m, 5ft11in
    r"\d+\.\d+[A-Za-z]*|\d+[A-Za-z]{1,3}|\d+(?::\d{2})+(?:\.\d+)?|(?:\d+(?:d|h|hr|m|min|s|ft|in|lb|oz)){2,}"
)
_UNITS: Final = 3  # different units that quantities of one column may have
_HEAD: Final = 200  # rows that settle most columns
_MARKS: Final = 50  # cells of a fingerprint


def identifier(name: str, kind: str, values: pd.Series[Any]) -> str | None:
    """Why the column identifies its row, as a sentence; None if it does not.

    All its values must be there and differ, on at least 20 rows; none of its name's words may speak of time
    (date_key, cycleNo; not message_id or ticket), nor may its values be quarters, weeks, months, times of a day,
    quantities with a unit or several numbers such as 120/80; and it must be one of:

    - whole numbers with a name that says so (id, index, customer_id, customerId, Unnamed: 0 ...);
    - whole numbers that count the rows from 0 or 1 on, one by one in their order, unless the name holds a time's
      letters;
    - UUIDs or hashes in hexadecimal digits;
    - codes of one pattern that hold digits, such as C-00017 or 7590-VHVEG, whose letters are the same in all rows, or
      differ in most (letters that form a few groups may inform).

    Args:
        name: The column's name.
        kind: numeric, category or text; others are never identifiers.
        values: The column in canonical form.
    """
    if len(values) < _ROWS or kind not in {"numeric", "category", "text"} or _speaks_of_time(name):
        return None
    if kind == "numeric":
        return _of_numbers(name, values.to_numpy(dtype=np.float64))
    if values.isna().any() or not values.is_unique:
        return None
    return _of_words(values.astype("str"))


def numbers_rows(name: str) -> bool:
    """Whether a column that counts the rows is called so that nobody is surprised.

    Example:
        >>> [numbers_rows(name) for name in ("PassengerId", "S.No", "#", "instant", "reading")]
        [True, True, True, True, False]
    """
    return is_named(name) or _COUNTING.fullmatch(name.strip()) is not None


def is_named(name: str) -> bool:
    """Whether a column is called as identifiers are.

    Example:
        >>> [is_named(name) for name in ("customer_id", "customerId", "Unnamed: 0", "reading")]
        [True, True, True, False]
    """
    return any(_NAME.fullmatch(word) for word in (name.strip(), name.strip().lower()))


def _speaks_of_time(name: str) -> bool:
    """Whether a word of a name speaks of time, in the singular or the plural.

    Example:
        >>> [_speaks_of_time(name) for name in ("date_key", "cycleNo", "Event Dates", "message_id", "ticket")]
        [True, True, True, False, False]
    """
    return any(word.lower().removesuffix("s") in _MOMENTS for word in _WORD.findall(name))


def _of_numbers(name: str, values: np.ndarray[Any, Any]) -> str | None:
    if not np.isfinite(values).all() or (values != np.floor(values)).any():
        return None
    steps = np.diff(values)
    if values[0] in {0.0, 1.0} and (steps == 1).all() and not _TIME.search(name):
        return f"{COUNTS}{values[0]:.0f} to {values[-1]:.0f} in their order."
    if is_named(name) and len(np.unique(values)) == len(values):
        return "It is named as an identifier, and each row has a number of its own."
    return None


def _of_words(words: pd.Series[Any]) -> str | None:
    for parts in (words.head(_HEAD), words):  # most columns are settled by their first rows
        if parts.str.fullmatch(_UUID).all():
            found = "UUIDs"
        elif parts.str.fullmatch(_HASH).all() and parts.str.contains(r"\d").all():
            found = "hashes"
        elif _one_pattern(parts):
            found = f"codes like {words.iloc[0]}"
        else:
            return None
    return f"Each row has a value of its own, and they are {found}."


def _one_pattern(words: pd.Series[Any]) -> bool:
    if not words.str.fullmatch(_TOKEN).all() or words.str.fullmatch(_PERIOD).all() or _are_measures(words):
        return False
    if words.str.fullmatch(_SEVERAL).all() and not words.str.contains(_PADDED).any():
        return False
    shape = words.str.replace(r"\d+", "0", regex=True).str.replace(r"[^\W\d_]", "a", regex=True)
    letters = words.str.replace(r"[\W\d_]+", "", regex=True).nunique()
    return shape.nunique() == 1 and (letters == 1 or letters > 0.5 * len(words))


def _are_measures(words: pd.Series[Any]) -> bool:
    """Whether all are quantities in a few units: "12.5kg", "90km"; not "0001A", nor codes that end in letters."""
    if not words.str.fullmatch(_MEASURE).all() or words.str.fullmatch(r"0\d+[A-Za-z]*").any():
        return False
    return words.str.extract(r"([A-Za-z]*)$")[0].nunique() <= _UNITS


def duplicates(marks: Mapping[str, Hashable], read: Callable[[str], pd.Series[Any]]) -> dict[str, str]:
    """Name -> name of an earlier column that holds the same in every row, missing cells included.

    Args:
        marks: The `fingerprint` of each column, in the order of the table.
        read: From a name to the column in canonical form; called only where fingerprints are the same, and then once
            for each, because in a wide table of rare events they are the same in very many columns.
    """
    alike = Counter(marks.values())
    first: dict[Hashable, str] = {}
    found: dict[str, str] = {}
    for name, mark in marks.items():
        if alike[mark] > 1:
            twin = first.setdefault((mark, _digest(read(name))), name)
            if twin != name:
                found[name] = twin
    return found


def _digest(values: pd.Series[Any]) -> bytes:
    """16 bytes that two columns in canonical form have in common only if all their cells are the same."""
    import pandas as pd

    if values.dtype.kind == "f":  # 0.0 and -0.0 are the same cell, and so are all NaN
        cells = np.where(np.isnan(values), np.nan, values.to_numpy() + 0.0)
    else:
        cells = pd.util.hash_pandas_object(values, index=False).to_numpy()
    return hashlib.blake2b(np.ascontiguousarray(cells).tobytes(), digest_size=16).digest()


def fingerprint(values: pd.Series[Any]) -> Hashable:
    """What equal columns share, quick to compute and small; most columns differ in it."""
    rows = np.unique(np.linspace(0, len(values) - 1, _MARKS).astype(np.int64))
    return (str(values.dtype), int(values.isna().sum()), tuple(map(str, values.iloc[rows])))
