from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from seasoned.errors import InvalidInput
from seasoned.tabular.tables import read_table, to_frame, to_series

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


@pytest.mark.parametrize("table", [ROWS, {"a": [1, 2], "b": ["x", None]}, pd.DataFrame(ROWS)])
def test_records_columns_and_frames_are_one(table):
    frame = to_frame(table)
    assert list(frame.columns) == ["a", "b"]
    assert frame["a"].tolist() == [1, 2]
    assert frame["b"].isna().tolist() == [False, True]


def test_pyarrow_and_polars():
    import pyarrow as pa

    assert to_frame(pa.Table.from_pylist(ROWS))["a"].tolist() == [1, 2]
    assert to_series(pa.chunked_array([[1, 2]])).tolist() == [1, 2]
    polars = pytest.importorskip("polars")
    assert to_frame(polars.DataFrame(ROWS))["a"].tolist() == [1, 2]
    assert to_frame(polars.LazyFrame(ROWS))["a"].tolist() == [1, 2]
    assert to_series(polars.Series([1, 2])).tolist() == [1, 2]


def test_arrays_get_names():
    assert list(to_frame(np.zeros((2, 3))).columns) == ["x0", "x1", "x2"]
    assert list(to_frame(scipy.sparse.eye(2, format="csr")).columns) == ["x0", "x1"]
    assert list(to_frame(np.zeros(2, dtype=[("p", "f8"), ("q", "i4")])).columns) == ["p", "q"]


def test_the_callers_table_is_not_changed():
    table = pd.DataFrame({("a", 1): [1], ("b", 2): [2]}, index=[7])
    assert list(to_frame(table).columns) == ["a.1", "b.2"]
    assert table.index.tolist() == [7]
    assert isinstance(table.columns, pd.MultiIndex)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (np.zeros(3), "Reshape your data"),
        (np.zeros((2, 2), dtype=complex), "Complex data not supported"),
        (42, "a int is not a table"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' appears more than once"),
    ],
)
def test_what_is_no_table_is_refused(table, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        to_frame(table)


def test_targets():
    assert to_series(pd.DataFrame({"y": [1, 2]})).tolist() == [1, 2]
    assert to_series(["a", None, "b"]).isna().tolist() == [False, True, False]
    with pytest.raises(InvalidInput, match="y has 2 columns"):
        to_series(np.zeros((3, 2)))
    with pytest.raises(InvalidInput, match="array-like"):
        to_series("text")


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".tsv.xz", ".parquet"])
def test_files(tmp_path, suffix):
    path, frame = tmp_path / f"t{suffix}", pd.DataFrame(ROWS)
    if suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if "tsv" in suffix else ",")
    assert read_table(path)["a"].tolist() == [1, 2]


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.csv").write_bytes("name\nJos\xe9\n".encode("latin-1"))
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and nothing else")
    (tmp_path / "t.xlsx").write_bytes(b"")
    for name, sentence in {
        "none.csv": "there is no file",
        "latin.csv": "not UTF-8",
        "empty.csv": "cannot be read as CSV",
        "cut.parquet": "cannot be read as PARQUET",
        "t.xlsx": "not a table known here",
    }.items():
        with pytest.raises(InvalidInput, match=sentence):
            read_table(tmp_path / name)
