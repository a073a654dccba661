"""Input tables of commands: separators, encodings, compression, reading options and kept columns."""

from __future__ import annotations

import gzip
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from command_tables import coloured_rows, read
from commands import call, fit_line
from seasoned.cli.tables.prediction_table import write_table
from seasoned.cli.tables.read_table import rows_to_predict
from seasoned.cli.tables.reading import Reading
from seasoned.errors import InvalidInput
from seasoned.tabular.input.files import read_table


@pytest.fixture
def table():
    return coloured_rows()


@pytest.mark.parametrize("separator", [";", "|", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separator_and_utf_16_are_detected(table, separator, encoding):
    table.to_csv("plain.csv", index=False)
    content = table.to_csv(index=False, sep=separator).encode(encoding)
    pd.testing.assert_frame_equal(read(content), read_table("plain.csv"))
    pd.testing.assert_frame_equal(Reading().table(content), read_table("plain.csv"))


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.bz2", "t.csv.xz", "t.csv.zst", "t.csv.zip"])
def test_separator_of_a_compressed_file_is_detected(name):
    write_table(pd.DataFrame({"a;b": ["1;x", "2;y"]}), Path(name))
    frame = Reading().table(Path(name))
    assert frame.to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    assert Reading(separator=",").table(Path(name)).columns.tolist() == ["a;b"]


def test_file_suffixes_in_capitals_are_known():
    frame = pd.DataFrame({"a;b": ["1;x", "2;y"]})
    for name in ("T.CSV.GZ", "T.CSV.ZST", "T.CSV.BZ2"):
        write_table(frame, Path(name))
        assert Reading().table(Path(name)).to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    Path("semi.CSV.GZ").write_bytes(gzip.compress("a;b\n1,5;x\n".encode("utf-16")))
    assert Reading().table(Path("semi.CSV.GZ"))["a"].tolist() == [1.5]
    write_table(frame, Path("T.PARQUET"))
    assert pd.read_parquet("T.PARQUET").equals(frame)


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2.5\n007,x;y\n",
        "a\n1\n2\n",
        "text;more\nhow\nwhy; so\n",  # not in all lines
        "a;b|c\n1;2|3\n",  # two candidates
        '"a;b"\n"1;2"\n',  # one name
        "a,b\nr,2,3\ns,5,6\n",  # the first column is the index
        'a,b\n"x\r\ny","1,5"\n',
        "\ufeffa,b\n1,2\n",
        "\na\n\n1\n",
        "a,b\n",
    ],
)
def test_comma_and_tab_files_are_read_as_by_pandas(content):
    raw = content.encode()
    for name, separator in (("t.csv", ","), ("t.tsv", "\t")):
        Path(name).write_bytes(raw)
        expected = pd.read_csv(name, sep=separator, low_memory=False)
        if name == "t.csv" or "\t" in content or "," not in content:
            pd.testing.assert_frame_equal(Reading().table(Path(name)), expected)
    result = pd.read_csv(io.BytesIO(raw), low_memory=False)
    pd.testing.assert_frame_equal(Reading().table(raw), result)


def test_reading_options_override_the_detection():
    assert read("a b\n1 2\n", separator=" ")["b"].tolist() == [2]
    assert read("a\tb\n1\t2\n", separator="tab")["b"].tolist() == [2]
    assert read("a;b\n1;2\n3\n", separator=";")["b"].tolist()[0] == 2
    assert read('a,b\n"1,5",2\n', decimal=",")["a"].tolist() == [1.5]
    assert read("a;b\n1,5;2\n", decimal=".")["a"].tolist() == ["1,5"]
    assert read("a,b\n\u00e9,2\n".encode("utf-16-be"), encoding="utf-16-be")["a"].tolist() == ["\u00e9"]
    pd.DataFrame({"a": [1]}).to_parquet("t.parquet")
    assert Reading(";", ",", "cp1252").table(Path("t.parquet"))["a"].tolist() == [1]


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"separator": "||"}, r"separator is '\|\|'; it is one ASCII character"),
        ({"separator": ""}, "separator is ''"),
        ({"separator": "§"}, "separator is '§'"),
        ({"decimal": "x"}, "decimal is 'x'; it is a point or a comma"),
        ({"encoding": "klingon"}, "encoding is 'klingon', which is not known"),
        ({"encoding": "hex"}, "encoding is 'hex'"),
    ],
)
def test_bad_reading_options_are_refused(how, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        Reading(**how)


def test_error_of_a_single_column_suggests_the_separator():
    Path("t.csv").write_text("a;b\n1;2\n3\n", encoding="utf-8")
    error = call("fit", "t.csv", "--target", "b", code=2).stderr
    assert "t.csv has no column 'b'; its only column is 'a;b', so give the --separator" in error
    assert error.count("\n") == 1


def test_encrypted_archive_is_refused(monkeypatch):
    with zipfile.ZipFile("t.csv.zip", "w") as archive:
        archive.writestr("t.csv", "a,y\n1,2\n")
    packed = bytearray(Path("t.csv.zip").read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the bit that says "encrypted"
        packed[packed.find(mark) + place] |= 1
    Path("t.csv.zip").write_bytes(packed)
    error = fit_line("t.csv.zip", code=2).stderr
    assert "'t.csv.zip' cannot be read as CSV" in error
    assert "encrypted" in error


def test_closed_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InvalidInput, match="the standard input is closed; give the path of a file"):
        rows_to_predict(Path("-"))


def test_last_column_of_na_is_no_trailing_separator():
    """As R's `write.table` has rows whose target nobody knows yet."""
    Path("r.csv").write_text('"x1","x2","y"\n"r1",5,1,NA\n"r2",6,0,NA\n', encoding="utf-8")
    frame = read_table("r.csv")
    assert frame["x1"].tolist() == [5, 6]
    assert frame["x2"].tolist() == [1, 0]
    assert frame["y"].isna().all()


def test_trailing_separator_does_not_move_kept_columns():
    Path("t.csv").write_text("id,country,x\n1,NA,3,\n2,DE,4,\n", encoding="utf-8")
    rows, kept = rows_to_predict(Path("t.csv"), keep=["id", "country"])
    assert rows["x"].tolist() == [3, 4]
    assert kept.to_csv(index=False) == "id,country\n1,NA\n2,DE\n"


def test_kept_words_for_missing_and_true_stay():
    Path("t.csv").write_text("id,who,yes,price\nNone,NA,TRUE,1.50\nnull,,FALSE,2\n", encoding="utf-8")
    _, kept = rows_to_predict(Path("t.csv"), keep=["id", "who", "yes", "price"])
    assert kept.to_csv(index=False) == "id,who,yes,price\nNone,NA,TRUE,1.5\nnull,,FALSE,2.0\n"
    assert kept["who"].isna().tolist() == [False, True]


def test_kept_numbers_stay_as_written():
    Path("t.csv").write_text("a;b;c;d;e\n007;1;1,5;x;1\n08;;2,5;;2\n", encoding="utf-8")
    rows, kept = rows_to_predict(Path("t.csv"), keep=["e", "a", "b", "c", "d"])
    assert rows["a"].tolist() == [7, 8]
    assert kept.to_csv(index=False) == "e,a,b,c,d\n1,007,1,1.5,x\n2,08,,2.5,\n"
    assert kept["e"].dtype == np.int64
    pd.DataFrame({"a": [1, 2]}).to_parquet("t.parquet")
    assert rows_to_predict(Path("t.parquet"), keep=["a"])[1]["a"].tolist() == [1, 2]
