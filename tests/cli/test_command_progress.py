"""Messages of commands: what a fit understood, and its progress, also without a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from commands import call, fit_line
from in_process import stay_in_process
from seasoned import load
from seasoned._util.progress_bar import Display
from seasoned.cli import fit
from seasoned.cli.display import watch
from seasoned.tabular.ensemble import fitted_model as fitted_module
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]


@pytest.fixture(autouse=True)
def _here(monkeypatch, cache):
    stay_in_process(monkeypatch)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A folder with a table and its model, and the result of `seasoned fit`."""
    folder = tmp_path_factory.mktemp("fitted")
    rng = np.random.default_rng(0)
    size = rng.normal(size=80)
    prices = [f"${1000 + place:,}.50" for place in range(80)]
    table = pd.DataFrame({"size": size, "price": prices, "y": 2 * size + 0.1 * rng.normal(size=80)})
    table.to_csv(folder / "t.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEASONED_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        stay_in_process(patch)
        return folder, fit_line("t.csv", "--out", "m.s")


@pytest.fixture
def first(fitted, monkeypatch):
    """The result of `seasoned fit`, in the folder of its table and model."""
    monkeypatch.chdir(fitted[0])
    monkeypatch.setenv("SEASONED_CACHE", str(fitted[0] / "cache"))
    return fitted[1]


def test_fit_prints_its_first_lines_on_no_terminal(first):
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


def test_show_repeats_them_and_json_has_them(first):
    said = first.stderr.splitlines()
    shown = call("show", "m.s").stdout.splitlines()
    assert [line for line in said if line.split()[0] in {"target", "rows", "read"}]
    assert {line for line in said if not line.startswith("left out")} <= set(shown)
    facts = json.loads(call("show", "m.s", "--json").stdout)
    assert facts["fit_summary"]["validation"] == "5 folds, rows dealt at random"
    assert facts["fit_summary"]["readings"] == ["price: numbers, '$1,000.50' is read as 1000.5"]


def test_fit_says_that_it_resumed_and_from_how_many_trials(first):
    again = fit_line("t.csv", "--resume")
    assert "note        resumed: 1 finished configuration(s) of an earlier call count" in again.stderr


@pytest.mark.parametrize(
    ("words", "left", "seconds"),
    [((), -3.0, 5.0), ((), 17.0, 17.0), ((), 900.0, 60.0), (("--report-seconds", 1), 900.0, 1.0)],
)
def test_the_report_has_what_is_left_of_the_limit_or_what_is_asked_for(words, left, seconds, first, monkeypatch):
    def over(model, path, X, y, **options):
        found.update(options)
        return path

    found, clock = {}, iter([0.0, 300.0 - left])
    monkeypatch.setattr(fit, "write_report", over)
    monkeypatch.setattr(fit.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(fit, "fit_estimator", lambda *_, **__: None)
    for name in ("_save", "_show", "_tell_if_stopped", "store_format"):
        monkeypatch.setattr(fit, name, lambda *_: None)
    result = call("fit", "t.csv", "--target", "y", "--report", "r.html", *words)
    assert found["seconds"] == seconds
    assert f"report: measuring which columns matter takes up to {seconds:.0f} s" in result.stderr


def test_report_takes_seconds_too(first):
    call("report", "m.s", "t.csv", "--target", "y", "--seconds", 0, "--out", "r.html")
    assert "the time for it was over before the first was done" in Path("r.html").read_text(encoding="utf-8")


def test_predictions_are_counted_in_parts_and_are_the_same(first, monkeypatch):
    model, table = load("m.s"), pd.read_csv("t.csv")
    before = model.predict(table)
    monkeypatch.setattr(fitted_module, "MAX_PART_ROWS", 30)
    seen = []
    with Display("predicting", shown=False) as display:
        watch(model, 80, 1, display)
        monkeypatch.setattr(display, "update", lambda done, text: seen.append((done, text)))
        assert model.predict(table).tolist() == before.tolist()
    assert seen == [(30, "30 done"), (60, "60 done"), (80, "80 done")]


def test_predict_writes_nothing_else_to_the_standard_output(first):
    lines = call("predict", "m.s", "t.csv", "--out", "-", "--interval", 0.8).stdout.splitlines()
    assert lines[0] == "prediction,lower,upper"
    assert len(lines) == 81
