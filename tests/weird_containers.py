"""Weird tables: every container that holds a table."""

from __future__ import annotations

import datetime as dt
import tempfile
import uuid
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import scipy.sparse

from weird import NAN, ROWS, beside, collection, plain, repeated

if TYPE_CHECKING:
    from collections.abc import Callable

TABLES, weird = collection()


def _sparse(make: Callable[[Any], Any]) -> tuple[Any, ...]:
    X, y = plain()
    dense = np.where(np.arange(ROWS)[:, None] % 3 == 0, X[["a"]].to_numpy() * [1.0, 2.0, 0.0], 0.0)
    return make(dense), y


for _name in ("csr_matrix", "csc_matrix", "coo_matrix", "csr_array", "dok_array", "lil_matrix", "dia_matrix"):
    weird(52, f"scipy {_name}")(partial(_sparse, getattr(scipy.sparse, _name)))
weird(52, "a frame of sparse columns")(
    lambda: _sparse(lambda dense: pd.DataFrame(dense).astype(pd.SparseDtype("float64", 0.0)))
)
weird(52, "sparse integers and booleans")(
    lambda: beside(
        {
            "ints": pd.arrays.SparseArray([0, 0, 5, 7] * 10),
            "bools": pd.arrays.SparseArray([False, True, False, False] * 10),
            "gaps": pd.arrays.SparseArray([NAN, 1.5, NAN, 2.5] * 10),
        }
    )
)


def _polars() -> Any:
    import polars as pl

    X, _ = plain()
    columns = {
        "a": X["a"].to_numpy(), "b": X["b"].tolist(), "date": [dt.date(2020, 1, 1), None] * 20,
        "when": [pd.Timestamp("2020-01-01 03:00"), pd.Timestamp("2021")] * 20, "span": [dt.timedelta(1), None] * 20,
        "clock": [dt.time(3), None] * 20, "list": [[1, 2], None] * 20, "struct": [{"p": 1}, {"p": 2}] * 20,
        "bytes": [b"p", b"\xff"] * 20, "null": [None] * ROWS, "money": [Decimal("1.5"), None] * 20,
    }  # fmt: skip
    frame = pl.DataFrame(columns)
    levels = pl.Series("level", ["p", None] * 20)
    return frame.with_columns(
        levels.cast(pl.Categorical).alias("categorical"), levels.cast(pl.Enum(["p", "q"])).alias("enum"),
        pl.Series("object", [uuid.UUID(int=1), uuid.UUID(int=2)] * 20, dtype=pl.Object),
        pl.Series("wide", [1, 2] * 20, dtype=pl.Int128), pl.Series("zone", ["2020"] * ROWS)
        .str.to_datetime("%Y").dt.replace_time_zone("Europe/Berlin"),
    )  # fmt: skip


weird(53, "polars")(lambda: (_polars(), plain()[1]))
weird(53, "lazy polars, with a target from polars")(
    lambda: (_polars().lazy(), _polars()["b"], _polars().head(3).lazy())
)
weird(53, "a pyarrow table, with a target from pyarrow")(
    lambda: (
        pa.Table.from_pandas(beside({"n": repeated([1, None, 3], "Int64"), "t": [dt.time(3), None]})[0]),
        pa.chunked_array([plain()[1]]),
    )
)
weird(53, "a pyarrow record batch")(lambda: (pa.RecordBatch.from_pandas(plain()[0]), pa.array(plain()[1])))
weird(53, "an Arrow stream")(lambda: (pa.Table.from_pandas(plain()[0]).to_reader(), plain()[1], plain()[0]))


class H2OFrame:
    """A frame of a library that is not known here."""

    columns = ("a", "b")


weird(53, "a frame of an unknown library", refused="a H2OFrame is not a table")(lambda: (H2OFrame(), plain()[1]))
weird(53, "a path", refused="a str is not a table; read the file first")(lambda: ("train.csv", plain()[1]))
weird(53, "nothing", refused="X is None.*forecast")(lambda: (None, plain()[1]))
weird(53, "a series", refused="1 dimension")(lambda: (plain()[0]["a"], plain()[1]))


@weird(54, "a structured array")
def _() -> tuple[Any, ...]:
    X, y = plain()
    X = X.assign(c=np.arange(ROWS, dtype=">i4") ** 2, d=np.linspace(0, 1, ROWS).astype("<f2") ** 2)
    kinds = [("a", "<f8"), ("b", "U3"), ("c", ">i4"), ("d", "<f2")]
    return np.array(list(X.itertuples(index=False, name=None)), dtype=kinds), y


weird(54, "a record array")(lambda: (plain()[0].to_records(index=False), plain()[1]))
weird(54, "a masked array")(
    lambda: (np.ma.masked_less(np.random.default_rng(0).normal(size=(ROWS, 3)), -1.0), plain()[1])
)
weird(54, "Fortran order, strides and big-endian bytes")(
    lambda: (np.asfortranarray(np.random.default_rng(0).normal(size=(ROWS, 6)))[:, ::-2].astype(">f4"), plain()[1])
)


@weird(54, "a read-only memory map")
def _() -> tuple[Any, ...]:
    path = Path(tempfile.mkdtemp()) / "x.npy"
    np.save(path, np.random.default_rng(0).normal(size=(ROWS, 3)))
    return np.load(path, mmap_mode="r"), plain()[1]


weird(54, "half precision")(lambda: (np.random.default_rng(0).normal(size=(ROWS, 3)).astype(np.float16), plain()[1]))
weird(54, "an array of objects")(lambda: (plain()[0].to_numpy(), plain()[1]))
weird(54, "an array of text")(lambda: (plain()[0].astype(str).to_numpy(dtype="U30"), plain()[1]))
weird(54, "an array of dates")(
    lambda: ((np.arange(2 * ROWS) ** 2).reshape(ROWS, 2).astype("datetime64[D]"), plain()[1])
)
weird(54, "an array of bytes as text")(lambda: (np.array([[b"p", b"q"], [b"r", b"s"]] * 20), plain()[1]))
weird(54, "images", refused="4 dimensions; images")(lambda: (np.zeros((ROWS, 8, 8, 3)), plain()[1]))
weird(54, "a number", refused="0 dimension")(lambda: (np.array(3.0), plain()[1]))
weird(55, "a list of lists")(lambda: (plain()[0].to_numpy().tolist(), plain()[1].tolist()))
weird(55, "a list of lists with gaps")(
    lambda: ([[1, "p", None], [None, "q", 2.5], [3, None, 1.5]] * 13, list("xyz") * 13)
)
weird(55, "a list of rows of different lengths", refused="rows of different lengths")(
    lambda: ([[1, 2], [3], [4, 5, 6]], ["x", "y", "x"])
)
weird(55, "a dict of lists")(lambda: (plain()[0].to_dict("list"), plain()[1]))
weird(55, "a dict of lists of different lengths", refused="all of one length")(
    lambda: ({"a": [1, 2], "b": [3]}, ["x", "y"])
)
weird(55, "a dict of single values", refused="a list of values")(lambda: ({"a": 1, "b": 2}, ["x", "y"]))
weird(55, "a list of dicts with gaps and nested ones")(
    lambda: ([{"a": 1.5, "c": {"d": 1}}, {"a": 2, "b": "x"}, {"b": "y", "c": [1]}, {}] * 10, ["x", "y"] * 20)
)
weird(55, "a list of tuples")(lambda: (list(plain()[0].itertuples(index=False, name=None)), plain()[1]))
weird(55, "a tuple of arrays")(lambda: (tuple(np.random.default_rng(0).normal(size=(ROWS, 3))), plain()[1]))
