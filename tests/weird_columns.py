"""Weird tables: columns, names, rows and cells."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from weird import NAN, ROWS, beside, collection, plain, repeated

TABLES, weird = collection()


weird(20, "an empty column")(
    lambda: beside({"e": [None], "f": np.full(ROWS, NAN), "g": repeated([pd.NaT], "datetime64[us]")})
)
weird(21, "constant columns")(lambda: beside({"c": [7], "d": ["same"], "e": repeated([True], "boolean")}))
weird(22, "a constant or nothing")(lambda: beside({"c": [7, None], "d": ["same", None], "e": [True, None, None]}))


@weird(23, "99.9% missing")
def _() -> tuple[Any, ...]:
    few = np.full(2000, NAN)
    few[[3, 700]] = [1.5, 2.5]
    return beside({"few": few, "words": pd.Series(few).map({1.5: "x", 2.5: "y"})}, rows=2000)


@weird(24, "two columns of one name", refused="'a' appears more than once")
def _() -> tuple[Any, ...]:
    X, y = plain()
    return X.set_axis(["a", "a"], axis=1), y


@weird(24, "the number 1 and the text '1' as names", refused="'1' appears more than once")
def _() -> tuple[Any, ...]:
    X, y = plain()
    return X.set_axis([1, "1"], axis=1), y


@weird(25, "names that are empty, None, a number, a tuple, NaN, a date, bytes")
def _() -> tuple[Any, ...]:
    X, y = plain()
    names = ["", None, 7, ("t", 1), NAN, pd.Timestamp("2020"), b"bytes", 2.5, True]
    X = pd.DataFrame({index: np.roll(X["a"], index) for index in range(len(names))})
    X.columns = pd.Index(names, dtype=object, tupleize_cols=False)
    return X, y


@weird(25, "names in two levels")
def _() -> tuple[Any, ...]:
    X, y = plain()
    return X.set_axis(pd.MultiIndex.from_tuples([("size", "a"), ("size", "b")]), axis=1), y


@weird(26, "names with signs, emoji, NUL, line breaks and lone surrogates")
def _() -> tuple[Any, ...]:
    X, y = plain()
    names = ['[]{}":,<>', "🍉", "x\0y", "two\nlines", "\ud800", " ", "עברית", "a\u200bb", "x" * 5000]
    return pd.DataFrame(np.array([np.roll(X["a"], i) for i in range(9)]).T, columns=pd.Index(names, dtype=object)), y


@weird(27, "names that are ours or pandas' own")
def _() -> tuple[Any, ...]:
    X, y = plain()
    names = ["index", "__label", "target", "y", "level_0", "text", "date", "kind", "x0", "dtype", "columns", "0"]
    odd = {name: np.roll(X["a"], index) for index, name in enumerate(names)}
    return X.assign(**odd, values=X["b"], T=[f"note {i} on it" for i in range(ROWS)], name=X["b"]), y


@weird(28, "columns with the same content")
def _() -> tuple[Any, ...]:
    X, y = plain()
    return X.assign(c=X["a"], d=X["b"], e=X["b"].astype("category"), f=X["a"]), y


@weird(29, "every row four times")
def _() -> tuple[Any, ...]:
    X, y = plain(10)
    return pd.concat([X] * 4), np.tile(y, 4)


weird(30, "an index with repeats")(lambda: (plain()[0].set_axis([0, 1] * 20), plain()[1]))
weird(30, "an unsorted index of dates")(
    lambda: (plain()[0].set_axis(pd.date_range("2020", periods=ROWS)[::-1]), pd.Series(plain()[1]))
)
weird(30, "an index of two levels, and one of the target's own")(
    lambda: (
        plain()[0].set_axis(pd.MultiIndex.from_product([range(4), range(10)])),
        pd.Series(plain()[1], index=range(100, 100 + ROWS)),
    )
)
weird(30, "a target in another order of the index", says="in another order")(
    lambda: (plain()[0], pd.Series(plain()[1], index=range(ROWS)[::-1]))
)


weird(31, "infinite features")(
    lambda: beside({"i": [np.inf, 1.0, -np.inf, 2.5], "j": repeated([np.inf, -np.inf, NAN], "float32")})
)


@weird(32, "narrow, wide and very large numbers")
def _() -> tuple[Any, ...]:
    big = 2**53 + np.arange(ROWS) * 2
    return beside(
        {
            "half": np.linspace(-6e4, 6e4, ROWS).astype(np.float16),
            "long": np.linspace(0, 1, ROWS).astype(np.longdouble) ** 2,
            "byte": (np.arange(ROWS) * 5 % 256).astype(np.uint8),
            "beyond": big,
            "unsigned": np.uint64(2**64 - 1) - np.arange(ROWS, dtype=np.uint64) ** 2,
            "python": [10**400, 3, -(10**400), 4],
            "huge": np.linspace(-1.7, 1.7, ROWS) * 1e308,
            "tiny": np.linspace(5e-324, 1e-310, ROWS),
        }
    )


weird(33, "nullable columns")(
    lambda: beside(
        {
            "int": repeated([1, None, 3, 250], "Int64"),
            "bool": repeated([True, None, False], "boolean"),
            "float": repeated([1.5, None, 3.5], "Float64"),
            "na": [1, pd.NA, 2, 3],
            "small": repeated([1, None, 3], "UInt8"),
        }
    )
)
weird(34, "text in every dress")(
    lambda: beside(
        {
            "arrow": repeated(["p", None, "q"], "string[pyarrow]"),
            "python": repeated(["p", None, "r"], "string[python]"),
            "str": repeated(["p", None, "s", "t"], "str"),
            "object": ["p", None, "u", "v", "w"],
            "native": repeated(["p", None, "x", "y"], pd.ArrowDtype(pa.large_string())),
            "dictionary": repeated(["p", None, "z"], pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
            "numpy": pd.Series(np.array(["p", "qq", "r", "s"] * 10, dtype="U2").astype(object)),
        }
    )
)
weird(34, "a text column with one value and NA")(
    lambda: beside({"one": repeated(["p", None], "str"), "two": repeated([None, None, None, "q"], "string")})
)
weird(35, "mixed cells")(
    lambda: beside({"m": [1, "two", None, 3.5, True, b"x", dt.date(2020, 1, 1), pd.NA, np.int8(7), ("t", 1)]})
)
weird(36, "decimals and fractions")(
    lambda: beside(
        {
            "decimal": [Decimal("1.5"), Decimal("NaN"), Decimal("-Infinity"), Decimal("1e400"), Decimal(3)],
            "fraction": [Fraction(1, 3), None, Fraction(10**400, 3), 2],
            "arrow": repeated([Decimal("1.5"), None, Decimal(3)], pd.ArrowDtype(pa.decimal128(5, 2))),
        }
    )
)
weird(36, "a signalling NaN", refused="'d' holds a signalling NaN")(
    lambda: beside({"d": [Decimal("sNaN"), Decimal(2), Decimal(3)]})
)
weird(37, "complex numbers", refused="'z' is complex")(lambda: beside({"z": np.arange(ROWS) * 1j}))
weird(37, "complex numbers among objects", refused="'z' holds complex")(lambda: beside({"z": [1j, 2.0, None]}))
weird(38, "lists, dicts, sets and bytes in cells")(
    lambda: beside(
        {
            "list": [[1, 2], [3], None, []],
            "dict": [{"p": 1}, {}, None],
            "set": [{1}, {2, 3}, frozenset()],
            "bytes": [b"p", b"\xff\xfe", None],
            "tuple": [(1, 2), (3,), None],
            "array": [np.arange(3), np.arange(2), None],
            "nested": repeated([[1, 2], None, [3]], pd.ArrowDtype(pa.list_(pa.int64()))),
            "struct": repeated([{"p": 1}, None, {"p": 2}], pd.ArrowDtype(pa.struct([("p", pa.int64())]))),
            "binary": repeated([b"p", None, b"\xff"], pd.ArrowDtype(pa.binary())),
        }
    )
)


class Thing:
    """An object without a hash and without a text of its own."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self is other


class Named(Thing):
    """The same with a text of its own."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return self.name


class Mute:
    """An object that cannot be written."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


weird(39, "objects of a class of one's own", refused="'o' holds .*Thing.*text or numbers")(
    lambda: beside({"o": [Thing(), Thing(), None]})
)
weird(39, "objects that have a text")(lambda: beside({"o": [Named("p"), Named("q"), None, uuid.UUID(int=7)]}))
weird(39, "objects that cannot be written", refused="'o' holds something that cannot be written as text .*no words")(
    lambda: beside({"o": [Mute(), Mute()]})
)
weird(38, "images in cells", refused="'image' holds arrays of shape \\(4, 4\\).*not covered")(
    lambda: beside({"image": [np.zeros((4, 4)), np.ones((4, 4))]})
)
