"""Reports of commands: `seasoned fit --report` and `seasoned report`."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from command_tables import class_rows, write
from commands import call, fit_line
from in_process import alone, estimator
from seasoned import AutoClassifier, SearchSettings
from seasoned.cli import app, fit
from seasoned.cli.common import check_folder
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]

QUICK = {"search": SearchSettings(models=["linear"], ensemble=1), "trials": 1, "experience": None, "random_state": 0}


@pytest.fixture
def table():
    return class_rows()


def test_report_of_a_fit_and_of_a_saved_model(tmp_path):
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


@pytest.mark.parametrize(
    ("words", "left", "seconds"),
    [((), -3.0, 5.0), ((), 17.0, 17.0), ((), 900.0, 60.0), (("--report-seconds", 1), 900.0, 1.0)],
)
def test_report_time_is_the_rest_of_the_limit_or_the_option(words, left, seconds, first, monkeypatch):
    def over(model, path, X, y, **options):
        found.update(options)
        return path

    found, clock = {}, iter([0.0, 300.0 - left])
    monkeypatch.setattr(fit, "write_report", over)
    monkeypatch.setattr(fit, "time", SimpleNamespace(monotonic=lambda: next(clock)))  # other threads keep the real one
    monkeypatch.setattr(fit, "fit_estimator", lambda *_, **__: None)
    for name in ("_save", "_show", "_tell_if_stopped", "store_format"):
        monkeypatch.setattr(fit, name, lambda *_: None)
    result = call("fit", "t.csv", "--target", "y", "--report", "r.html", *words)
    assert found["seconds"] == seconds
    assert f"report: measuring which columns matter takes up to {seconds:.0f} s" in result.stderr


def test_report_command_has_a_time_limit(first):
    call("report", "m.s", "t.csv", "--target", "y", "--seconds", 0, "--out", "r.html")
    assert "the time for it was over before the first was done" in Path("r.html").read_text(encoding="utf-8")


def test_report_of_a_fit_needs_no_weighted_held_out_rows():
    frame = pd.DataFrame({"x": np.arange(80.0), "w": 1.0, "day": np.arange(80), "y": np.arange(80.0)})
    frame.loc[frame["day"] >= 64, "w"] = 0.0
    frame.to_csv("t.csv", index=False)
    words = ("--weights", "w", "--validation", "day", "--holdout", 0.2, "--report", "r.html")
    assert "so there is no score" in fit_line("t.csv", *words).output
    assert Path("r.html").is_file()
    check_folder(Path("r.html"))


@pytest.mark.parametrize(("known", "labels"), [(["1", "2", "3+"], ["1", "2"]), (["01", "02", "0X"], ["01", "02"])])
def test_labels_of_a_reported_table_are_read_as_in_the_fit(known, labels, tmp_path, monkeypatch):
    """Where a table has only "1" and "2", and a cell without a target, these were the numbers 1.0 and 2.0."""
    alone(tmp_path, monkeypatch)
    rows = pd.DataFrame({"x": range(60), "y": [known[place % 3] for place in range(60)]})
    estimator("classification", ["linear"]).fit(rows[["x"]], rows["y"]).save(tmp_path / "m.seasoned")
    judged = "".join(f"{place},{labels[place % 2]}\n" for place in range(20))
    (tmp_path / "j.csv").write_text(f"x,y\n{judged}3,\n")
    words = ["report", tmp_path / "m.seasoned", tmp_path / "j.csv", "--target", "y", "--out", tmp_path / "r.html"]
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    assert "20 given rows" in (tmp_path / "r.html").read_text(encoding="utf-8")


def hits(truth, predicted):
    return float((truth == predicted).mean())


def test_report_explains_the_missing_score_of_a_function_metric(table):
    X, y = table[["a", "b"]], table["y"]
    AutoClassifier(hits, **QUICK).fit(X, y).save("m.seasoned")
    table[["a", "b", "y"]].to_csv("t.csv", index=False)
    call("report", "m.seasoned", "t.csv", "--target", "y")
    page = Path("report.html").read_text(encoding="utf-8")
    assert "hits is a function, which the file of the model does not hold" in page
    assert "is not defined on" not in page
