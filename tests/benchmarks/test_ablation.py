"""The ablation: what its arms leave out, and the table of what each is worth, on made-up results."""

from __future__ import annotations

import json

import pytest
from made_up_results import made_up

import ablation
from comparison.registry import FRAMEWORKS
from frameworks import seasoned_
from seasoned.tabular import SearchSettings
from seasoned.tabular.fit import fit_table, search_start
from seasoned.tabular.models.registry import MODELS, choose
from seasoned.tabular.search import family_bandit
from seasoned.tabular.trial.trial_row import TrialRow

# ---------------------------------------------------------------- the arms


@pytest.mark.parametrize("name", [name for name in FRAMEWORKS if name.startswith("seasoned")])
def test_the_settings_of_each_arm_are_settings_of_the_search(name):
    options = json.loads(json.dumps(FRAMEWORKS[name].options))  # as the worker reads them
    models = seasoned_.families(options | ({"models": ["linear"]} if "models" in options else {}))
    settings = SearchSettings(models=models, **options.get("search", {}))
    assert settings.ensemble == (1 if name == "seasoned-no-ensemble" else 10)
    known = {"models", "without", "search", "rows", "first", "experience", "dealt"}
    known |= {"repeats", "vectors", "early", "embeddings"}
    assert set(options) <= known


@pytest.mark.parametrize(("name", "folds"), [("seasoned-three-folds", 3), ("seasoned-one-part", 1)])
def test_rows_are_dealt_as_the_arm_says_and_afterwards_as_before(name, folds):
    before = fit_table.affordable_folds
    with seasoned_.dealt(FRAMEWORKS[name].options["dealt"]):
        assert fit_table.affordable_folds(100, 5, 1, None) == folds
    assert fit_table.affordable_folds is before


def test_without_the_network_all_other_families_take_part():
    usual = [family.name for family in choose(None)]
    found = seasoned_.families(FRAMEWORKS["seasoned-no-network"].options)
    assert found == [name for name in usual if name != "mlp"] != usual


def test_families_that_are_early_follow_the_first_two():
    families = [MODELS[name] for name in ("linear", "lightgbm", "tree", "catboost")]
    with seasoned_.earlier(["catboost"]):
        found = search_start.first_configurations(families, "binary")
    assert [list(start["model"]) for start in found] == [["linear"], ["lightgbm"], ["catboost"], ["tree"]]


def test_without_tuned_defaults_no_family_begins_with_its_default():
    families = [MODELS["linear"], MODELS["lightgbm"]]
    spaces = [family.space("binary") for family in families]
    usual = search_start.first_configurations(families, "binary")
    with seasoned_.at_random("random", 0):
        drawn = search_start.first_configurations(families, "binary", 1.0, 500)
        near = [family_bandit.initial_configurations(space, 0) for space in spaces]
    assert [list(start["model"]) for start in drawn] == [list(start["model"]) for start in usual]
    for space, start, others in zip(spaces, drawn, near, strict=True):
        (config,) = start["model"].values()
        assert len(others) == len(family_bandit.initial_configurations(space, 0)) == seasoned_.DRAWN
        assert all(space.check(one) and one != space.default for one in (config, *others))
    with seasoned_.at_random("random", 0):
        assert search_start.first_configurations(families, "binary") == drawn
    with seasoned_.at_random(None, 0):
        assert search_start.first_configurations(families, "binary") == usual


def test_the_curve_has_the_trials_that_were_better_than_all_before():
    trials = [(3.0, 0.5), (1.0, 0.7), (2.0, 0.8), (None, 0.1), (4.0, None), (5.0, 0.5), (6.0, 0.4)]
    found = seasoned_.improvements(TrialRow(0, "linear", {}, loss=loss, elapsed=elapsed) for elapsed, loss in trials)
    assert found == [[1.0, 0.7], [3.0, 0.5], [6.0, 0.4]]


# ---------------------------------------------------------------- the table


def results():
    """The whole wins on two of three tables; the arm reaches its loss late on one, and never on two."""
    arm = "seasoned-no-ensemble"
    scores = {"a": {"seasoned": 0.9, arm: 0.8}, "b": {"seasoned": 0.9, arm: 0.7}, "c": {"seasoned": 0.6, arm: 0.7}}
    curves = {
        ("a", "seasoned"): [[1.0, 0.5], [10.0, 0.3]],
        ("a", arm): [[2.0, 0.5], [30.0, 0.2]],
        ("b", "seasoned"): [[5.0, 0.1]],
        ("b", arm): [[9.0, 0.4]],
        ("c", "seasoned"): [[7.0, 0.3]],
        ("c", arm): [],
    }
    found = made_up(scores)
    for record in found:
        if record["framework"] != "dummy":
            record["details"] = {"curve": curves[record["table"], record["framework"]], "complete": 12}
    return found


def test_an_arm_is_compared_with_the_whole_in_score_and_seconds(tmp_path, capsys):
    records = results()
    kept = {"records": records[1:], "peers": records[:1]}
    (tmp_path / "kept.json").write_text(json.dumps(kept))
    found = ablation.main([str(tmp_path / "kept.json"), "--out", str(tmp_path / "out.json")])
    (row,) = found["kept.json"]
    assert (row["tables"], row["wins"], row["losses"], row["ties"]) == (3, 2, 1, 0)
    assert [row["mean_rank"], row["mean_rank_of_whole"]] == pytest.approx([5 / 3, 4 / 3], abs=1e-3)
    assert row["median_difference"] == pytest.approx(0.2)
    assert row["arm_later"] == {"runs": 3, "reached": 1, "median_seconds": None}
    assert row["whole_later"] == {"runs": 2, "reached": 1, "median_seconds": None}  # on c the arm has no trial
    assert row["complete_of_arm"] == 12
    shown = capsys.readouterr().out
    assert "never (1 of 3)" in shown
    assert json.loads((tmp_path / "out.json").read_text())["worth"] == found


def test_results_of_different_states_of_the_source_are_not_compared(tmp_path, capsys):
    records = results()
    for record in records:
        record["source"] = "old" if (record["table"], record["framework"]) == ("c", "seasoned") else "new"
    (tmp_path / "kept.json").write_text(json.dumps({"records": records}))
    (row,) = ablation.main([str(tmp_path / "kept.json")])["kept.json"]
    assert (row["tables"], row["wins"], row["losses"], row["of_other_states"]) == (2, 2, 0, 1)
    assert "left out, for the two results are of different states" in capsys.readouterr().out


def test_lateness_is_the_median_over_runs():
    cells = [
        {name: {"details": {"curve": curve}} for name, curve in {"x": [[1.0, 0.5], [4.0, 0.2]], "y": second}.items()}
        for second in ([[6.0, 0.2]], [[3.0, 0.1]], [[9.0, 0.15]])
    ]
    assert ablation.lateness(cells, "x", "y") == {"runs": 3, "reached": 3, "median_seconds": 2.0}
    old = [{name: {"details": {"complete": 3}} for name in "xy"}, {"x": {"details": None}, "y": {}}]
    assert ablation.lateness(old, "x", "y") == {"runs": 0, "reached": 0, "median_seconds": None}
    assert ablation.late(ablation.lateness(old, "x", "y")) is None


def test_a_file_without_the_whole_or_the_dummy_is_refused(tmp_path):
    records = results()
    path = tmp_path / "kept.json"
    for kept, reason in (
        ([r for r in records if r["framework"] != "seasoned"], "has no results of seasoned and of one of its arms"),
        ([r for r in records if r["framework"] != "dummy"], "no results of the dummy"),
    ):
        path.write_text(json.dumps({"records": kept}))
        with pytest.raises(SystemExit, match=reason):
            ablation.main([str(path)])
