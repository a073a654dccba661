"""Budgets against each other, on made-up results."""

from __future__ import annotations

import json

import pytest
from made_up_results import made_up

import budgets

SIDES = ["--sides", "seasoned@60,autogluon-best@300"]


@pytest.fixture
def files(tmp_path):
    """Ours after 60 and 300 seconds on three tables, and AutoGluon's after 300 on two of them and on another."""
    ours = made_up({"a": {"seasoned": 0.9}, "b": {"seasoned": None}, "c": {"seasoned": 0.8}})
    long = made_up({"a": {"seasoned": 0.99}, "b": {"seasoned": 0.99}, "c": {"seasoned": 0.99}}, budget=300.0)
    theirs = made_up({name: {"autogluon-best": 0.85} for name in "abd"}, budget=300.0, run="another")
    dummies = [record for record in ours if record["framework"] == "dummy"]
    kept = [record for record in [*ours, *long] if record["framework"] != "dummy"]
    (tmp_path / "ours.json").write_text(json.dumps({"records": kept, "peers": dummies}))
    (tmp_path / "theirs.json").write_text(json.dumps({"records": theirs}))
    return tmp_path


def test_each_side_is_judged_by_its_own_budget(files, capsys):
    words = [str(files / "ours.json"), str(files / "theirs.json"), *SIDES, "--out", str(files / "out.json")]
    summary = budgets.main(words)
    assert [(row["table"], list(row["scores"].values())) for row in summary["tables"]] == [
        ("a", [0.9, 0.85]),
        ("b", [0.5, 0.85]),  # who failed scores what the dummy scores
    ]
    against = summary["against"]["autogluon-best@300"]
    assert (against["wins"], against["losses"], against["win_rate"]) == (1, 1, 0.5)
    assert summary["left_out"] == ["c, fold 0", "d, fold 0"]
    assert summary["overruns"]["seasoned@60"] == {"count": 0, "longest": pytest.approx(50 / 60, abs=1e-3)}
    assert "seasoned@60 against each" in capsys.readouterr().out
    assert json.loads((files / "out.json").read_text())["summary"] == summary


def test_parts_are_told_apart_with_a_manifest(files, monkeypatch):
    entries = [{"name": name} for name in "abc"]
    (files / "manifest.json").write_text(json.dumps({"datasets": entries}))
    monkeypatch.setattr(budgets, "development", lambda folder: {"a"})
    words = [str(files / "ours.json"), str(files / "theirs.json"), *SIDES, "--datasets", str(files)]
    assert [part["tables"] for part in budgets.main(words)["parts"].values()] == [1, 1]
    assert "parts" not in budgets.main([*words, "--only", "a"])


def change(path, **fields):
    kept = json.loads(path.read_text())
    kept["records"] = [record | fields for record in kept["records"]]
    path.write_text(json.dumps(kept))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"split": 1}, "had other rows or another metric on a, fold 0"),
        ({"budget": 600.0}, "no results of autogluon-best@300"),
        ({"cores": 1}, "no results of autogluon-best@300"),
    ],
)
def test_what_cannot_be_compared_is_refused(files, fields, reason):
    change(files / "theirs.json", **fields)
    with pytest.raises(SystemExit, match=reason):
        budgets.main([str(files / "ours.json"), str(files / "theirs.json"), *SIDES])


def test_two_results_of_one_side_are_refused_unless_they_are_the_same(files):
    again = files / "again.json"
    again.write_text((files / "theirs.json").read_text())
    words = [str(files / name) for name in ("ours.json", "theirs.json", "again.json")]
    assert budgets.main([*words, *SIDES])["against"]["autogluon-best@300"]["wins"] == 1
    change(again, run="a third")
    with pytest.raises(SystemExit, match="two results of autogluon-best@300 on a, fold 0"):
        budgets.main([*words, *SIDES])
    with pytest.raises(SystemExit, match="no results on z in these files"):
        budgets.main([*words[:2], *SIDES, "--only", "z"])
