"""Values that were written as text: numbers as people write them, yes and no, dates.

A style is found once, from the rows at fit time, and is a word in the schema; values are read by it from then on. A few
cells in another style, typing errors or words for missing values, do not hide what a column is.
"""

from __future__ import annotations

import re
import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = [
    "ANSWERS",
    "COMMA",
    "PLAIN",
    "POINT",
    "SLIPS",
    "boolean_style",
    "date_style",
    "either_order",
    "in_style",
    "mostly_dates",
    "mostly_numbers",
    "number_style",
    "read_booleans",
    "read_dates",
    "read_numbers",
    "say_something",
    "several_formats",
]

PLAIN, POINT, COMMA = "plain", "1,234.5", "1.234,5"
_ALSO_MISSING: Final = frozenset(
    {"-", "--", "---", ".", "..", "*", "n.a.", "n.a", "na", "n/a", "nil", "unknown", "missing", "#value!", "#div/0!"}
)
_CURRENCIES: Final = r"[$€£¥₹]|USD|EUR|GBP|CHF|JPY|INR|CNY|Rs\.?"
_SAME_CURRENCY: Final = MappingProxyType({"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "Rs": "₹"})
_MINUS: Final = "\u2212"
_HARD: Final = "\u00a0\u2007\u2009\u202f\t"  # spaces beside the usual one
_BEFORE: Final = rf"^([ {_HARD}(+\-{_MINUS}]*)(?:(?:{_CURRENCIES}|%)[ {_HARD}]*)+"  # none inside: "3€50"
_AFTER: Final = rf"(?:[ {_HARD}]*(?:{_CURRENCIES}|%))+([ {_HARD})]*)$"
_SPACES: Final = "\u00a0\u202f "  # between thousands, where the comma is decimal
_POINT: Final = r"[+-]?(?:[1-9]\d{0,2}(?:[,'\u2019]\d{3})+|\d+)?(?:\.\d*)?(?:[eE][+-]?\d+)?"  # "0,126" is no thousands
_COMMA: Final = rf"[+-]?(?:[1-9]\d{{0,2}}(?:[.{_SPACES}]\d{{3}})+|\d+)?(?:,\d*)?(?:[eE][+-]?\d+)?"
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:$|[T ])")
_PAIRS: Final = (("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"), ("off", "on"))
ANSWERS: Final = MappingProxyType(
    {word: float(place) for pair in _PAIRS for place, word in enumerate(pair)} | {"0": 0.0, "1": 1.0}
)
_HEAD: Final = 100  # values that are looked at first; most columns are settled by them
_CELLS: Final = 20  # below, a slip is too large a part to tell it from a level
SLIPS: Final = 0.02  # of the cells at most
_SAMPLE: Final = 1000  # cells that tell what most columns are
_PARTS: Final = 6  # of the cells, from which the format of dates is guessed; some are without a slip
_PART: Final = 20  # cells in each
_CODE: Final = r"[A-Za-z]+[-_. ]?\d[\w.-]*"  # "V57" among "250.83" is another code, not a slip


# ------------------------------------------------------------------------------------------------ numbers


def number_style(text: pd.Series[Any]) -> str | None:
    """How all the values are written as numbers, words for missing ones aside; None if they are no numbers.

    Either plainly ("7", "1e5"), or with a thousands separator, currency or percent sign: "$1,234.50" or "1.234,50 €".
    A percent sign is dropped (12% is 12), so it must be on all values or on none. A currency is dropped, too, and may
    stand on some of the values only; but in two of them they are no numbers.
    """
    present = _present(text)
    if not len(present) or not _figures(present.head(_HEAD)).all():
        return None
    for style in (PLAIN, POINT, COMMA):
        if all(_reads(part, style) for part in (present.head(_HEAD), present)):
            return style
    return None


def _reads(present: pd.Series[Any], style: str) -> bool:
    percent = present.str.contains("%", regex=False).mean()
    if percent not in {0.0, 1.0} or not _numbers(present, style).notna().all():
        return False
    return style == PLAIN or _one_currency(present)


def _one_currency(text: pd.Series[Any]) -> bool:
    """Whether all currencies that are named are the same."""
    named = text.str.extract(f"({_CURRENCIES})")[0].dropna().str.removesuffix(".").unique().tolist()
    return len({_SAME_CURRENCY.get(sign, sign) for sign in named}) <= 1


def _figures(text: pd.Series[Any]) -> pd.Series[bool]:
    """Whether a value has what all numbers have, in whatever style: a digit, unless it is infinite."""
    return text.str.contains(r"\d|inf", case=False, regex=True)


def _numbers(text: pd.Series[Any], style: str) -> pd.Series[Any]:
    """float64, NaN for what is not written in the style."""
    import pandas as pd

    if style == PLAIN:
        return pd.to_numeric(text, errors="coerce")
    bare = text.str.replace(_BEFORE, r"\1", regex=True).str.replace(_AFTER, r"\1", regex=True).str.strip()
    bare = bare.str.replace(_MINUS, "-", regex=False)
    owed = bare.str.fullmatch(r"\([^()+-]+\)").fillna(value=False).astype(bool)  # "(5.20)", as ledgers have -5.20
    if owed.any():
        bare = bare.where(~owed, "-" + bare.str.slice(1, -1).str.strip())
    if style == POINT:
        bare = bare.where(bare.str.fullmatch(_POINT)).str.replace(r"[,'\u2019]", "", regex=True)
    else:
        bare = bare.where(bare.str.fullmatch(_COMMA)).str.replace(rf"[.{_SPACES}]", "", regex=True)
        bare = bare.str.replace(",", ".")
    return pd.to_numeric(bare, errors="coerce")


def mostly_numbers(text: pd.Series[Any]) -> tuple[str, pd.Series[Any]] | None:
    """The style of numbers in which at least 98% of 20 or more values are written, and the values that are not.

    Of several styles, the one that leaves the fewest. None if there is none, or if the others look like codes, so that
    the numbers are codes, too, such as "V57" among "250" and "401".
    """
    sample = _spread(text, _SAMPLE)
    if len(sample) and _figures(sample).mean() < 1 - 5 * SLIPS:
        return None  # as in most columns of words; what follows takes longer
    likely = [style for style in (PLAIN, POINT, COMMA) if _numbers(sample, style).isna().mean() <= 5 * SLIPS]
    if not likely or len(present := _present(text)) < _CELLS:
        return None
    read = {style: _numbers(present, style).notna() for style in likely}
    percent = present.str.contains("%", regex=False)
    left = {
        style: present[~found]
        for style, found in read.items()
        if percent[found].nunique() == 1 and (style == PLAIN or _one_currency(present[found]))
    }
    best = _fewest(left, len(present))
    return None if best is None or best[1].str.fullmatch(_CODE).mean() >= 0.5 else best


def _fewest(left: dict[str, pd.Series[Any]], present: int) -> tuple[str, pd.Series[Any]] | None:
    """The style that leaves the fewest values, and these; None if they are more than slips."""
    style = min(left, key=lambda style: len(left[style]), default=None)
    return None if style is None or len(left[style]) > SLIPS * present else (style, left[style])


def _spread(text: pd.Series[Any], cells: int) -> pd.Series[Any]:
    """About so many of the cells, evenly spread, missing ones aside."""
    there = text.dropna()
    return _present(there.iloc[:: max(1, len(there) // cells)])


def _present(text: pd.Series[Any]) -> pd.Series[Any]:
    present = text.dropna()
    return present[~present.str.lower().isin(_ALSO_MISSING)]


def say_something(text: pd.Series[Any]) -> pd.Series[bool]:
    """Whether a value is there and neither a word for a missing one nor infinite, which counts as missing."""
    import pandas as pd

    infinite = pd.to_numeric(text, errors="coerce").abs() == float("inf")
    return text.notna() & ~text.str.lower().isin(_ALSO_MISSING) & ~infinite


def read_numbers(text: pd.Series[Any], style: str | None) -> pd.Series[Any]:
    """The values as numbers: in the style, or plain ones in any style but that of decimal commas; else NaN.

    Where the style has no separator of thousands, "1,234" might be 1.234 and "12%" might be 0.12, so they are no
    numbers; a currency sign does no harm.
    """
    if style == COMMA:  # here "1.234" is 1234, not 1.234
        return _numbers(text, COMMA)
    plain = _numbers(text, PLAIN)
    if not plain.isna().any():
        return plain
    return plain.fillna(_numbers(text if style == POINT else text.mask(text.str.contains(r"[,%]", na=False)), POINT))


def in_style(text: pd.Series[Any], style: str) -> bool:
    """Whether all values are numbers in the style, missing ones aside."""
    present = _present(text)
    return bool(_numbers(present, style).notna().all())


# ------------------------------------------------------------------------------------------------ yes and no


def boolean_style(text: pd.Series[Any]) -> str | None:
    """The pair of words that the values are, such as "no/yes", in any case; None if they are something else."""
    words = {str(word).lower() for word in text.dropna().unique()[:_HEAD]}
    found = next((pair for pair in _PAIRS if words == set(pair)), None)
    return None if found is None else "/".join(found)


def read_booleans(text: pd.Series[Any], style: str | None) -> pd.Series[Any]:
    """0 for no, 1 for yes, numbers (in the style) as they are, else NaN; whichever pair of words it was at fit time."""
    return text.str.lower().map(ANSWERS).astype("float64").fillna(read_numbers(text, style))


# ------------------------------------------------------------------------------------------------ dates


def date_style(text: pd.Series[Any]) -> str | None:
    """The format that all values share (months first where both orders fit), ISO8601 for variants of it, or None."""
    present = text.dropna()
    if not len(present) or not present.head(_HEAD).str.contains(r"\d", regex=True).all():
        return None  # no date without a digit
    sample = present if len(present) <= _SAMPLE else present.sample(_SAMPLE, random_state=0)
    formats = (_shared_format(sample, days_first=first) for first in (False, True))
    if found := next((style for style in formats if style is not None and _all_dates(present, style)), None):
        return found
    return "ISO8601" if present.str.match(_ISO).all() and _all_dates(present, "ISO8601") else None


def either_order(text: pd.Series[Any], style: str) -> bool:
    """Whether dates in a style that has the month first can all be read with the day first, too."""
    month, day = style.find("%m"), style.find("%d")
    if style.startswith("%Y") or not 0 <= month < day:
        return False
    other = f"{style[:month]}%d{style[month + 2 : day]}%m{style[day + 2 :]}"
    return _all_dates(text.dropna(), other)


def several_formats(text: pd.Series[Any]) -> list[str]:
    """Two values, each the first of its format, where nearly all values of a sample are dates, in several formats."""
    sample = _spread(text, _HEAD)
    if len(sample) < _CELLS or sample.str.contains(r"\d\D+\w+\D+\d", regex=True).mean() < 1 - 5 * SLIPS:
        return []
    orders = [_formats(sample.tolist(), days_first=first) for first in (False, True)]
    found, dates = min(orders, key=lambda one: len(one[0]))  # with days first, 05/02/2020 is written as 13/02/2020 is
    return list(found.values())[:2] if len(found) > 1 and dates >= (1 - 5 * SLIPS) * len(sample) else []


def _formats(values: Sequence[str], *, days_first: bool) -> tuple[dict[str, str], int]:
    """Formats of whole dates with a year of four digits, each with its first value, and how many values have one."""
    from pandas.tseries.api import guess_datetime_format

    found: dict[str, str] = {}
    dates = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that days come first where months were asked for
        for value in values:
            style = guess_datetime_format(value, dayfirst=days_first)
            if isinstance(style, str) and "%Y" in style and "%d" in style:
                found.setdefault(style, value)
                dates += 1
    return found, dates


def _shared_format(values: pd.Series[Any], *, days_first: bool) -> str | None:
    """The format that pandas guesses for each of the values, if it is the same for all."""
    from pandas.tseries.api import guess_datetime_format

    found: str | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that days come first where months were asked for
        for value in values:
            style = guess_datetime_format(value, dayfirst=days_first)
            if not isinstance(style, str) or found not in {None, style}:
                return None
            found = style
    return found


def _all_dates(present: pd.Series[Any], style: str) -> bool:
    import pandas as pd

    return bool(pd.to_datetime(present, format=style, errors="coerce", utc=True).notna().all())


def mostly_dates(text: pd.Series[Any]) -> tuple[str, pd.Series[Any]] | None:
    """The format of at least 98% of 20 or more values, and the values that are no dates of it; None if there is none.

    Formats are guessed from a few parts of the values, as one "0000-00-00" is enough for none to fit a whole part.
    """
    sample = _spread(text, _PARTS * _PART)
    if not sample.str.contains(r"\d", regex=True).mean() >= 1 - 5 * SLIPS:
        return None
    parts = (sample.iloc[start : start + _PART] for start in range(0, _PARTS * _PART, _PART))
    styles = {date_style(part): None for part in parts if len(part)}  # in their order
    if set(styles) == {None} or len(present := _present(text)) < _CELLS:
        return None
    left = {style: present[read_dates(present, style).isna()] for style in styles if style is not None}
    return _fewest(left, len(present))


def read_dates(text: pd.Series[Any], style: str | None) -> pd.Series[Any]:
    """The values as datetime64[us] in UTC; NaT for what is written in another way."""
    import pandas as pd

    read = pd.to_datetime(text, format=style or "ISO8601", errors="coerce", utc=True)
    if style not in {None, "ISO8601"} and read.isna().any():  # another program wrote the new rows, in standard form
        read = read.fillna(pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True))
    return read.dt.tz_localize(None).astype("datetime64[us]")
