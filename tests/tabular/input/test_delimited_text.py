"""Text files with separators: rows longer than the header, titles, encodings and decimal signs."""

from __future__ import annotations

import gzip

import pyarrow as pa
import pytest

from in_process import estimator, stay_in_process
from seasoned import load
from seasoned.cli.tables.column_formats import TextFormat, format_of, store_format
from seasoned.cli.tables.read_table import rows_to_predict
from seasoned.cli.tables.reading import Reading
from seasoned.errors import InvalidInput
from seasoned.tabular.input.files import read_table

CHINESE = "价格,城市,备注\n1.5,北京,很好的商品\n2.5,上海,还不错\n"
GERMAN = "größe,farbe\n1,grün\n2,übel\n"


def refused(content, **options):
    with pytest.raises(InvalidInput) as error:
        Reading(**options).table(content if isinstance(content, bytes) else content.encode())
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("content", "line", "cells", "header"),
    [
        ("a,b,y\n1,2,0,9\n", 2, 4, 3),
        ("a,b,y\n1,2,0,9\n3,4,1,8\n", 2, 4, 3),
        ("a,b,y\n1,2,0\n3,4,1,8\n", 3, 4, 3),
        ("a,b,y\n1,2,0\n\n\n3,4,1,8,9\n", 5, 5, 3),
        ('a,b,y\n1,"two\nlines",0\n3,4,1,8\n', 4, 4, 3),
        ("a,b,y\n1,2,0,9\n3,4,1\n", 2, 4, 3),
        ("a,b,y\nx,2,0,9\nx,4,1,8\n", 2, 4, 3),  # not names, because they repeat
        ("a,b\n1,2,3,4\n5,6,7,8\n", 2, 4, 2),
    ],
)
def test_a_row_that_is_longer_than_the_header_is_refused(content, line, cells, header):
    assert refused(content).startswith(
        f"'the standard input' has {cells} cells in line {line}, and its header has {header}; "
    )


def test_the_refusal_names_a_compressed_file_of_another_encoding(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress((CHINESE + "1,2,3,4\n").encode("gb18030")))
    with pytest.raises(InvalidInput, match=r"^'t\.csv\.gz' has 4 cells in line 4, and its header has 3; quote cells"):
        Reading(encoding="gb18030").table(path)


@pytest.mark.parametrize(
    ("above", "said"),
    [
        ("Sales\n", "line 1 looks like a title"),
        ("Sales of 2026\nall shops\n", "lines 1 to 2 look like titles"),
        ("Sales of 2026\nall shops\n\n", "lines 1 to 3 look like titles"),
    ],
)
def test_titles_above_a_header_of_numbers_are_refused(above, said):
    assert f"{said}, so delete what is above the header." in refused(f"{above}2024,2025,2026\n1,2,3\n4,5,6\n")


@pytest.mark.parametrize(
    "content", ["a,b\nr1,1,x\nr2,2,y\n", "a,b\n1,x,\n2,y,\n", "a,b\n1,x\n2,y\n", "a,b\r\n1,x,\r\n2,y,\r\n"]
)
def test_names_of_rows_and_separators_at_the_end_are_read(content):
    assert Reading().table(content.encode()).to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}


# ------------------------------------------------------------------------------------------------ encodings


def test_the_probable_encoding_is_named():
    assert refused(CHINESE.encode("gb18030")) == (
        "'the standard input' is not UTF-8 text; give its --encoding, which is probably gb18030, or save it as Parquet."
    )
    assert "is not ascii text; give its --encoding, which is probably utf_8, or" in refused(CHINESE, encoding="ascii")


@pytest.mark.parametrize("encoding", ["idna", "punycode", "undefined", "hex", "rot13", "klingon", "a\0b"])
def test_what_is_no_encoding_of_files_is_refused(encoding):
    with pytest.raises(InvalidInput, match="which is not known; give one such as cp1252"):
        Reading(encoding=encoding)


@pytest.mark.parametrize(("content", "encoding"), [(CHINESE, "gb18030"), (GERMAN, "cp1252"), (GERMAN, "utf-16-le")])
def test_a_later_file_is_read_in_the_encoding_of_the_fit(content, encoding):
    first = Reading(encoding=encoding).table(content.encode(encoding))
    like = TextFormat(encoding=first.attrs["encoding"])
    assert Reading().table(content.encode(encoding), like=like).equals(first)
    assert Reading().table(content.encode(), like=like).equals(first), "UTF-8 is seen"
    assert Reading().table(content.encode("utf-8-sig"), like=like).equals(first)
    assert Reading().table(content.encode("utf-16"), like=like).equals(first)
    assert Reading(encoding="utf-8").table(content.encode(), like=like).equals(first)


def test_columns_that_are_kept_are_read_in_the_encoding_of_the_fit(tmp_path):
    (tmp_path / "t.csv").write_bytes(CHINESE.encode("gb18030"))
    rows, kept = rows_to_predict(tmp_path / "t.csv", keep=["城市"], like=TextFormat(encoding="gb18030"))
    assert rows["城市"].tolist() == kept["城市"].tolist() == ["北京", "上海"]


def test_the_encoding_is_part_of_the_model(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path / "cache"))
    stay_in_process(monkeypatch)
    lines = "".join(f"{place},{'北京' if place % 3 else '上海'},{place}\n" for place in range(40))
    frame = Reading(encoding="gb18030").table(f"价格,城市,y\n{lines}".encode("gb18030"))
    model = estimator("regression", ["linear"]).fit(frame[["价格", "城市"]], frame["y"])
    store_format(model, frame).save(tmp_path / "m.seasoned")
    model = load(tmp_path / "m.seasoned")
    assert format_of(model).encoding == "gb18030"
    model.encoding_ = "idna"
    assert format_of(model).encoding is None


# ------------------------------------------------------------------------------------------------ decimal signs


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("a;b\n1.234;1e-05\n2.345;2e-05\n", [1.234, 2.345]),  # an exponent is no decimal comma
        ("a;b\n1.234;1e-05\n2.345;0,5\n", [1234, 2345]),
        ("a;b\n1.234;0.00001\n2.345;2\n", [1.234, 2.345]),
    ],
)
def test_a_point_between_semicolons_is_a_thousand_only_beside_a_decimal_comma(content, values):
    assert Reading().table(content.encode())["a"].tolist() == values


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.csv.zst"])
def test_rows_that_end_in_a_separator_keep_their_columns(name, tmp_path):
    compression = "detect" if name.endswith(("gz", "zst")) else None
    with pa.output_stream(str(tmp_path / name), compression=compression) as file:
        file.write(b"x,y,churn,z\n0,0.0,0,7,\n1,2.5,1,8,\n")
    frame = read_table(tmp_path / name)
    assert frame.to_dict("list") == {"x": [0, 1], "y": [0.0, 2.5], "churn": [0, 1], "z": [7, 8]}


def test_an_empty_last_column_is_read_without_a_warning(tmp_path, caplog):
    (tmp_path / "t.csv").write_text("x,y\n1,\n2,\n")
    assert read_table(tmp_path / "t.csv")["x"].tolist() == [1, 2]
    assert not caplog.text


def test_row_names_without_a_column_title_are_the_index(tmp_path):
    (tmp_path / "t.csv").write_text("x,y\nfirst,1,\nsecond,2,3\n")
    assert read_table(tmp_path / "t.csv").index.tolist() == ["first", "second"]
