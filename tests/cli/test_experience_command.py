"""Command `seasoned experience`: list, import, export, forget and portfolio."""

from __future__ import annotations

import json

from command_tables import write
from commands import call
from warm_workers import cache, cache_folder

__all__ = ["cache", "cache_folder"]


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


def test_portfolio_is_printed_as_json(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_EXPERIENCE", "shipped")
    usual = json.loads(call("experience", "portfolio", "--sort", "regression", "--size", "3").output)
    assert (usual["sort"], usual["metric"], len(usual["configurations"])) == ("regression", "rmse", 3)
    write("binary", tmp_path / "train.csv", rows=120)
    arguments = ("experience", "portfolio", str(tmp_path / "train.csv"))
    found = json.loads(call(*arguments, "--target", "target", "--size", "3").output)
    assert (found["sort"], found["rows"]) == ("binary", 120)
    assert "give --target" in call(*arguments, code=2).stderr
    assert "has no column 'x'" in call(*arguments, "--target", "x", code=2).stderr


def test_portfolio_target_needs_a_table():
    error = call("experience", "portfolio", "--target", "y", code=2).stderr
    assert "--target is a column of a table; give the table, too" in error
