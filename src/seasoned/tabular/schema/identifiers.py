"""Detection of columns without information: identifiers of rows, and duplicates of other columns.

The rules are narrow, because the loss of an informative column costs more than a useless column. Numbers with decimals,
free texts, dates and years are never identifiers. An identifier needs at least 20 rows.
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

__all__ = ["COUNTS", "duplicates", "fingerprint", "identifier", "is_named", "names_persons", "numbers_rows"]

COUNTS: Final = "It counts the rows: "
"""Beginning of the reason for a column that only counts the rows."""
_ROWS: Final = 20  # fewest rows for identifiers; in fewer rows many columns are unique by chance
_WORDS: Final = r"id|ids|uuid|guid|idx|index|rowid|rownames?|rownum(?:ber)?|rowno|level_0|identifier|primary ?key"
_NAME: Final = re.compile(
    rf"(?:{_WORDS}|row[ _.]?(?:id|names?|nums?|numbers?|no)|unnamed: ?0|.*[_. -](?:id|uuid|guid|key)|[a-z]+(?:Id|ID))",
)
_COUNTING: Final = re.compile(
    r".*id|#|s(?:r|l|erial)?[. _]*(?:no|nr|number)\.?|no\.?|nr\.?|num|number|n|obs|instant|(?:row|record|case|seq).*",
    re.IGNORECASE,
)
_PERSONS: Final = re.compile(  # names of columns that identify persons, whose rows are alike; "customers" is a count
    r"(?:customer|client|patient|user|person|participant|household|respondent|student|member|subject(?=.))"
    r"(?:s?[ _.-]?(?:id|no|nr|num|number|code|key))?",
    re.IGNORECASE,
)
_TIME: Final = re.compile(
    r"time|date|day|week|month|year|hour|minute|second|period|step|quarter|season|age|^[tx]$", re.IGNORECASE
)
_MOMENTS: Final = frozenset(
    {"date", "time", "day", "week", "month", "year", "hour", "minute", "quarter", "period", "cycle", "epoch", "tick"}
)
_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")  # word of a name: date_key and cycleNo have two words
_PERIOD: Final = re.compile(  # 1990Q1, 2024-W05, 01/2020, 2020-1, 23:59
    r"\d{4}[-/ ]?[QqMmWwHh]\d{1,2}|[QqHh]\d[-/ ]?\d{4}|\d{1,2}[/-]\d{4}|\d{4}[/-]\d{1,2}|\d{1,2}:\d{2}(?::\d{2})?"
)
_SEVERAL: Final = re.compile(  # numbers in one cell: 120/80, 12.5x30.2, 47.6/-122.3
    r"[+-]?\d+(?:\.\d+)?(?:[/x:_][+-]?\d+(?:\.\d+)?)+"
)
_PADDED: Final = re.compile(r"(?:^|[/x:_])0\d")  # zero-padded codes, 0012/345, are no numbers
_UUID: Final = re.compile(r"\{?[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}\}?")
_HASH: Final = re.compile(r"(?:0x)?[0-9a-fA-F]{16,128}")
_TOKEN: Final = re.compile(r"[^\W\d_]*[A-Za-z0-9#:/._-]*\d[A-Za-z0-9#:/._-]*")
_MEASURE: Final = re.compile(  # 12.5kg, 90km, 1:23.456, 2h35m, 5ft11in
    r"\d+\.\d+[A-Za-z]*|\d+[A-Za-z]{1,3}|\d+(?::\d{2})+(?:\.\d+)?|(?:\d+(?:d|h|hr|m|min|s|ft|in|lb|oz)){2,}"
)
_UNITS: Final = 3  # largest number of different units in a column of quantities
_HEAD: Final = 200  # rows that are tested before the whole column; they decide most columns
_MARKS: Final = 50  # largest number of cells in a fingerprint


def identifier(name: str, kind: str, values: pd.Series[Any]) -> str | None:
    """Reason why the column identifies rows, as a sentence; None if it does not.

    All values must be present and different, in at least 20 rows. No word of the name may be a word of time: date_key
    and cycleNo have one, message_id and ticket have none. Quarters, weeks, months, times of day, quantities with a unit
    and several numbers in a cell, such as 120/80, are no identifiers. The column must be one of these:

    - whole numbers with the name of an identifier (id, index, customer_id, customerId, Unnamed: 0 ...);
    - whole numbers that count the rows in order, from 0 or 1 in steps of 1, unless the name contains the letters of a
      word of time;
    - UUIDs or hashes in hexadecimal digits;
    - codes of one pattern with digits, such as C-00017 or 7590-VHVEG, whose letters are the same in all rows or differ
      in most rows. Letters that form a few groups may carry information.

    Args:
        name: Name of the column.
        kind: numeric, category or text; columns of other kinds are never identifiers.
        values: The column in canonical form, shape (n,).
    """
    if len(values) < _ROWS or kind not in {"numeric", "category", "text"} or _speaks_of_time(name):
        return None
    if kind == "numeric":
        return _of_numbers(name, values.to_numpy(dtype=np.float64))
    if values.isna().any() or not values.is_unique:
        return None
    return _of_words(values.astype("str"))


def numbers_rows(name: str) -> bool:
    """Return True if the name fits a column that counts the rows, so that no warning is needed.

    Example:
        >>> [numbers_rows(name) for name in ("PassengerId", "S.No", "#", "instant", "reading")]
        [True, True, True, True, False]
    """
    return is_named(name) or _COUNTING.fullmatch(name.strip()) is not None


def is_named(name: str) -> bool:
    """Return True if the name is that of an identifier.

    Example:
        >>> [is_named(name) for name in ("customer_id", "customerId", "Unnamed: 0", "reading")]
        [True, True, True, False]
    """
    return any(_NAME.fullmatch(word) for word in (name.strip(), name.strip().lower()))


def names_persons(name: str) -> bool:
    """Return True if the name is that of a column which identifies persons or the like.

    Example:
        >>> [names_persons(name) for name in ("Patient", "customer_no", "customers", "product_id")]
        [True, True, False, False]
    """
    return _PERSONS.fullmatch(name.strip()) is not None


def _speaks_of_time(name: str) -> bool:
    """Return True if a word of the name is a word of time, in the singular or the plural.

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
    for parts in (words.head(_HEAD), words):  # the first rows decide most columns
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
    """Return True if all values are quantities in a few units, such as "12.5kg" and "90km".

    "0001A" and codes that end in many different letters are no quantities.
    """
    if not words.str.fullmatch(_MEASURE).all() or words.str.fullmatch(r"0\d+[A-Za-z]*").any():
        return False
    return words.str.extract(r"([A-Za-z]*)$")[0].nunique() <= _UNITS


def duplicates(marks: Mapping[str, Hashable], read: Callable[[str], pd.Series[Any]]) -> dict[str, str]:
    """Map a column's name to that of an earlier column with the same cell in every row, missing cells included.

    Args:
        marks: The `fingerprint` of each column, in the order of the table.
        read: Function from a name to the column in canonical form. It is called once for each column that shares its
            fingerprint. A wide table of rare events has very many such columns.
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
    """Hash of 16 bytes of a column in canonical form. Two columns share it only if all cells are equal."""
    import pandas as pd

    if values.dtype.kind == "f":  # 0.0 and -0.0 are the same cell, and so are all NaN
        cells = np.where(np.isnan(values), np.nan, values.to_numpy() + 0.0)
    else:
        cells = pd.util.hash_pandas_object(values, index=False).to_numpy()
    return hashlib.blake2b(np.ascontiguousarray(cells).tobytes(), digest_size=16).digest()


def fingerprint(values: pd.Series[Any]) -> Hashable:
    """Small and cheap mark that equal columns share. Most different columns have different marks."""
    rows = np.unique(np.linspace(0, len(values) - 1, _MARKS).astype(np.int64))
    return (str(values.dtype), int(values.isna().sum()), tuple(map(str, values.iloc[rows])))
