"""Errors of commands: one line, exit codes, and output files that are refused before the work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from command_tables import class_rows, write
from commands import call, fit_line
from seasoned.cli import app, common
from seasoned.tabular.input.files import read_table
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]


@pytest.fixture
def table():
    return class_rows()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["fit", "train.csv", "--target", "target", "--positive", "x"], "positive is 'x', which is no class"),
        (["fit", "train.csv", "--target", "target", "--metric", "f1", "--positive", "x"], "positive is 'x'"),
        (["fit", "train.csv", "--target", "target", "--metric", "acuracy"], "did you mean 'accuracy'"),
        (["fit", "train.csv", "--target", "target", "--models", "magic"], "magic"),
        (["fit", "train.csv", "--target", "target", "--models", "lgbm"], "did you mean 'lightgbm'?"),
        (["fit", "train.csv", "--target", "Target"], "has no column 'Target'; did you mean 'target'? Its columns are"),
        (["fit", "train.csv", "--target", "target", "--folds", "1"], "folds is 1"),
        (["fit", "train.csv", "--target", "target", "--memory-limit", "much"], "'much'"),
        (["fit", "none.csv", "--target", "y"], "there is no file 'none.csv'"),
        (["fit", "train.csv", "--target", "y"], "train.csv has no column 'y'; its columns are size, count"),
        (["fit", "train.csv", "--target", "target", "--time-limit", "-1"], "time_limit is -1.0"),
        (["fit", "train.csv", "--target", "target", "--holdout", "1"], "holdout is 1.0"),
        (["fit", "train.csv", "--target", "target", "--task", "regression"], "is no number"),
        (["fit", "train.csv", "--target", "same"], "only one class, 'constant'"),
        (["fit", "train.csv", "--target", "target", "--out", "no/m.s"], "no folder 'no'"),
        (["fit", "train.csv", "--target", "target", "--out", "."], "'.' is a folder; give the path of a file"),
        (["fit", "train.csv", "--target", "target", "--report", "."], "'.' is a folder"),
        (["fit", "train.csv", "--target", "target", "--holdout", "0.999"], "leaves no rows on one side"),
        (["report", "none.seasoned", "--out", "."], "'.' is a folder"),
        (["predict", "train.csv", "train.csv"], "is no bundle"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, words, sentence):
    write("binary", tmp_path / "train.csv", rows=40)
    result = call(*words, code=2)
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert sentence in result.stderr


def test_other_failures_are_exit_code_1_and_debug_raises_them(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("the disk\nis full")

    Path("t.csv").write_text("x,y\n1,2\n")
    monkeypatch.setattr("seasoned.cli.tables.reading.read_table", fail)
    result = call("fit", "t.csv", "--target", "y", code=1)
    assert result.stderr == "error: RuntimeError: the disk is full (seasoned --debug shows where)\n"
    result = CliRunner().invoke(app, ["--debug", "fit", "t.csv", "--target", "y"])
    assert isinstance(result.exception, RuntimeError)


def test_output_over_another_file_of_the_command_is_refused(table):
    table.to_csv("t.csv", index=False)
    fit_line("t.csv")
    before = Path("model.seasoned").read_bytes()
    table.drop(columns="y").to_csv("predictions.csv", index=False)
    for words in (
        ("fit", "t.csv", "--target", "y", "--out", "m.html", "--report", "./m.html"),
        ("fit", "t.csv", "--target", "y", "--out", "t.csv"),
        ("report", "model.seasoned", "--out", "model.seasoned"),
        ("report", "model.seasoned", "t.csv", "--target", "y", "--out", "t.csv"),
        ("predict", "model.seasoned", "predictions.csv"),
        ("explain", "model.seasoned", "t.csv", "--target", "y", "--out", "t.csv"),
        ("refit", "model.seasoned", "t.csv", "--target", "y", "--out", "t.csv"),
        ("adapt", "t.csv", "--task", "who", "--target", "y", "--out", "t.csv"),
        ("adapt", "predictions.csv", "--model", "model.seasoned"),
    ):
        error = call(*words, code=2).stderr
        assert "is also another file of this command; choose another name." in error, words
    assert Path("model.seasoned").read_bytes() == before
    assert len(read_table("predictions.csv").columns) == 3
    call("refit", "model.seasoned", "t.csv", "--target", "y", "--out", "model.seasoned")


def test_unwritable_folder_is_refused_before_the_fit(table, monkeypatch):
    table.to_csv("t.csv", index=False)
    monkeypatch.setattr(common.os, "access", lambda path, mode: mode != os.W_OK | os.X_OK)
    error = fit_line("t.csv", "--out", "m.seasoned", code=2).stderr
    assert "the folder '.' may not be written; choose another one." in error


def test_model_to_the_standard_output_is_refused(table):
    table.to_csv("t.csv", index=False)
    assert "cannot be written to the standard output" in fit_line("t.csv", "--out", "-", code=2).stderr
    learn = ("adapt", "t.csv", "--task", "who", "--target", "y", "--out", "-")
    assert "cannot be written to the standard output" in call(*learn, code=2).stderr
    assert not Path("-").exists()
