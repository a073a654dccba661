"""Numbers in text: signs, units, multipliers, times of day, durations, yes and no.

The style of a column is determined once, from the rows at fit time. The schema stores it as a word, and later values
are read by it. A few cells in another style, such as typing errors or words for missing values, are tolerated.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "ANSWERS",
    "CLOCK",
    "COMMA",
    "FIRST_CELLS",
    "MAX_TYPO_SHARE",
    "MIN_CELLS_FOR_TYPOS",
    "PLAIN",
    "POINT",
    "SPAN",
    "boolean_style",
    "fewest",
    "first_in",
    "has_value",
    "matches_format",
    "mostly_numbers",
    "number_style",
    "present_in",
    "read_booleans",
    "read_numbers",
    "several_units",
    "spread",
    "without_width",
]

PLAIN, POINT, COMMA = "plain", "1,234.5", "1.234,5"
CLOCK, SPAN = "23:59", "12h 5m"
MAX_TYPO_SHARE: Final = 0.02  # largest share of unreadable cells (typing errors) in a column of numbers or dates
MIN_CELLS_FOR_TYPOS: Final = 20  # fewest cells for this tolerance; in fewer cells, an unreadable one may be a level
FIRST_CELLS: Final = 100  # values that are tested before the whole column; they decide most columns
_SAMPLE: Final = 1000  # cells in the sample on which styles are tested
_GAPS: Final = frozenset(
    {
        "-", "--", "---", ".", "..", "*", "n.a.", "n.a", "na", "n/a", "nil", "unknown", "missing", "#value!", "#div/0!",
        "无", "空", "未知", "不详", "暂无", "暂无数据", "无数据",
    }
)  # fmt: skip
_CURRENCIES: Final = r"(?i:[$€£¥₹]|USD|EUR|GBP|CHF|JPY|INR|CNY|RMB|Rs\.?|人民币|元|円)"
_SAME: Final = MappingProxyType(
    {"USD": "$", "EUR": "€", "GBP": "£", "INR": "₹", "RS": "₹", "CNY": "元", "RMB": "元", "人民币": "元", "円": "JPY"}
)
_TIMES: Final = MappingProxyType(
    {"k": 1e3, "K": 1e3, "M": 1e6, "千": 1e3, "万": 1e4, "百万": 1e6, "千万": 1e7, "亿": 1e8, "万亿": 1e12}
)
_WHOLE: Final = MappingProxyType(  # whole part, with thousands separators; "0,126" has none
    {POINT: r"(?:[1-9]\d{0,2}(?:[,'\x{2019}]\d{3})+|\d+)", COMMA: r"(?:[1-9]\d{0,2}(?:[. ]\d{3})+|\d+)"}
)
_PART: Final = MappingProxyType({POINT: r"\.", COMMA: ","})
_SIGN: Final = r"[+\-\u2212]?"
_HEAD: Final = re.compile(
    rf"(?P<owed>\()?\s*(?P<limit>[<>]=?|[≤≥~≈约])?\s*(?P<sign>{_SIGN})\s*"
    rf"(?P<around>(?:(?:{_CURRENCIES}|%)\s*)*)(?P<other>{_SIGN})\s*"
)
_TAIL: Final = re.compile(
    r"\s*(?P<times>[kKM](?![A-Za-z])|百万|千万|万亿|[千万亿])?\s*"
    rf"(?:(?P<around>(?:(?:{_CURRENCIES}|%)\s*)+)|(?P<unit>[^\W\d_°‰]|[°‰])"
    r"(?P<rest>[^\s\d,;:()]{0,11}[23]?(?: [^\s\d,;:()]{1,11})?))?\s*(?P<end>\))?"
)
_NO_UNITS: Final = frozenset({"am", "pm", "a.m.", "p.m."})
_MEASURES: Final = frozenset(
    {
        "mg", "g", "kg", "t", "lb", "lbs", "oz", "mm", "cm", "m", "km", "in", "ft", "mi", "yd", "ml", "l", "cl", "gal",
        "kb", "mb", "gb", "tb", "w", "kw", "mw", "v", "mv", "a", "ma", "hz", "khz", "mhz", "ghz", "m2", "km2",
        "m^2", "k", "°c", "°f", "%", "‰", "bit", "byte", "克", "千克", "公斤", "斤", "吨", "米", "厘米", "毫米",
        "公里", "千米", "升", "毫升", "平米", "平方米", "美元", "欧元", "港元", "日元",
    }
)  # fmt: skip
_SPANS: Final = MappingProxyType(
    {
        r"d|days?|天": 86_400,
        r"h|hrs?|hours?|小时|时": 3_600,
        r"m|mins?|minutes?|分钟|分": 60,
        r"s|secs?|seconds?|秒钟?": 1,
    }
)
_SPAN_PART: Final = r"(?i:\d+(?:\.\d+)?\s*(?:" + "|".join(_SPANS) + r"))"
_SPAN: Final = rf"^{_SPAN_PART}(?:[\s,]*{_SPAN_PART})*$"
_CLOCK: Final = r"^(?P<h>\d{1,3}):(?P<m>[0-5]\d)(?P<rest>:[0-5]\d(?:\.\d+)?)?(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?$"
_PAIRS: Final = (("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"), ("off", "on"))
ANSWERS: Final = MappingProxyType(
    {word: float(place) for pair in _PAIRS for place, word in enumerate(pair)} | {"0": 0.0, "1": 1.0}
)
_CODE: Final = r"[A-Za-z]+[-_. ]?\d[\w.-]*"  # code; "V57" among "250.83" is no typing error


# ------------------------------------------------------------------------------------------------ cells


class _Cells(NamedTuple):
    """Cells read in one style.

    Attributes:
        values: Numbers, shape (n,); NaN for cells that are no number in the style.
        units: Unit of each cell, shape (n,), "" without one; a percent sign is a unit.
        currencies: Names of all currencies beside numbers.
        limits: Mask of cells with a sign for more, less or about, shape (n,).
    """

    values: NDArray[np.float64]
    units: NDArray[np.object_]
    currencies: frozenset[str]
    limits: NDArray[np.bool_]


def without_width(text: pd.Series[Any]) -> pd.Series[Any]:
    """Text in the Unicode form NFKC: "４７．６６" becomes "47.66", "㎡" becomes "m2"; ASCII stays as it is."""
    if text.str.isascii().fillna(value=True).all():
        return text
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = text.str.replace("²", "^2").str.replace("³", "^3")  # "10²" is not 102
    cells, compute = pa.array(plain.array, type=pa.large_string(), from_pandas=True), cast("Any", pc)
    words = compute.utf8_trim_whitespace(compute.utf8_normalize(cells, form="NFKC"))
    return pd.Series(pd.array(words, dtype="str"), index=text.index, name=text.name)


def _read(text: pd.Series[Any], style: str) -> _Cells:
    """Read each cell as a number with a head and a tail. Different heads and tails are few: each is parsed once."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = pa.chunked_array([pa.array(without_width(text).array, type=pa.large_string(), from_pandas=True)])
    number = rf"(?:{_WHOLE[style]}(?:{_PART[style]}\d*)?|{_PART[style]}\d+)(?:[eE][+-]?\d+)?"
    pattern = rf"^(?P<head>\D*?(?i:Rs\.\s*)?)(?P<number>{number})(?P<tail>(?:\D.*)?)$"
    parts: Any = pc.extract_regex(cells, pattern=pattern)
    parts = parts.combine_chunks()
    digits = pc.replace_substring_regex(
        pc.struct_field(parts, "number"), "[,'\u2019]" if style == POINT else "[. ]", ""
    )
    values = pd.to_numeric(pd.Series(pc.replace_substring(digits, ",", ".")), errors="coerce").to_numpy(np.float64)
    sides = [pc.struct_field(parts, name).dictionary_encode() for name in ("head", "tail")]
    places = [side.indices.fill_null(len(side.dictionary)).to_numpy() for side in sides]
    heads, tails = ([*side.dictionary.to_pylist(), None] for side in sides)
    return _joined(values, [_head(word) for word in heads], [_tail(word) for word in tails], *places)


class _Side(NamedTuple):
    """Meaning of the text before or after a number; the factor is NaN if the text has no meaning."""

    factor: float = np.nan
    unit: str = ""
    currency: str = ""
    owed: bool = False
    limit: bool = False


def _head(word: str | None) -> _Side:
    if word is None or (match := _HEAD.fullmatch(word)) is None:
        return _Side()
    signs, owed = match["sign"] + match["other"], match["owed"] is not None
    if len(signs) > 1 or (owed and signs):
        return _Side()
    factor = -1.0 if owed or signs in {"-", "\u2212"} else 1.0  # in accounts, "(5.20)" is -5.20
    return _Side(factor, *_around(match["around"]), owed, match["limit"] is not None)


def _tail(word: str | None) -> _Side:
    if word is None or (match := _TAIL.fullmatch(word)) is None:
        return _Side()
    unit, currency = _around(match["around"] or "")
    if match["unit"] is not None:
        unit = re.sub(r"([^\W\d_]{3,})s$", r"\1", match["unit"] + match["rest"])  # "years" is the unit "year"
    factor = np.nan if unit.lower() in _NO_UNITS else _TIMES.get(match["times"], 1.0)
    return _Side(factor, unit, currency, match["end"] is not None)


def _around(signs: str) -> tuple[str, str]:
    """Unit "%" and currency among the signs beside a number; "" without one."""
    found = re.search(_CURRENCIES, signs)
    name = "" if found is None else found[0].upper().removesuffix(".")
    return "%" if "%" in signs else "", _SAME.get(name, name)


def _joined(
    values: NDArray[np.float64], heads: list[_Side], tails: list[_Side], first: NDArray[Any], last: NDArray[Any]
) -> _Cells:
    """Combine numbers with heads and tails; `first` and `last` are the index of each cell in these, shape (n,)."""
    factors = [np.array([side.factor for side in sides]) for sides in (heads, tails)]
    owed, ended, limits = (
        np.array(flags, dtype=np.bool_)
        for flags in ([s.owed for s in heads], [s.owed for s in tails], [s.limit for s in heads])
    )
    units = [np.array([side.unit for side in sides], dtype=object) for sides in (heads, tails)]
    found = values * factors[0][first] * factors[1][last]
    found[owed[first] != ended[last]] = np.nan
    sound = ~np.isnan(found)
    named = {heads[place].currency for place in np.unique(first[sound])}
    named |= {tails[place].currency for place in np.unique(last[sound])}
    unit = np.where(units[1][last] == "", units[0][first], units[1][last])
    return _Cells(found, unit, frozenset(named - {""}), limits[first])


# ------------------------------------------------------------------------------------------------ one column


def number_style(text: pd.Series[Any]) -> str | None:
    """Style in which all values are numbers, apart from words for missing values; None if they are no numbers.

    Styles:

    - plain ("7", "1e5");
    - with signs, thousands separators, multipliers and one unit ("$1,234.50", "1.234,50 €", "1.2万", "12.5 kg");
    - times of day ("23:59") and durations ("12h 5m"), both in seconds.
    """
    head = first_in(text)
    if not len(head) or not _figures(head).all():
        return None
    present: pd.Series[Any] | None = None
    for style in (PLAIN, POINT, COMMA):
        if _judged(head, style)[1].any():
            continue
        present = present_in(text) if present is None else present
        full, bad = _judged(present, style)
        if not bad.any():
            return full
    return next((style for style in (CLOCK, SPAN) if _timed(head, style) and _timed(present_in(text), style)), None)


def _timed(present: pd.Series[Any], style: str) -> bool:
    """Return True if all cells are times of day or durations.

    Times must all have seconds, or none: beside times with seconds, "2:35" may be two minutes.
    """
    one_form = style != CLOCK or present.str.count(r"\D+\d").nunique() == 1
    return one_form and bool(_seconds(present, style).notna().all())


def _judged(present: pd.Series[Any], style: str) -> tuple[str, NDArray[np.bool_]]:
    """Style with the unit of all numbers ("1,234.5 kg"), and the mask of cells that are no numbers in it, shape (n,).

    If units differ, or only some cells have one, no cell is a number. A currency may occur in some cells only. With two
    currencies, or limits in most cells ("<=50K", ">50K"), no cell is a number either.
    """
    if style == PLAIN:
        return style, _plain(present).isna().to_numpy()
    cells = _read(present, style)
    bad = np.isnan(cells.values)
    units = set(cells.units[~bad])
    names = cells.currencies - {"¥"} if cells.currencies & {"元", "JPY"} else cells.currencies
    unit = units.pop() if units else ""
    codes = unit not in {"", "%"} and present.str.match(r"0\d").any()  # such as "0001A"
    if units or codes or len(names) > 1 or cells.limits.mean() > 0.5:
        bad[:] = True
    return f"{style} {unit}".strip(), bad


def mostly_numbers(text: pd.Series[Any]) -> tuple[str, pd.Series[Any]] | None:
    """Style in which at least 98 % of 20 or more values are numbers, and the other values; None without such a style.

    Of several styles, the one with the fewest other values is used. The result is None, too, if the other values look
    like codes, because the numbers are then codes as well: "V57" among "250" and "401".
    """
    sample = spread(text, _SAMPLE)
    if not len(sample) or _figures(sample).mean() < 1 - 5 * MAX_TYPO_SHARE:
        return None  # most columns of words end here, before the slower tests
    likely = [style for style in (PLAIN, POINT, COMMA) if _judged(sample, style)[1].mean() <= 5 * MAX_TYPO_SHARE]
    if not likely or len(present := present_in(text)) < MIN_CELLS_FOR_TYPOS:
        return None
    best = fewest({full: present[bad] for full, bad in (_judged(present, style) for style in likely)}, len(present))
    return None if best is None or best[1].str.fullmatch(_CODE).mean() >= 0.5 else best


def several_units(text: pd.Series[Any]) -> str | None:
    """First cell, if the first 100 cells are numbers of several known units or currencies ("12 kg", "500 g")."""
    sample = present_in(text.head(FIRST_CELLS))
    if not len(sample) or not _figures(sample).all():
        return None
    for style in (POINT, COMMA):
        cells = _read(sample, style)
        units = set(cells.units)
        known = all(unit.lower() in _MEASURES or unit == "" for unit in units)
        if not np.isnan(cells.values).any() and known and len(units - {""}) + len(cells.currencies) > 1:
            return str(sample.iloc[0])
    return None


def fewest(left: dict[str, pd.Series[Any]], present: int) -> tuple[str, pd.Series[Any]] | None:
    """Style with the fewest unreadable values, and these values; None if they are more than `MAX_TYPO_SHARE` allows."""
    style = min(left, key=lambda style: len(left[style]), default=None)
    return None if style is None or len(left[style]) > MAX_TYPO_SHARE * present else (style, left[style])


def spread(text: pd.Series[Any], cells: int) -> pd.Series[Any]:
    """About `cells` of the cells that are not missing, evenly spread."""
    there = text.dropna()
    return present_in(there.iloc[:: max(1, len(there) // cells)])


def first_in(text: pd.Series[Any]) -> pd.Series[Any]:
    """First cells that are neither empty nor words for missing values, at most 100."""
    head = present_in(text.head(5 * FIRST_CELLS))
    return (head if len(head) else present_in(text)).head(FIRST_CELLS)


def present_in(text: pd.Series[Any]) -> pd.Series[Any]:
    """Cells that are neither empty nor words for missing values."""
    present = text.dropna()
    return present[~present.str.lower().isin(_GAPS)]


def has_value(text: pd.Series[Any]) -> pd.Series[bool]:
    """Mask of cells with content: not empty, no words for missing values, and not infinite, which counts as missing."""
    import pandas as pd

    infinite = pd.to_numeric(text, errors="coerce").abs() == float("inf")
    return text.notna() & ~text.str.lower().isin(_GAPS) & ~infinite


def _figures(text: pd.Series[Any]) -> pd.Series[bool]:
    """Mask of cells that may be numbers in some style: they contain a digit, or are infinite."""
    return without_width(text).str.contains(r"\d|inf", case=False, regex=True)


def read_numbers(text: pd.Series[Any], style: str | None) -> pd.Series[Any]:
    """Values as numbers of the style; plain numbers are read, too, except with decimal commas. Others become NaN.

    In the plain style, "1,234" may be 1.234 and is no number. In a style without a unit, "12%" may be 0.12 and "500 g"
    may be half of "1 kg": they are no numbers. A currency sign or a multiplier is always accepted.
    """
    import pandas as pd

    if style in {CLOCK, SPAN}:
        return _seconds(text, style).fillna(_plain(text))
    kind, _, unit = (style or PLAIN).partition(" ")
    plain = pd.Series(np.nan, index=text.index) if kind == COMMA else _plain(text)  # with commas, "1.234" is 1234
    if not plain.isna().any():
        return plain
    cells = _read(text, COMMA if kind == COMMA else POINT)
    strange = ~np.isin(cells.units, ["", unit])
    if kind == PLAIN:
        strange |= text.str.contains(",", regex=False).fillna(value=False).to_numpy(np.bool_)
    return plain.fillna(pd.Series(np.where(strange, np.nan, cells.values), index=text.index))


def _plain(text: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    return pd.to_numeric(text, errors="coerce").astype("float64")


def matches_format(text: pd.Series[Any], style: str) -> bool:
    """Return True if all values except missing ones are numbers in the style."""
    present = present_in(text)
    kind, _, unit = style.partition(" ")
    cells = _read(present, kind)
    return bool((~np.isnan(cells.values) & np.isin(cells.units, ["", unit])).all())


def _seconds(text: pd.Series[Any], style: str) -> pd.Series[Any]:
    """Times of day as seconds since midnight, or durations as seconds; NaN for other values."""
    import pandas as pd

    plain = without_width(text)
    if style == SPAN:
        found = sum(
            plain.str.extract(rf"(?i)(\d+(?:\.\d+)?)\s*(?:{unit})(?![^\W\d_])")[0].astype("float64").fillna(0.0)
            * seconds
            for unit, seconds in _SPANS.items()
        )
        return pd.Series(found).where(plain.str.fullmatch(_SPAN).fillna(value=False).astype(bool))
    parts = plain.str.extract(_CLOCK)
    hours, half = parts["h"].astype("float64"), parts["half"].str.lower()
    hours = hours.where(half.isna(), hours % 12 + 12 * (half == "p"))
    seconds = parts["rest"].str.slice(1).astype("float64").fillna(0.0)
    return 3600 * hours + 60 * parts["m"].astype("float64") + seconds


# ------------------------------------------------------------------------------------------------ yes and no


def boolean_style(text: pd.Series[Any]) -> str | None:
    """Pair of words that all values belong to, such as "no/yes", in any case; None for other values."""
    words = {str(word).lower() for word in text.dropna().unique()[:FIRST_CELLS]}
    found = next((pair for pair in _PAIRS if words == set(pair)), None)
    return None if found is None else "/".join(found)


def read_booleans(text: pd.Series[Any], style: str | None) -> pd.Series[Any]:
    """0 for no and 1 for yes, by any pair of words; numbers in the style as they are; NaN for other values."""
    return text.str.lower().map(ANSWERS).astype("float64").fillna(read_numbers(text, style))
