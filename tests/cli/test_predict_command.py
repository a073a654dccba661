"""Command `seasoned predict`: intervals, sets, kept columns and standard streams."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from command_tables import coloured_rows
from commands import call, fit, fit_line
from seasoned import load
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]

ROWS = 80


@pytest.fixture
def table():
    return coloured_rows()


def test_prediction_intervals_are_columns_of_the_output():
    _, result = fit("regression", "--predict-limit", 1000)
    assert "within the limit of 1000" in " ".join(result.output.split())
    call("predict", "model.seasoned", "train.csv", "--interval", 0.8)
    found = pd.read_csv("predictions.csv")
    assert list(found.columns) == ["prediction", "lower", "upper"]
    expected = load("model.seasoned").predict_interval(pd.read_csv("train.csv"), coverage=0.8)
    np.testing.assert_allclose(found[["lower", "upper"]].to_numpy(), expected, rtol=1e-12)
    assert "coverage is 2" in call("predict", "model.seasoned", "train.csv", "--interval", 2, code=2).stderr
    assert "layers is 3" in call("fit", "train.csv", "--target", "target", "--layers", 3, code=2).stderr
    assert "predict_limit is -1" in call("fit", "train.csv", "--target", "target", "--predict-limit", -1, code=2).stderr


def test_prediction_sets_are_a_column_of_the_output():
    _, result = fit("binary", "--metric", "f1", "--positive", "yes")
    model = load("model.seasoned")
    assert all(" ".join(sentence.split()) in " ".join(result.output.split()) for sentence in model.fitted_.sentences)
    call("predict", "model.seasoned", "train.csv", "--interval", 0.9)
    found = pd.read_csv("predictions.csv")
    assert list(found.columns) == ["prediction", "probability_no", "probability_yes", "set"]
    assert set(found["set"]) <= {"no", "yes", "no | yes"}
    np.testing.assert_array_equal(found["prediction"], model.predict(pd.read_csv("train.csv")))


def test_ignored_columns_are_not_needed_for_predictions(table):
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


def test_standard_output_of_predict_is_only_the_table(first):
    lines = call("predict", "m.s", "t.csv", "--out", "-", "--interval", 0.8).stdout.splitlines()
    assert lines[0] == "prediction,lower,upper"
    assert len(lines) == 81


@pytest.mark.slow
def test_standard_streams_are_utf_8_in_any_locale(tmp_path):
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
def test_closed_output_pipe_is_no_error(tmp_path):
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
