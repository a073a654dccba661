"""Files as the world writes them, columns to leave out or to keep, and the version."""

from __future__ import annotations

import errno
import io
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import seasoned
from commands import call, fit_line
from seasoned import load
from seasoned.cli.prediction_table import write_table
from seasoned.cli.read_table import Reading, rows_to_predict
from seasoned.errors import InvalidInput, StorageError
from seasoned.tabular.input.frames import read_table
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]

ROWS = 80


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "id": [f"{place:04d}" for place in range(ROWS)],
            "größe": rng.normal(size=ROWS).round(3),
            "farbe": rng.choice(["grün", "rot"], ROWS),
            "noise": rng.normal(size=ROWS).round(2),
        }
    )
    return frame.assign(y=(3 * frame["größe"] + (frame["farbe"] == "rot") + 0.01 * frame["noise"]).round(4))


def read(content, **how):
    Path("t.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    return Reading(**how).table(Path("t.csv"))


# ------------------------------------------------------------------------------------------------ text files


def test_a_european_file_is_fitted_predicted_and_reported_as_any_other(table):
    table.to_csv("plain.csv", index=False)
    table.to_csv("semi.csv", index=False, sep=";", decimal=",", encoding="cp1252")
    cp1252 = ("--encoding", "cp1252")
    assert "regression model saved to plain.s" in fit_line("plain.csv", "--out", "plain.s").output
    assert "regression model saved to semi.s" in fit_line("semi.csv", *cp1252, "--out", "semi.s").output
    rows = read_table("plain.csv")
    np.testing.assert_allclose(load("semi.s").predict(rows), load("plain.s").predict(rows), rtol=1e-9)
    call("predict", "plain.s", "plain.csv", "--out", "plain-p.csv")
    call("predict", "plain.s", "semi.csv", *cp1252, "--out", "semi-p.csv")
    pd.testing.assert_frame_equal(pd.read_csv("semi-p.csv"), pd.read_csv("plain-p.csv"), rtol=1e-9)
    streamed = call("predict", "plain.s", "-", *cp1252, "--out", "-", given=Path("semi.csv").read_bytes()).stdout
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(streamed)), pd.read_csv("plain-p.csv"), rtol=1e-9)
    call("report", "plain.s", "semi.csv", "--target", "y", *cp1252)
    assert "give its --encoding" in fit_line("semi.csv", code=2).stderr
    assert "give its --encoding" in call("predict", "plain.s", "semi.csv", code=2).stderr


@pytest.mark.parametrize("separator", [";", "|", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_and_utf_16_are_found(table, separator, encoding):
    table.to_csv("plain.csv", index=False)
    content = table.to_csv(index=False, sep=separator).encode(encoding)
    pd.testing.assert_frame_equal(read(content), read_table("plain.csv"))
    pd.testing.assert_frame_equal(Reading().table(content), read_table("plain.csv"))


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.bz2", "t.csv.xz", "t.csv.zst", "t.csv.zip"])
def test_compressed_files_are_looked_into(name):
    write_table(pd.DataFrame({"a;b": ["1;x", "2;y"]}), Path(name))
    frame = Reading().table(Path(name))
    assert frame.to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    assert Reading(separator=",").table(Path(name)).columns.tolist() == ["a;b"]


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
def test_what_was_read_right_is_read_as_before(content):
    raw = content.encode()
    for name, separator in (("t.csv", ","), ("t.tsv", "\t")):
        Path(name).write_bytes(raw)
        expected = pd.read_csv(name, sep=separator, low_memory=False)
        if name == "t.csv" or "\t" in content or "," not in content:
            pd.testing.assert_frame_equal(Reading().table(Path(name)), expected)
    result = pd.read_csv(io.BytesIO(raw), low_memory=False)
    pd.testing.assert_frame_equal(Reading().table(raw), result)


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("a;b\n1,5;x\n2;y\n", [1.5, 2.0]),
        ("a;b\n1.234,5;x\n2;y\n", [1234.5, 2.0]),
        ("a;b\n1.5;x\n2;y\n", [1.5, 2.0]),
        ("a;b\n1.5;3,5\n2;4\n", [1.5, 2.0]),  # points in one column, commas in another
        ("a;b\n0,125;x\n1,250;y\n", [0.125, 1.25]),
        ("a;b\n0.125;x\n1.250;y\n", [0.125, 1.25]),
        ("a;b\n1.200;0,5\n2.201;1,5\n950;2\n", [1200, 2201, 950]),  # the comma is decimal, so points are not
        ("a;b\n1.200;1.234,5\n950;2\n", [1200, 950]),
        ("a;b\n1,234;0.5\n999;1.5\n", ["1,234", "999"]),  # thousands, which the model reads
        ("a;b\n1,5;x\nn;y\n", ["1,5", "n"]),
        ("a;b\n1;x\n2;y\n", [1, 2]),
        ("a;b\n01.02.2024;1,5\n02.03.2024;2,5\n", ["01.02.2024", "02.03.2024"]),
    ],
)
def test_numbers_between_semicolons(content, values):
    assert read(content)["a"].tolist() == values


def test_options_say_what_the_file_does_not():
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
def test_options_that_cannot_be(how, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        Reading(**how)


def test_one_column_hints_at_the_separator():
    Path("t.csv").write_text("a;b\n1;2\n3\n", encoding="utf-8")
    error = call("fit", "t.csv", "--target", "b", code=2).stderr
    assert "t.csv has no column 'b'; its only column is 'a;b', so give the --separator" in error
    assert error.count("\n") == 1


def test_a_file_of_rows_to_validate_on_is_read_in_the_same_way(table):
    for name, rows in (("train.csv", table[:60]), ("valid.csv", table[60:])):
        rows.to_csv(name, index=False, sep=";", decimal=",", encoding="cp1252")
    fit_line("train.csv", "--encoding", "cp1252", "--validation", "valid.csv", "--ignore", "noise")
    assert load("model.seasoned").score(table[60:].drop(columns="noise"), table["y"][60:]) < 1


# ------------------------------------------------------------------------------------------------ columns


def test_ignored_columns_are_not_asked_for(table):
    table.to_csv("train.csv", index=False)
    fit_line("train.csv", "--ignore", "id, noise", "--holdout", 0.25, "--report", "r.html")
    model = load("model.seasoned")
    assert [column.name for column in model.fitted_.plan.schema.columns] == ["größe", "farbe"]
    table[["farbe", "größe"]].to_csv("new.csv", index=False)
    call("predict", "model.seasoned", "new.csv")
    assert len(pd.read_csv("predictions.csv")) == ROWS
    for words, sentence in (
        (("--ignore", "id,x,z"), "--ignore names 'x', 'z', and there is no such column; the columns are id, größe, f"),
        (("--ignore", "y"), "--ignore names 'y', the column of --target"),
        (("--ignore", "noise", "--weights", "noise"), "--ignore names 'noise', the column of --weights"),
        (("--ignore", "noise", "--validation", "noise"), "--ignore names 'noise', the column of --validation"),
    ):
        error = fit_line("train.csv", *words, code=2).stderr
        assert sentence in error
        assert error.count("\n") == 1
    assert fit_line("train.csv", "--ignore", "id,größe,farbe,noise", code=2).stderr.startswith("error: ")


def test_kept_columns_stand_before_the_predictions(table):
    table.to_csv("train.csv", index=False)
    fit_line("train.csv", "--ignore", "id")
    call("predict", "model.seasoned", "train.csv", "--keep", "id,farbe,id", "--interval", 0.8, "--out", "p.csv")
    found = pd.read_csv("p.csv", dtype={"id": str})
    assert found.columns.tolist() == ["id", "farbe", "prediction", "lower", "upper"]
    pd.testing.assert_frame_equal(found[["id", "farbe"]].astype(str), table[["id", "farbe"]].astype(str))
    np.testing.assert_allclose(found["prediction"], load("model.seasoned").predict(table), rtol=1e-9)
    given = table.to_csv(index=False)
    streamed = call("predict", "model.seasoned", "-", "--keep", "id", "--out", "-", given=given).stdout
    assert streamed.splitlines()[0] == "id,prediction"
    assert streamed.splitlines()[1].startswith("0000,")
    missing = call("predict", "model.seasoned", "-", "--keep", "id,x", "--out", "-", given=given, code=2).stderr
    assert "the standard input has no column 'x'; its columns are id, größe" in missing
    table.assign(prediction=1).to_csv("again.csv", index=False)
    error = call("predict", "model.seasoned", "again.csv", "--keep", "prediction", code=2).stderr
    assert "'prediction' is a column of the predictions, too" in error


def test_kept_numbers_stay_as_they_are_written():
    Path("t.csv").write_text("a;b;c;d;e\n007;1;1,5;x;1\n08;;2,5;;2\n", encoding="utf-8")
    rows, kept = rows_to_predict(Path("t.csv"), keep=["e", "a", "b", "c", "d"])
    assert rows["a"].tolist() == [7, 8]
    assert kept.to_csv(index=False) == "e,a,b,c,d\n1,007,1,1.5,x\n2,08,,2.5,\n"
    assert kept["e"].dtype == np.int64
    pd.DataFrame({"a": [1, 2]}).to_parquet("t.parquet")
    assert rows_to_predict(Path("t.parquet"), keep=["a"])[1]["a"].tolist() == [1, 2]


def test_the_version():
    assert call("--version").output == f"seasoned {seasoned.__version__}\n"


def test_a_thousand_in_the_fit_is_one_in_a_file_that_does_not_tell_it():
    """German files: "1.200" is 1200 where some comma is decimal, and 1.2 where nothing says so."""
    rng = np.random.default_rng(0)
    size, share = rng.integers(200, 9_000, ROWS), rng.random(ROWS).round(2)
    written = pd.DataFrame(
        {
            "größe": [f"{value:,}".replace(",", ".") for value in size],
            "anteil": [str(value).replace(".", ",") for value in share],
            "y": [f"{value:,}".replace(",", ".") for value in 3 * size],
        }
    )
    written.to_csv("train.csv", index=False, sep=";")
    fit_line("train.csv")
    assert load("model.seasoned").decimal_ == ","
    whole = written.drop(columns="y").assign(anteil=1)
    whole.to_csv("silent.csv", index=False, sep=";")
    call("predict", "model.seasoned", "silent.csv")
    assert np.corrcoef(pd.read_csv("predictions.csv")["prediction"], size)[0, 1] > 0.99
    assert "report written" in call("report", "model.seasoned", "train.csv", "--target", "y").stdout


def test_a_table_that_cannot_be_written_whole_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "p.csv.gz"
    write_table(pd.DataFrame({"a": [1, 2]}), path)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_csv", full)
        with pytest.raises(StorageError, match="No space left on device"):
            write_table(pd.DataFrame({"a": [3]}), path)
    assert pd.read_csv(path)["a"].tolist() == [1, 2]
    assert [one.name for one in tmp_path.iterdir()] == ["p.csv.gz"]


def test_an_archive_holds_the_name_of_the_file(tmp_path):
    write_table(pd.DataFrame({"a": [1]}), tmp_path / "out.csv.zip")
    with zipfile.ZipFile(tmp_path / "out.csv.zip") as archive:
        assert archive.namelist() == ["out.csv"]


def test_a_pipe_is_written_to_and_stays(tmp_path):
    path = tmp_path / "p.csv"
    os.mkfifo(path)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(path.read_text)
        write_table(pd.DataFrame({"a": [1]}), path)
        assert read.result(60) == "a\n1\n"
    assert path.is_fifo()
