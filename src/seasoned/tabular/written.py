"""Values that were written as text: numbers as people write them, yes and no, dates.

A style is found once, from the rows at fit time, and is a word in the schema; values are read by it from then on.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["boolean_style", "date_style", "number_style", "read_booleans", "read_dates", "read_numbers"]

PLAIN, POINT, COMMA = "plain", "1,234.5", "1.234,5"
_ALSO_MISSING: Final = frozenset(
    {"-", "--", "---", ".", "..", "*", "n.a.", "n.a", "na", "n/a", "nil", "unknown", "missing", "#value!", "#div/0!"}
)
_SIGNS: Final = r"[$€£¥₹%]|\b(?:USD|EUR|GBP|CHF|JPY)\b"  # what may stand around a number
_SPACES: Final = "\u00a0\u202f "  # between thousands, where the comma is decimal
_POINT: Final = r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:[eE][+-]?\d+)?"
_COMMA: Final = rf"[+-]?(?:\d{{1,3}}(?:[.{_SPACES}]\d{{3}})+|\d+)?(?:,\d*)?(?:[eE][+-]?\d+)?"
_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}(?:$|[T ])")
_PAIRS: Final = (("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"), ("off", "on"))
_ANSWERS: Final = MappingProxyType(
    {word: float(place) for pair in _PAIRS for place, word in enumerate(pair)} | {"0": 0.0, "1": 1.0}
)
_HEAD: Final = 100  # values that are looked at first; most columns are settled by them


# ------------------------------------------------------------------------------------------------ numbers


def number_style(text: pd.Series[Any]) -> str | None:
    """How all the values are written as numbers, words for missing ones aside; None if they are no numbers.

    Either plainly ("7", "1e5"), or with a thousands separator, currency or percent sign: "$1,234.50" or "1.234,50 €".
    A percent sign is dropped (12% is 12), so it must be on all values or on none.
    """
    present = text.dropna()
    present = present[~present.str.lower().isin(_ALSO_MISSING)]
    if not len(present):
        return None
    for style in (PLAIN, POINT, COMMA):
        if all(_reads(part, style) for part in (present.head(_HEAD), present)):
            return style
    return None


def _reads(present: pd.Series[Any], style: str) -> bool:
    percent = present.str.endswith("%").mean()
    return percent in {0.0, 1.0} and bool(_numbers(present, style).notna().all())


def _numbers(text: pd.Series[Any], style: str) -> pd.Series[Any]:
    """float64, NaN for what is not written in the style."""
    import pandas as pd

    if style == PLAIN:
        return pd.to_numeric(text, errors="coerce")
    bare = text.str.replace(_SIGNS, "", regex=True).str.strip()
    if style == POINT:
        bare = bare.where(bare.str.fullmatch(_POINT)).str.replace(",", "")
    else:
        bare = bare.where(bare.str.fullmatch(_COMMA)).str.replace(rf"[.{_SPACES}]", "", regex=True)
        bare = bare.str.replace(",", ".")
    return pd.to_numeric(bare, errors="coerce")


def read_numbers(text: pd.Series[Any], style: str | None) -> pd.Series[Any]:
    """The values as numbers; first as plain ones, else in the style (by default with a decimal point)."""
    plain = _numbers(text, PLAIN)
    chosen = POINT if style in {None, PLAIN} else style
    if style == COMMA:  # here "1.234" is one thousand and so on, not 1.234
        return _numbers(text, COMMA)
    return plain.fillna(_numbers(text, chosen)) if plain.isna().any() else plain


# ------------------------------------------------------------------------------------------------ yes and no


def boolean_style(text: pd.Series[Any]) -> str | None:
    """The pair of words that the values are, such as "no/yes", in any case; None if they are something else."""
    words = {str(word).lower() for word in text.dropna().unique()[:_HEAD]}
    found = next((pair for pair in _PAIRS if words == set(pair)), None)
    return None if found is None else "/".join(found)


def read_booleans(text: pd.Series[Any]) -> pd.Series[Any]:
    """0 for no, 1 for yes, numbers as they are, else NaN; whichever pair of words it was at fit time."""
    return text.str.lower().map(_ANSWERS).astype("float64").fillna(read_numbers(text, PLAIN))


# ------------------------------------------------------------------------------------------------ dates


def date_style(text: pd.Series[Any]) -> str | None:
    """The format that all values share, by skrub's inference, or ISO8601 for that in several variants; else None."""
    import pandas as pd

    present = text.dropna()
    if not present.head(_HEAD).str.contains(r"\d", regex=True).all():
        return None  # no date without a digit; saves the import for most tables
    from skrub import ToDatetime
    from skrub.core import RejectColumn

    reader = ToDatetime()
    try:
        reader.fit_transform(text.rename("date"))
    except RejectColumn:
        if not present.str.match(_ISO).all():
            return None
        return "ISO8601" if pd.to_datetime(present, format="ISO8601", errors="coerce", utc=True).notna().all() else None
    return str(reader.format_)


def read_dates(text: pd.Series[Any], style: str | None) -> pd.Series[Any]:
    """The values as datetime64[us] in UTC; NaT for what is written in another way."""
    import pandas as pd

    read = pd.to_datetime(text, format=style or "ISO8601", errors="coerce", utc=True)
    if style not in {None, "ISO8601"} and read.isna().any():  # another program wrote the new rows, as standards ask
        read = read.fillna(pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True))
    return read.dt.tz_localize(None).astype("datetime64[us]")
