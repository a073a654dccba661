"""Dates in text, with one format per column."""

from __future__ import annotations

import itertools
import re
import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from seasoned.tabular.schema.text_parsing import (
    FIRST_CELLS,
    MAX_TYPO_SHARE,
    MIN_CELLS_FOR_TYPOS,
    fewest,
    first_in,
    present_in,
    spread,
    without_width,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

__all__ = ["date_style", "either_order", "mostly_dates", "read_dates", "several_formats"]

_ISO: Final = r"\d{4}-\d{2}-\d{2}(?:$|[T ])"
_SAMPLE: Final = 1000  # largest number of cells from which a shared format is guessed
_PARTS: Final = 6  # parts of a column from which formats are guessed; some parts are free of typing errors
_PART: Final = 20  # cells in each part
_CHINESE: Final = (
    "%Y年%m月%d日",
    "%Y年%m月",
    "%m月%d日",
    "%Y年%m月%d日 %H:%M",
    "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日 %H时%M分",
    "%Y年%m月%d日%H时%M分",
)
_SHORT_YEAR: Final = r"\d{1,2}([- /])[^\W\d]{3,}\.?\1\d{2}"  # 31-Jul-18, whose format pandas does not guess
_SHORT_YEARS: Final = ("%d-%b-%y", "%d %b %y", "%d/%b/%y")
_MONTHS: Final = MappingProxyType(  # patterns of the French, German and Spanish names
    {
        "Jan": "j[aä]n|ene",
        "Feb": "f[eé][bv]",
        "Mar": "m[aä]r",
        "Apr": "a[bpv]r",
        "May": "ma[iy]",
        "Jun": "jui?n",
        "Jul": "jui?l",
        "Aug": "a[gu][go]|ao[uû]",
        "Sep": "sep|set",
        "Oct": "o[ck]t",
        "Nov": "nov",
        "Dec": "d[eéi][cz]",
    }
)


def date_style(text: pd.Series[Any]) -> str | None:
    """Format that all values share, "ISO8601" for its variants, or None. The month is first if both orders fit."""
    head = without_width(first_in(text))
    if not len(head) or not head.str.contains(r"\d", regex=True).all():
        return None  # all dates have a digit
    present = without_width(present_in(text))
    sample = present if len(present) <= _SAMPLE else present.sample(_SAMPLE, random_state=0)
    return next((style for style in _likely(sample) if _fits(present, style) or _fits(_english(present), style)), None)


def _likely(sample: pd.Series[Any]) -> Iterator[str]:
    """Candidates for the shared format of a sample."""
    if sample.str.contains("[年月]", regex=True).all():
        yield from _CHINESE
    if sample.str.fullmatch(_SHORT_YEAR).all():
        yield from _SHORT_YEARS
    for values, days_first in itertools.product((sample, _english(sample)), (False, True)):
        if (style := _shared_format(values, days_first=days_first)) is not None:
            yield style
    if sample.str.match(_ISO).all():
        yield "ISO8601"


def _english(text: pd.Series[Any]) -> pd.Series[Any]:
    """Replace French, German and Spanish month names by English ones."""
    if not text.str.contains(r"[A-Za-z]{3}", regex=True).any():
        return text
    for month, beginnings in _MONTHS.items():
        text = text.str.replace(rf"(?i)\b(?:de )?(?:{beginnings})[^\s\d.,:/-]*\.?(?: de\b)?", month, regex=True)
    return text


def either_order(text: pd.Series[Any], style: str) -> bool:
    """Return True if dates of a month-first format can all be read with the day first, too."""
    month, day = style.find("%m"), style.find("%d")
    if style.startswith("%Y") or not 0 <= month < day:
        return False
    other = f"{style[:month]}%d{style[month + 2 : day]}%m{style[day + 2 :]}"
    return _fits(without_width(present_in(text)), other)


def several_formats(text: pd.Series[Any]) -> list[str]:
    """Two example values of different formats, if nearly all values of a sample are dates of several formats.

    Otherwise the list is empty.
    """
    sample = spread(text, FIRST_CELLS)
    if (
        len(sample) < MIN_CELLS_FOR_TYPOS
        or sample.str.contains(r"\d\D+\w+\D+\d", regex=True).mean() < 1 - 5 * MAX_TYPO_SHARE
    ):
        return []
    orders = [_formats(sample.tolist(), days_first=first) for first in (False, True)]
    found, dates = min(orders, key=lambda one: len(one[0]))  # day first: 05/02/2020 and 13/02/2020 share a format
    return list(found.values())[:2] if len(found) > 1 and dates >= (1 - 5 * MAX_TYPO_SHARE) * len(sample) else []


def _formats(values: Iterable[str], *, days_first: bool) -> tuple[dict[str, str], int]:
    """Formats of dates with day and four-digit year, each with its first value, and the number of such dates."""
    from pandas.tseries.api import guess_datetime_format

    found: dict[str, str] = {}
    dates = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pandas warns of day-first values in month-first guesses
        for value in values:
            style = guess_datetime_format(value, dayfirst=days_first)
            if isinstance(style, str) and "%Y" in style and "%d" in style:
                found.setdefault(style, value)
                dates += 1
    return found, dates


def _shared_format(values: pd.Series[Any], *, days_first: bool) -> str | None:
    """Format that pandas guesses for the values, if it is the same for all; else None."""
    from pandas.tseries.api import guess_datetime_format

    found: str | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pandas warns of day-first values in month-first guesses
        for value in values:
            style = guess_datetime_format(value, dayfirst=days_first)
            if not isinstance(style, str) or found not in {None, style}:
                return None
            found = style
    return found


def mostly_dates(text: pd.Series[Any]) -> tuple[str, pd.Series[Any]] | None:
    """Format of at least 98 % of 20 or more values, and the other values; None without such a format.

    Formats are guessed from several small parts, because one "0000-00-00" prevents the guess for its part.
    """
    sample = spread(text, _PARTS * _PART)
    if not sample.str.contains(r"\d", regex=True).mean() >= 1 - 5 * MAX_TYPO_SHARE:
        return None
    parts = (sample.iloc[start : start + _PART] for start in range(0, _PARTS * _PART, _PART))
    styles = {date_style(part): None for part in parts if len(part)}  # a dict, to keep the order
    if set(styles) == {None} or len(present := present_in(text)) < MIN_CELLS_FOR_TYPOS:
        return None
    left = {style: present[read_dates(present, style).isna()] for style in styles if style is not None}
    return fewest(left, len(present))


def read_dates(text: pd.Series[Any], style: str | None) -> pd.Series[Any]:
    """Values as datetime64[us] in UTC, by the style or by ISO 8601; NaT for others."""
    words = without_width(text)
    read = _parsed(words, style or "ISO8601")
    if style not in {None, "ISO8601"} and read.isna().any():  # other programs may write new rows by ISO 8601
        read = read.fillna(_parsed(words, "ISO8601"))
        if style is not None and "%b" in style and read.isna().any():
            read = read.fillna(_parsed(_english(words), style))
    found: pd.Series[Any] = read.dt.tz_localize(None).astype("datetime64[us]")
    return found


def _parsed(text: pd.Series[Any], style: str) -> pd.Series[Any]:
    import pandas as pd

    if "%d" in style and not re.search("%[Yy]", style):  # Python 3.15 reads no day without a year; 1904 is a leap year
        text, style = "1904 " + text, f"%Y {style}"
    found: pd.Series[Any] = pd.to_datetime(text, format=style, errors="coerce", utc=True)
    return found


def _fits(text: pd.Series[Any], style: str) -> bool:
    return bool(_parsed(text, style).notna().all())
