"""Closed streams, file endings in capitals, and cells that are no numbers."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from commands import call, fit_line
from seasoned import load
from seasoned.cli.common import check_folder
from seasoned.cli.prediction_table import write_table
from seasoned.cli.read_table import Reading, rows_to_predict
from seasoned.errors import InvalidInput
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_a_dash_between_decimal_commas_is_a_missing_number():
    rows = "\n".join(f"{'-' if place % 9 == 0 else f'{place},5'};{2 * place + 1}" for place in range(60))
    Path("t.csv").write_text(f"a;y\n{rows}\n", encoding="utf-8")
    assert Reading().table(Path("t.csv"))["a"].tolist()[:2] == ["-", "1,5"]
    fit_line("t.csv")
    (column,) = load("model.seasoned").fitted_.plan.schema.columns
    assert column.kind == "numeric"
    call("predict", "model.seasoned", "t.csv")


@pytest.mark.parametrize("cell", ["+", "e5", "-", "E-3"])
def test_what_has_no_digit_before_an_exponent_is_no_number(cell):
    Path("t.csv").write_text(f"a;y\n1,5;0\n{cell};1\n2,5;0\n", encoding="utf-8")
    assert Reading().table(Path("t.csv"))["a"].tolist() == ["1,5", cell, "2,5"]


def test_a_validation_file_has_the_decimal_comma_of_its_table():
    rng = np.random.default_rng(0)
    size, share = rng.integers(1_200, 9_000, 80), rng.random(80).round(2)
    written = pd.DataFrame(
        {
            "x": [f"{value:,}".replace(",", ".") for value in size],
            "share": [str(value).replace(".", ",") for value in share],
            "y": [f"{value:,}".replace(",", ".") for value in 3 * size],
        }
    )
    written[:60].to_csv("train.csv", index=False, sep=";")
    written[60:].assign(share="1").to_csv("valid.csv", index=False, sep=";")
    fit_line("train.csv", "--validation", "valid.csv")
    assert load("model.seasoned").fitted_.validated.loss < 0.2 * (3 * size).std()


def test_endings_in_capitals_are_those_in_small_letters():
    frame = pd.DataFrame({"a;b": ["1;x", "2;y"]})
    for name in ("T.CSV.GZ", "T.CSV.ZST", "T.CSV.BZ2"):
        write_table(frame, Path(name))
        assert Reading().table(Path(name)).to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    Path("semi.CSV.GZ").write_bytes(gzip.compress("a;b\n1,5;x\n".encode("utf-16")))
    assert Reading().table(Path("semi.CSV.GZ"))["a"].tolist() == [1.5]
    write_table(frame, Path("T.PARQUET"))
    assert pd.read_parquet("T.PARQUET").equals(frame)


@pytest.mark.parametrize("name", ["pred.xlsx", "predictions", "p.parquet.gz"])
def test_a_name_that_is_no_kind_of_table_is_refused_before_the_work(name):
    for words in (("predict", "no-such-model", "t.csv"), ("adapt", "t.csv", "--model", "no-such-model")):
        error = call(*words, "--out", name, code=2).stderr
        assert f"'{name}' is no kind of table that is known here; write to a .csv" in error


def test_a_closed_standard_input_is_told(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InvalidInput, match="the standard input is closed; give the path of a file"):
        rows_to_predict(Path("-"))


@pytest.mark.slow
def test_streams_are_utf_8_whatever_the_locale(tmp_path):
    frame = pd.DataFrame({"größe": [1.0, 2.0] * 20, "y": ["grün", "rot"] * 20})
    frame.to_csv("t.csv", index=False)
    fit_line("t.csv")
    program = "import sys; from seasoned.cli import app; app()"
    call_ = [sys.executable, "-c", program, "predict", "model.seasoned", "-", "--out", "-"]
    given = frame[:2].drop(columns="y").to_csv(index=False).encode()
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(call_, input=given, capture_output=True, env=environment, cwd=tmp_path, check=True)
    assert done.stdout.decode().splitlines()[1].startswith("grün")
    assert b"\r" not in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="pipes of Unix")
def test_who_reads_no_further_gets_no_error(tmp_path):
    frame = pd.DataFrame({"x": np.arange(60.0), "y": np.arange(60.0)})
    frame.to_csv("t.csv", index=False)
    fit_line("t.csv")
    pd.concat([frame] * 4_000).to_csv("big.csv", index=False)
    program = "import sys; from seasoned.cli import app; app()"
    words = [sys.executable, "-c", program, "predict", "model.seasoned", "big.csv", "--out", "-"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) in {0, 1}


def test_held_out_rows_of_weight_0_leave_the_report_to_those_of_the_fit():
    frame = pd.DataFrame({"x": np.arange(80.0), "w": 1.0, "day": np.arange(80), "y": np.arange(80.0)})
    frame.loc[frame["day"] >= 64, "w"] = 0.0
    frame.to_csv("t.csv", index=False)
    words = ("--weights", "w", "--validation", "day", "--holdout", 0.2, "--report", "r.html")
    assert "so there is no score" in fit_line("t.csv", *words).output
    assert Path("r.html").is_file()
    check_folder(Path("r.html"))
