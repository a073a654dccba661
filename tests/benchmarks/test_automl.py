"""The comparison's plumbing on generated tables, and its verdict on made-up results."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import psutil
import pytest
from made_up_results import made_up
from scipy.stats import wilcoxon
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

import automl
import common
from comparison import holdout, registry, runner, splits
from comparison.records import Records
from comparison.records import read as records_of
from comparison.registry import FRAMEWORKS, Framework
from comparison.runner import Conditions, measure
from comparison.splits import folds, judge
from comparison.summary import QUIET, gain, signed_rank, summarize
from comparison.text import render
from frameworks import seasoned_

TASKS = {"two": "binary", "three": "multiclass", "number": "regression"}
METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}


@pytest.fixture
def tables(tmp_path):
    """Three small tables with a manifest: strings, a missing value, a target of each kind."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "tables"
    folder.mkdir()
    entries = []
    for name, task in TASKS.items():
        x, colour = rng.normal(size=120), rng.choice(["red", "green", None], 120)
        signal = x + 2 * (colour == "red") + 0.3 * rng.normal(size=120)
        target = {
            "binary": np.where(signal > 0.5, "yes", "no"),
            "multiclass": np.digitize(signal, [0, 1]),
            "regression": signal,
        }[task]
        pd.DataFrame({"x": x, "colour": colour, "target": target}).to_parquet(folder / f"{name}.parquet")
        entry = {"name": name, "file": f"{name}.parquet", "task": task, "target": "target", "metric": METRICS[task]}
        entries.append(entry)
    (folder / "manifest.json").write_text(json.dumps({"datasets": entries}))
    return folder


@pytest.fixture
def compare(tables, tmp_path, monkeypatch):
    """Run the command line on them, with a lock and kept results of its own."""
    monkeypatch.setattr(common, "HERE", tmp_path)
    standard = ["--datasets", str(tables), "--peers", str(tmp_path / "peers"), "--out", str(tmp_path / "out.json")]
    return lambda *words: automl.main([*standard, *words])


def ours():
    """The module that drives this package; the comparison of optimisers has one of the same name."""
    spec = importlib.util.spec_from_file_location("ours", runner.WORKER.parent / "seasoned_.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fold(tables, name):
    entry = next(e for e in automl.manifest(tables, [name]) if e["name"] == name)
    return folds(tables, entry, [0])[0]


def answered(framework, fold, conditions):
    """In the place of a run: a result at once."""
    score = {"score": 0.75, "error": None, "fit_seconds": 1.0, "others_cores": 0.0, "run": conditions.run}
    return {**runner.identity(framework, fold, conditions), "metric": fold.metric, **score}


def ours_alone():
    """The processes that this one has begun; other tests at work beside this one would be taken for what is meant."""
    return psutil.Process().children(recursive=True)


# ---------------------------------------------------------------- the whole way


@pytest.mark.slow
def test_dummy_and_lightgbm_on_every_task_are_measured_once_and_kept(compare, tmp_path, capsys, monkeypatch):
    words = ["--frameworks", "lightgbm,dummy", "--budget", "5", "--cores", "1"]
    summary = compare(*words)
    assert [row["table"] for row in summary["tables"]] == list(TASKS)
    assert all(gain(row, "lightgbm") > 0.2 for row in summary["tables"])
    assert summary["mean_rank"] == {"lightgbm": 1.0, "dummy": 2.0}
    assert "lightgbm" in capsys.readouterr().out
    kept = sorted(tmp_path.glob("peers/lightgbm-*-5s.json"))
    records = json.loads(kept[0].read_text())["records"]
    assert len(records) == 3
    for field in ("fit_seconds", "predict_seconds_per_1000", "peak_memory_bytes", "disk_bytes"):
        assert all(record[field] > 0 for record in records)
    monkeypatch.setattr(automl, "measure", lambda *_: pytest.fail("it was measured already"))
    assert compare(*words) == summary
    assert str(tmp_path) not in kept[0].read_text()


@pytest.mark.slow
def test_seasoned_is_judged_beside_its_peers_in_one_file(compare, tmp_path, monkeypatch):
    monkeypatch.setattr(common, "all_families", lambda: None)
    summary = compare("--frameworks", "seasoned,lightgbm", "--budget", "3", "--only", "two", "--cores", "1")
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["summary"] == summary
    (ours,) = written["records"]
    assert ours["framework"] == "seasoned"
    assert ours["error"] is None
    assert ours["cores"] == 1
    assert ours["source"]
    assert {record["framework"] for record in written["peers"]} == {"lightgbm", "dummy"}
    against = summary["against"]["lightgbm"]
    assert against["wins"] + against["losses"] + against["ties"] == 1
    assert summary["costs"]["lightgbm"]["same_run"] == "1 of 1"


@pytest.mark.slow
def test_an_arm_is_measured_beside_the_whole(compare, tmp_path, monkeypatch):
    monkeypatch.setattr(common, "all_families", lambda: None)
    words = ["--frameworks", "seasoned,seasoned-no-ensemble", "--budget", "5", "--only", "two", "--cores", "1"]
    summary = compare(*words)
    written = json.loads((tmp_path / "out.json").read_text())
    assert [(record["framework"], record["error"]) for record in written["records"]] == [
        ("seasoned", None),
        ("seasoned-no-ensemble", None),
    ]
    assert [record["framework"] for record in written["peers"]] == ["dummy"]
    assert set(summary["against"]) == {"seasoned-no-ensemble"}


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two frameworks abreast need two cores")
@pytest.mark.slow
def test_abreast_the_frameworks_run_at_the_same_time_on_cores_of_their_own(compare, tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, "process_iter", ours_alone)
    monkeypatch.setattr(common, "all_families", lambda: None)
    words = [
        "--frameworks",
        "seasoned,seasoned-no-ensemble",
        "--budget",
        "4",
        "--only",
        "two",
        "--cores",
        "2",
        "--abreast",
    ]
    summary = compare(*words)
    assert not any(summary["failures"].values())
    records = json.loads((tmp_path / "out.json").read_text())["records"]
    assert [(record["cores"], record["abreast"]) for record in records] == [(1, True)] * 2
    assert min(record["others_cores"] for record in records) > QUIET  # each saw the other at work
    assert compare(*words) == summary  # all kept


def test_more_frameworks_abreast_than_cores_are_refused(compare):
    with pytest.raises(SystemExit, match="2 frameworks cannot run abreast on 1 cores; name fewer"):
        compare("--frameworks", "seasoned,seasoned-no-ensemble", "--cores", "1", "--abreast")


def test_frameworks_are_told_of_groups_only_if_that_is_asked_for(tables, tmp_path, monkeypatch):
    one = fold(tables, "two")
    monkeypatch.setitem(holdout.HALVES["holdout"], "two", {"groups": "colour"})
    silent, declared = (Conditions(5, [0], "now", declared) for declared in (False, True))
    assert runner.identity(FRAMEWORKS["flaml"], one, silent) != runner.identity(FRAMEWORKS["flaml"], one, declared)
    for conditions, told in ((silent, {}), (declared, {"groups": "colour"})):
        runner.prepare(tmp_path, FRAMEWORKS["flaml"], one, conditions)
        assert json.loads((tmp_path / "job.json").read_text())["structure"] == told
    assert runner.structure(fold(tables, "three"), declared) == {}


def test_ours_keeps_the_groups_apart_that_it_is_told(monkeypatch):
    monkeypatch.setattr(seasoned_.AutoClassifier, "fit", lambda self, X, y, **rest: (self.validation, rest))
    X, y = pd.DataFrame({"who": [1, 1, 2], "day": [3, 4, 5]}), pd.Series([0, 1, 0])
    job = {"task": "binary", "metric": "roc_auc", "budget": 5, "seed": 0, "options": {}, "file": "x"}
    validation, rest = seasoned_.fit(X, y, {**job, "structure": {"groups": "who"}})
    assert validation is None
    assert rest["groups"].tolist() == [1, 1, 2]
    validation, rest = seasoned_.fit(X, y, {**job, "structure": {"time": "day"}})
    assert validation == "day"
    assert "groups" not in rest


def test_an_environment_is_needed_where_a_result_is_missing_and_only_there(compare, tmp_path, monkeypatch):
    words = ["--frameworks", "flaml", "--only", "two", "--budget", "5"]
    monkeypatch.setattr(registry, "ENVIRONMENTS", tmp_path / "none")
    with pytest.raises(SystemExit, match="no environment for flaml"):
        compare(*words)
    assert not (tmp_path / "peers").exists()  # nothing ran
    compare("--frameworks", "dummy", "--only", "two", "--budget", "5")
    (kept,) = tmp_path.glob("peers/dummy-*-5s.json")
    flaml = FRAMEWORKS["flaml"]
    records = [
        record | {"framework": "flaml", "version": flaml.version} for record in json.loads(kept.read_text())["records"]
    ]
    (tmp_path / "peers" / f"flaml-{flaml.version}-5s.json").write_text(json.dumps({"records": records}))
    assert compare(*words)["mean_rank"] == {"flaml": 1.0}


def test_the_first_and_the_last_tables_are_those_of_the_alphabet(tables):
    assert [entry["name"] for entry in automl.manifest(tables, [], 2)] == ["number", "three"]
    assert [entry["name"] for entry in automl.manifest(tables, [], last=2)] == ["three", "two"]
    assert [entry["name"] for entry in automl.manifest(tables, ["two", "number"], last=1)] == ["two"]
    assert [entry["name"] for entry in automl.manifest(tables, [], last=9)] == ["number", "three", "two"]
    assert automl.manifest(tables, [], last=0) == []
    assert [entry["name"] for entry in automl.manifest(tables, ["two", "three"], 1)] == ["three"]
    assert [entry["name"] for entry in automl.manifest(tables, [])] == list(TASKS)


def test_ours_without_the_boosters_is_refused_unless_it_is_all_kept(compare, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(automl, "measure", answered)
    monkeypatch.setattr(Framework, "ready", True)
    words = ["--only", "two", "--budget", "5", "--frameworks"]
    with monkeypatch.context() as there:
        there.setattr(common, "all_families", lambda: None)
        kept = compare(*words, "seasoned-no-defaults")
    monkeypatch.setattr(importlib.util, "find_spec", lambda *name: None if name[0] == "catboost" else find(*name))
    assert compare(*words, "seasoned-no-defaults") == kept
    assert compare(*words, "seasoned-core", "--subject", "seasoned-core")["mean_rank"] == {"seasoned-core": 1.0}
    with pytest.raises(SystemExit, match="catboost missing, and the search differs without"):
        compare(*words, "seasoned-no-ensemble")


def test_peers_of_an_earlier_call_stay_in_the_file(compare, tmp_path, monkeypatch):
    monkeypatch.setattr(automl, "measure", answered)
    monkeypatch.setattr(common, "all_families", lambda: None)
    for name in ("two", "three"):
        compare("--frameworks", "seasoned,lightgbm", "--only", name)
    found = {(record["framework"], record["table"]) for record in records_of(tmp_path / "out.json")}
    assert found == {(name, table) for name in ("seasoned", "lightgbm", "dummy") for table in ("two", "three")}
    compare("--frameworks", "seasoned,lightgbm", "--only", "two")
    assert len(records_of(tmp_path / "out.json")) == 6


def test_one_family_is_the_best_of_the_whole_and_measured_again_where_that_changes(compare, tmp_path, monkeypatch):
    best, asked = ["linear"], []

    def answer(framework, fold, conditions):
        if framework.name == "seasoned-one-family":
            asked.append(framework.options["models"])
        return answered(framework, fold, conditions) | {"details": {"family": best[0]}}

    monkeypatch.setattr(automl, "measure", answer)
    monkeypatch.setattr(common, "all_families", lambda: None)
    words = ["--only", "two", "--frameworks"]
    with pytest.raises(SystemExit, match="name seasoned before it"):
        compare(*words, "seasoned-one-family")
    both = "seasoned,seasoned-one-family"
    compare(*words, both)
    compare(*words, both)
    assert asked == [["linear"]]
    best[0] = "tree"
    compare(*words, both, "--fresh", "seasoned")
    assert asked == [["linear"], ["tree"]]
    best[0] = None
    compare(*words, both, "--fresh", "seasoned")
    assert asked[2] is None, "where the whole failed, its own choice of families takes part again"
    with pytest.raises(SystemExit, match="leave --abreast out"):
        compare(*words, both, "--abreast")


def test_development_tables_and_the_others_are_summed_up_apart_where_there_are_both(compare, monkeypatch, capsys):
    monkeypatch.setattr(splits, "DEVELOPMENT", 2)
    monkeypatch.setattr(automl, "measure", answered)
    words = ["--frameworks", "lightgbm,dummy", "--subject", "lightgbm"]
    summary = compare(*words)
    assert {title: part["tables"] for title, part in summary["parts"].items()} == {
        "the tables of choices": 2,
        "the others": 1,
    }
    assert summary["parts"]["the others"]["against"]["dummy"]["ties"] == 1
    shown = capsys.readouterr().out
    assert "the others, 1 tables:" in shown
    assert "lightgbm against each" in shown
    assert "parts" not in compare(*words, "--last", "1")
    assert "parts" not in compare(*words, "--first", "2")


@pytest.mark.slow
def test_folds_are_averaged_and_a_new_one_joins_those_there(compare, monkeypatch):
    measured = []
    monkeypatch.setattr(automl, "measure", lambda *job: measured.append(job[1].number) or measure(*job))
    for numbers in ("0", "0,3"):
        summary = compare("--frameworks", "dummy", "--only", "number", "--folds", numbers)
    assert measured == [0, 3]
    assert summary["tables"][0]["folds"] == 2
    compare("--frameworks", "dummy", "--only", "number", "--fresh", "dummy")
    assert measured == [0, 3, 0]


@pytest.mark.parametrize(
    "words",
    [
        ["--frameworks", "nobody"],
        ["--folds", "5"],
        ["--fresh", "nobody"],
        ["--only", "no-such-table"],
        ["--subject", "flaml", "--frameworks", "dummy"],
        ["--first", "1", "--last", "1"],
    ],
)
def test_a_wrong_name_is_refused_before_anything_runs(compare, words):
    with pytest.raises(SystemExit):
        compare(*words)


def test_a_framework_without_its_environment_is_not_started(compare, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "ENVIRONMENTS", tmp_path)
    with pytest.raises(SystemExit, match="flaml: run with --setup"):
        compare("--frameworks", "flaml")


# ---------------------------------------------------------------- one run


def test_splits_are_those_of_scikit_learn_on_the_labels(tables):
    ours = fold(tables, "three")
    expected = StratifiedKFold(5, shuffle=True, random_state=0).split(np.zeros(len(ours.y)), ours.y)
    assert (ours.test == next(iter(expected))[1]).all()


def test_probabilities_are_matched_to_classes_by_their_labels(tables):
    ours = fold(tables, "three")
    truth = ours.y.iloc[ours.test]
    given = np.random.default_rng(0).dirichlet(np.ones(3), len(truth))
    expected = log_loss(truth, given, labels=[0, 1, 2])
    assert judge(ours, given[:, [2, 0, 1]], ["2", "0", "1"]) == pytest.approx(expected)
    with pytest.raises(ValueError, match="not finite"):
        judge(ours, given * np.nan, ["0", "1", "2"])
    with pytest.raises(ValueError, match="lacks"):
        judge(ours, given, ["0", "1", "x"])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise MemoryError('no more')", "MemoryError: no more"),
        ("import os; os.kill(os.getpid(), 9)", "ended with code -9"),
        ("import time; time.sleep(60)", "killed after"),
    ],
)
def test_a_run_that_breaks_is_a_result_with_its_reason(tables, tmp_path, monkeypatch, body, reason):
    worker = tmp_path / "frameworks"
    worker.mkdir()
    (worker / "worker.py").write_text(runner.WORKER.read_text())
    (worker / "broken_.py").write_text(f"PACKAGES = ()\ndef fit(X, y, job):\n    {body}\n")
    monkeypatch.setattr(runner, "WORKER", worker / "worker.py")
    monkeypatch.setattr(runner, "PATIENCE", 3)
    cores = sorted(os.sched_getaffinity(0))
    record = measure(Framework("broken", "broken_", "numpy"), fold(tables, "two"), Conditions(0.5, cores, "now"))
    assert record["score"] is None
    assert record["error"].startswith(reason)


def test_a_broken_environment_is_no_result_of_the_framework(tables):
    with pytest.raises(RuntimeError, match="never came to the framework's fit"):
        measure(Framework("absent", "absent_", "numpy"), fold(tables, "two"), Conditions(1, [0], "now"))


def test_records_replace_their_like_and_survive_a_reload(tmp_path):
    path = tmp_path / "kept.json"
    records = Records(path, {"framework": "x"})
    for score, number in [(1, 0), (2, 1), (3, 0)]:
        records.put({"table": "a", "fold": number, "score": score}, {"table": "a", "fold": number})
    assert Records(path, {}).find({"fold": 0})["score"] == 3
    assert len(list(Records(path, {}))) == 2
    assert Records(path, {}).find({"fold": 2}) is None


# ---------------------------------------------------------------- the verdict


NAMES = ["seasoned", "flaml", "lightgbm"]


def test_ranks_ties_and_failures():
    records = made_up(
        {
            "a": {"seasoned": 0.9, "flaml": 0.8, "lightgbm": 0.9},
            "b": {"seasoned": 0.7, "flaml": None, "lightgbm": 0.8},
            "c": {"seasoned": 0.4, "flaml": None, "lightgbm": 0.3},
        }
    )
    summary = summarize(records, NAMES)
    assert summary["mean_rank"] == pytest.approx(
        {"seasoned": (1.5 + 2 + 2) / 3, "flaml": (3 + 3 + 1) / 3, "lightgbm": (1.5 + 1 + 3) / 3}, abs=1e-3
    )
    assert summary["tables"][1]["scores"]["flaml"] == 0.5
    flaml, lightgbm = summary["against"]["flaml"], summary["against"]["lightgbm"]
    assert (flaml["wins"], flaml["losses"], flaml["ties"]) == (3, 0, 0)  # a failure loses, even to worse than the dummy
    assert (lightgbm["wins"], lightgbm["losses"], lightgbm["ties"]) == (1, 1, 1)
    assert lightgbm["win_rate"] == 0.5
    assert summary["failures"]["flaml"] == ["b, fold 0: MemoryError", "c, fold 0: MemoryError"]
    assert summary["overruns"]["flaml"] == {"count": 3, "longest": pytest.approx(1.085, abs=1e-3)}
    assert summary["overruns"]["seasoned"]["count"] == 0
    assert summary["disturbed"] == {"seasoned": 0, "flaml": 3, "lightgbm": 0}
    assert summary["costs"]["flaml"]["same_run"] == "0 of 3"
    shown = render(summary)
    assert "0.5*" in shown
    assert "flaml: b, fold 0: MemoryError" in shown
    assert "fits of more than 1.05 budgets + 2 s" in shown


def test_errors_are_better_when_smaller_and_means_run_over_folds():
    records = made_up({"a": {"seasoned": 0.1, "flaml": 0.2}}, "log_loss")
    second = made_up({"a": {"seasoned": None, "flaml": 0.3}}, "log_loss")
    summary = summarize(records + [{**record, "fold": 1} for record in second], NAMES[:2])
    (row,) = summary["tables"]
    assert row["scores"] == {"seasoned": 0.3, "flaml": 0.25}  # (0.1 + the dummy's 0.5) / 2
    assert row["failed"] == []
    assert summary["against"]["flaml"]["losses"] == 1
    assert gain(row, "seasoned") == pytest.approx(0.4)


def test_only_folds_that_all_have_tried_count():
    records = made_up({"a": dict.fromkeys(NAMES, 0.8), "b": {"seasoned": 0.9}})
    summary = summarize(records, NAMES)
    assert [row["table"] for row in summary["tables"]] == ["a"]
    assert summary["left_out"] == ["b, fold 0"]
    assert "b, fold 0" in render(summary)
    assert summarize([], NAMES)["against"]["flaml"]["win_rate"] is None
    broken = [record | {"score": None} for record in records if record["framework"] == "dummy"]
    with pytest.raises(ValueError, match="dummy failed on a"):
        summarize([*records, *broken], NAMES)


def test_wins_are_counted_of_whom_is_asked_for():
    scores = {"a": {"flaml": 0.8}, "b": {"flaml": 0.95}, "c": {"flaml": 0.7}}
    records = made_up({table: {"seasoned": 0.9, "seasoned-core": 0.85, **row} for table, row in scores.items()})
    summary = summarize(records, ["seasoned-core", "flaml"], "seasoned-core")
    assert summary["against"].keys() == {"flaml"}
    assert (summary["against"]["flaml"]["wins"], summary["against"]["flaml"]["losses"]) == (2, 1)
    assert "seasoned-core against each" in render(summary)


def test_the_p_value_is_scipys_on_the_differences_of_gain():
    rng = np.random.default_rng(1)
    ours, theirs = rng.uniform(0.7, 1, 12), rng.uniform(0.6, 1, 12)
    scores = {f"t{i}": {"seasoned": a, "flaml": b} for i, (a, b) in enumerate(zip(ours, theirs, strict=True))}
    summary = summarize(made_up(scores), NAMES[:2])
    rows = summary["tables"]
    differences = [2 * (row["scores"]["seasoned"] - row["scores"]["flaml"]) for row in rows]  # the dummy is at 0.5
    expected = wilcoxon(differences, zero_method="zsplit").pvalue
    assert summary["against"]["flaml"]["wilcoxon_p"] == pytest.approx(expected)


def test_the_signed_rank_test_by_hand():
    assert signed_rank([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(2 / 2**5)  # all of one sign, of 32 sign patterns
    assert signed_rank([0.0, 0.0]) == 1.0
    assert signed_rank([]) is None
    with_zeros = [0.0, 0.0, 0.5, -0.2, 0.3, 0.7]
    assert signed_rank(with_zeros) == pytest.approx(wilcoxon(with_zeros, zero_method="zsplit").pvalue)


def test_peers_are_pinned_and_each_has_its_module():
    for framework in FRAMEWORKS.values():
        assert (runner.WORKER.parent / f"{framework.module}.py").exists()
        assert framework.pinned is None or any(framework.pinned in r for r in framework.requirements)


def test_the_script_says_what_it_takes():
    shown = subprocess.run([sys.executable, automl.__file__, "--help"], capture_output=True, text=True, check=True)
    for option in ("--datasets", "--frameworks", "--budget", "--folds", "--only", "--out", "--setup"):
        assert option in shown.stdout
