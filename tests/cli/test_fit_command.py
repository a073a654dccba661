"""Commands `seasoned fit` and `seasoned runs`: files, options, output and interruption."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from command_tables import class_rows, write
from commands import call, fit_line
from messy import messy
from seasoned import load
from seasoned.cli.tables.prediction_table import prediction_table, write_table
from seasoned.tabular.input.files import read_table
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]


@pytest.fixture
def table():
    return class_rows()


def test_fitted_classes_are_predicted_with_probabilities(tmp_path):
    X, y = write("binary", tmp_path / "train.csv.gz")
    result = call(
        "fit",
        "train.csv.gz",
        "--target",
        "target",
        "--trials",
        2,
        "--random-state",
        0,
        "--holdout",
        0.25,
        "--out",
        "m.s",
    )
    assert "2 configurations tried, 2 of them to the end" in result.output
    assert "linear" in result.output
    assert "penalty=1" in result.output
    assert "roc_auc on 40 held-out rows" in result.output
    X.to_parquet(tmp_path / "new.parquet")
    call("predict", "m.s", "new.parquet", "--out", "p.csv")
    predictions = pd.read_csv(tmp_path / "p.csv")
    assert list(predictions.columns) == ["prediction", "probability_no", "probability_yes"]
    assert len(predictions) == len(X)
    assert (predictions["prediction"] == y).mean() > 0.7
    np.testing.assert_allclose(predictions["probability_yes"], load("m.s").predict_proba(X)[:, 1], rtol=1e-12)


def test_fitted_numbers_are_predicted(tmp_path):
    X, _ = write("regression", tmp_path / "train.csv")
    call("fit", "train.csv", "--target", "target", "--trials", 1, "--metric", "mae")
    X.to_csv(tmp_path / "new.tsv", sep="\t", index=False)
    call("predict", "model.seasoned", "new.tsv")
    assert list(pd.read_csv("predictions.csv").columns) == ["prediction"]


def test_fit_takes_its_options_and_every_kind_of_file(tmp_path):
    X, y = write("binary", tmp_path / "train.csv.xz")
    words = "--target target --trials 3 --models linear,histogram --folds 2 --ensemble 1 --seed 0 --memory-limit 16GB"
    shown = call("fit", "train.csv.xz", *words.split(), "--metric", "recall", "--positive", "no").output
    assert "histogram" in shown
    assert "recall" in shown
    model = load("model.seasoned")
    assert {row.model for row in model.fitted_.trials} <= {"linear", "histogram"}
    assert len(model.fitted_.members) == 1
    assert model.score(X, y) == (model.predict(X)[y == "no"] == "no").mean()
    expected = prediction_table(model, X)
    for name in ("new.csv.zst", "new.tsv.gz", "new.csv.bz2", "new.csv.zip", "new.parquet"):
        write_table(X, tmp_path / name)
        call("predict", "model.seasoned", name, "--out", f"p-{name}")
        pd.testing.assert_frame_equal(read_table(f"p-{name}"), expected)
    streamed = call("predict", "model.seasoned", "-", "--out", "-", given=X.to_csv(index=False)).stdout
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(streamed)), expected)
    write_table(X.drop(columns=["note", "size"]), tmp_path / "less.csv")
    assert "lacks the column(s) 'size', 'note'" in call("predict", "model.seasoned", "less.csv", code=2).stderr
    assert "no kind of table" in call("predict", "model.seasoned", "new.parquet", "--out", "p.xls", code=2).stderr
    (tmp_path / "cut.csv.xz").write_bytes((tmp_path / "train.csv.xz").read_bytes()[:200])
    assert "cannot be read as CSV" in call("predict", "model.seasoned", "cut.csv.xz", code=2).stderr


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_stopped_fit_saves_its_model(tmp_path, cache, name, code):
    write("regression", tmp_path / "train.csv", rows=100)
    script = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "sys.argv = ['seasoned', 'fit', 'train.csv', '--target', 'target', '--models', 'linear', '--trials', '5000']\n"
        "from seasoned.cli import main; main()"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(cache.glob("runs/*/study.db")):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(getattr(signal, name))
    output, errors = child.communicate(timeout=120)
    assert child.returncode == code, errors
    assert "regression model saved to model.seasoned" in output
    assert f"stopped by {name}; the same command with --resume goes on." in errors
    assert len(load("model.seasoned").predict(messy("regression")[0])) == 240


def test_run_folders_are_listed_and_cleared(tmp_path):
    from seasoned.tabular.trial.run_folder import RunFolder

    RunFolder.open("abc", {"rows": 7, "columns": 2, "task": "binary"}, resume=False).release()
    assert "abc" in call("runs").output
    assert "7 x 2 binary" in call("runs").output
    assert "1 run folder(s) deleted" in call("runs", "--clear").output
    assert "0 run(s)" in call("runs").output


def test_fit_describes_its_table_and_folds_without_a_terminal(first):
    result = first
    lines = result.stderr.splitlines()
    assert lines[0] == "target      y: a number; the metric is rmse (lower is better)"
    assert "read as     price: numbers, '$1,000.50' is read as 1000.5" in lines
    assert "validation  5 folds, rows dealt at random" in lines
    assert "\x1b" not in result.stderr
    assert "rmse: lower is better" in result.stdout
    assert "target      y" not in result.stdout
    header, row = (line for line in result.stdout.splitlines() if "rank" in line or "linear" in line)
    assert "weight" in header
    assert "1.00" in row


def test_resumed_fit_prints_its_number_of_earlier_trials(first):
    again = fit_line("t.csv", "--resume")
    assert "note        resumed: 1 finished configuration(s) of an earlier call count" in again.stderr


@pytest.mark.parametrize(("words", "made"), [((), 0), (("--features", "none"), 0), (("--features", "bins"), 1)])
def test_feature_steps_are_tried_if_the_option_names_them(words, made):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(12_000, 3)), columns=list("abc"))
    X.assign(target=X["a"] * X["b"]).to_csv("long.csv", index=False)
    call("fit", "long.csv", "--target", "target", "--trials", 2, "--models", "linear", "--folds", 2, *words)
    configs = load("model.seasoned").leaderboard().attrs["configs"].values()
    assert sum("made" in config.get("features", {}) for config in configs) == made


def test_held_out_rows_of_one_class_have_no_score(table):
    table.assign(y=np.where(table["who"] < 8, table["y"], "no")).to_csv("t.csv", index=False)
    shown = fit_line("t.csv", "--validation", "who", "--holdout", 0.1).output
    assert "roc_auc is not defined on the 6 held-out rows, which are of one class" in shown
