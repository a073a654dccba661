"""The comparison of optimisers: its measures on made-up curves, its plumbing on functions that need no extra."""

from __future__ import annotations

import fcntl
import json
import math
import os
import signal
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

import common
import optimisers
from comparison.registry import Framework
from optimising import measures, problems, registry, runner, summary, units
from optimising.measures import Cell
from optimising.records import Curves, References, Run
from optimising.registry import PEERS, Volume, own
from optimising.runner import Crew, Job
from optional import package

sys.path[:0] = [str(runner.HERE), str(runner.HERE / "peers")]  # as worker.py does

import random_  # noqa: E402
import seasoned_  # noqa: E402

TREE = [
    {"name": "rate", "type": "float", "low": 1e-3, "high": 1.0, "log": True},
    {"name": "kind", "type": "cat", "choices": ["linear", "tree", "dart"]},
    {"name": "depth", "type": "int", "low": 1, "high": 4, "when": ["kind", ["tree", "dart"]]},
    {"name": "drop", "type": "float", "low": 0.0, "high": 1.0, "when": ["kind", ["dart"]]},
]
HERE = Framework("problems", "problems", "numpy", (), "1")


def cell(*gaps, trials=200, random=1.0, error=None):
    return Cell(gaps, trials, dict.fromkeys((25, 50, 60, 100, 200), random), error)


# ------------------------------------------------------------------------------------------ measures


def test_the_gap_is_that_of_the_last_improvement():
    found = cell((1, 9.0), (30, 4.0), (60, 1.0))
    assert [found.at(n) for n in (1, 29, 30, 59, 200)] == [9.0, 9.0, 4.0, 4.0, 1.0]
    assert cell(error="no", random=3.0).at(50) == 3.0


def test_the_area_has_its_ends_and_is_the_mean_over_targets():
    assert measures.area(cell((1, 0.0))) == 1.0
    assert measures.area(cell((1, 1e3))) == 0.0
    assert measures.area(cell(error="no")) == 0.0
    at = cell((1, 1e3), (20, 1e-3))  # reaches 10^2 to 10^-3, 26 of 51 targets, at once
    assert measures.area(at) == pytest.approx(26 / 51 * (1 - math.log(20) / math.log(200)))
    assert measures.area(at, logarithmic=False) == pytest.approx(26 / 51 * (1 - 19 / 200))
    curve = [np.mean([at.at(n) <= target for target in measures.TARGETS]) for n in range(1, 201)]
    assert measures.area(at, logarithmic=False) == pytest.approx(np.mean(curve))


def test_there_are_cocos_51_targets():
    assert len(measures.TARGETS) == 51
    assert measures.TARGETS[0] == pytest.approx(100)
    assert measures.TARGETS[-1] == pytest.approx(1e-8)


def test_ratios_are_of_seed_means_and_clipped():
    key = ("bbob5", "f1")
    cells = {key: {0: cell((1, 1.0), random=4.0), 1: cell((1, 3.0), random=12.0)}}
    assert measures.ratio(cells, key, [0, 1], 200) == pytest.approx(4 / 16)
    assert measures.ratio({key: {0: cell((1, 0.0))}}, key, [0], 200) == 1e-3
    assert measures.ratio({key: {0: cell((1, 1e9))}}, key, [0], 200) == 10


def test_pairs_compare_what_both_ran():
    rng = np.random.default_rng(0)
    keys = [("bbob5", f"f{number}") for number in range(1, 25)]
    a = {key: {s: cell((1, float(rng.random()))) for s in range(4)} for key in keys}
    b = {key: {s: cell((1, float(rng.random() * 2)), trials=60) for s in range(2)} for key in keys[:20]}
    found = measures.versus(a, b, keys, 50)
    means = [[np.mean([one[key][s].gaps[0][1] for s in range(2)]) for key in keys[:20]] for one in (a, b)]
    assert (found["problems"], found["seeds"]) == (20, 2)
    assert found["wins"] == sum(x < y for x, y in zip(*means, strict=True))
    assert found["p"] == pytest.approx(wilcoxon(np.log(means[0]), np.log(means[1])).pvalue)
    assert found["ours"] == pytest.approx(np.exp(np.mean(np.log(means[0]))))
    assert found["area"] == pytest.approx(
        np.mean([measures.area(a[key][s], 50) for key in keys[:20] for s in range(2)])
    )
    assert measures.versus(a, b, keys, 100) is None


def test_ranks_share_ties_and_gaps_below_1e8_are_equal():
    key = ("bbob5", "f1")
    frameworks = {name: {key: {0: cell((1, gap))}} for name, gap in (("a", 1e-9), ("b", 0.0), ("c", 1.0))}
    assert measures.mean_ranks(frameworks, [key], 200) == {"a": 1.5, "b": 1.5, "c": 3.0}


def test_beating_random_is_tested_by_group():
    rows = {("bbob5", f"f{n}"): {s: cell((1, 0.5 if n < 6 else 2.0)) for s in range(3)} for n in range(1, 25)}
    random = {key: {s: cell((1, 1.0)) for s in range(3)} for key in rows}
    found = measures.beats_random(rows, random, "bbob5")
    assert found["separable"] < 1e-3
    assert found["multi-modal"] > 0.99


# ------------------------------------------------------------------------------------------ summary


def record(suite, problem, seed, *curve, trials=200, **more):
    return {
        "suite": suite,
        "problem": problem,
        "seed": seed,
        "trials": trials,
        "curve": [list(p) for p in curve],
        **more,
    }


def test_an_optimum_that_is_not_known_is_the_best_of_all():
    records = {"a": [record("xgboost", "1", 0, (1, 0.5), (9, 0.1))], "b": [record("xgboost", "1", 0, (1, 0.3))]}
    references = {"xgboost/1": {"optimum": 0.2, "random": {str(n): 0.4 for n in (25, 50, 60, 100, 200)}}}
    cells = summary.cells_of(records, references, {"xgboost": {"0": ""}})
    assert cells["a"]["xgboost", "1"][0].at(200) == 0.0
    assert cells["b"]["xgboost", "1"][0].at(200) == pytest.approx(0.2)
    assert cells["b"]["xgboost", "1"][0].random[50] == pytest.approx(0.3)


def test_problems_that_random_search_solves_are_left_out_and_listed():
    cells = {
        "seasoned-x": {("hpobench", "a"): {0: cell((1, 0.5))}, ("hpobench", "b"): {0: cell((1, 0.0), random=0.0)}},
        "random": {("hpobench", "a"): {0: cell((1, 1.0))}, ("hpobench", "b"): {0: cell((1, 0.0), random=0.0)}},
    }
    found = summary.summarize(cells, "seasoned-x", ["random"])
    assert found["left_out"] == ["hpobench/b"]
    (row,) = found["sets"].values()
    assert row["problems"] == 1
    assert row["frameworks"]["seasoned-x"]["rank"][200] == 1.0
    assert row["against"]["random"][200]["wins"] == 1


def test_only_frameworks_with_all_seeds_are_ranked_but_all_are_paired():
    keys = [("bbob5", f"f{n}") for n in range(1, 25)]
    cells = {
        "seasoned-x": {key: {s: cell((1, 0.5)) for s in range(3)} for key in keys},
        "random": {key: {s: cell((1, 1.0)) for s in range(3)} for key in keys},
        "hebo": {key: {0: cell((1, 0.2), trials=60)} for key in keys[:3]},
    }
    found = summary.summarize(cells, "seasoned-x", ["random", "hebo"])["sets"]["BBOB 5-D"]
    assert set(found["frameworks"]) == {"seasoned-x", "random"}
    assert set(found["against"]["hebo"]) == {25, 50, 60}
    assert found["against"]["hebo"][60]["losses"] == 3


# ------------------------------------------------------------------------------------------ spaces and problems


def test_points_become_configurations():
    assert units.config_at(TREE, [0, 0.1, 0.9, 0.9]) == {"rate": 1e-3, "kind": "linear"}
    assert units.config_at(TREE, [1, 0.5, 0.99, 0.9]) == {"rate": 1.0, "kind": "tree", "depth": 4}
    assert units.config_at(TREE, [0.5, 1, 0, 0.25])["drop"] == 0.25
    wide = {"name": "n", "type": "int", "low": 1, "high": 1000, "log": True}
    assert [units.value_at(wide, unit) for unit in (0, 1)] == [1, 1000]
    integers = [
        units.value_at({"name": "n", "type": "int", "low": 0, "high": 2}, u) for u in np.linspace(0, 0.999, 300)
    ]
    assert [integers.count(n) for n in range(3)] == pytest.approx([100, 100, 100], abs=1)


def test_our_space_says_the_same():
    space = seasoned_.nested(TREE)
    names = [dimension.name for dimension in space.dimensions]
    assert names == ["rate", "kind", "kind.tree.depth", "kind.dart.depth", "kind.dart.drop"]
    rng = np.random.default_rng(0)
    for _ in range(50):
        config = seasoned_.flat(space.sample(rng))
        active = {parameter["name"] for parameter in TREE if units.active(parameter, config)}
        assert set(config) == active


def test_a_recorded_table_answers_what_was_recorded(tmp_path):
    folder = tmp_path / "hpobench"
    folder.mkdir()
    grid = {"alpha": [1e-8, 7.742637e-08, 1], "kind": ["a", "b"]}
    (folder / "space.json").write_text(json.dumps({"grid": grid}))
    rows = [(alpha, kind) for alpha in (1e-8, 7.7426369e-08, 1.0) for kind in "ab"]
    configs = pd.DataFrame(rows, columns=["alpha", "kind"]).assign(config_id=range(6))
    configs.to_parquet(folder / "configs.parquet")
    accuracy = np.linspace(0.1, 0.6, 6)
    frame = {"config_id": range(6), "val_acc_seed0": accuracy - 0.01, "val_acc_seed1": accuracy + 0.01, "val_f1": 9.0}
    pd.DataFrame(frame).sample(frac=1, random_state=0).to_parquet(folder / "car.parquet")
    assert problems.names("hpobench", tmp_path) == ["car"]
    found = problems.problem("hpobench", "car", 0, tmp_path)
    assert found.space[0] == {"name": "alpha", "type": "int", "low": 0, "high": 2}
    assert found.values([{"alpha": 1, "kind": "a"}, {"alpha": 2, "kind": "b"}]) == pytest.approx([0.7, 0.4])
    assert found.optimum == pytest.approx(0.4)


@pytest.mark.parametrize("name", problems.CLASSICS)
def test_the_classics_have_their_optimum_where_it_was_moved(name):
    found = problems.problem("shifted", name, 3, None)
    at = {parameter["name"]: shift for parameter, shift in zip(found.space, found.shift, strict=True)}
    assert found.values([at]) == pytest.approx([0.0], abs=1e-12)
    assert np.all(np.abs(found.shift) <= 4)
    assert found.values([{**at, "x3": at["x3"] + 0.3}])[0] > 0.01


def test_every_coco_function_has_the_optimum_that_is_told():
    package("cocoex", "coco-experiment")
    rng = np.random.default_rng(0)
    for suite in problems.COCO:
        for name in ("f1", "f8", "f24"):
            found = problems.problem(suite, name, 11, None)
            points = rng.random((50, len(found.space)))
            assert found.optimum < min(found.values([units.config_at(found.space, point) for point in points]))
            whole = [parameter["type"] == "int" for parameter in found.space]
            assert sum(whole) == (0 if suite.startswith("bbob") else len(whole) * 4 // 5)


# ------------------------------------------------------------------------------------------ records


def test_records_are_kept_line_by_line_and_replaced(tmp_path):
    path = tmp_path / "runs.jsonl"
    store = Curves(path)
    store.put(record("s", "p", 0, (1, 2.0), trials=60))
    assert store.find(Run("s", "p", 0), 60)["curve"] == [[1, 2.0]]
    assert store.find(Run("s", "p", 0), 200) is None
    Curves(path).put(record("s", "p", 0, (1, 1.0)))
    again = Curves(path)
    assert again.find(Run("s", "p", 0), 200)["curve"] == [[1, 1.0]]
    assert len(again.all()) == 1
    again.put({**record("s", "q", 0, (1, 1.0)), "source": "old"})
    assert again.find(Run("s", "q", 0), 200)
    assert again.find(Run("s", "q", 0), 200, "old")
    assert again.find(Run("s", "q", 0), 200, "new") is None


def test_references_are_kept(tmp_path):
    References(tmp_path / "r.json").put("a/b", {"optimum": 0.1})
    store = References(tmp_path / "r.json")
    store.put("a/a", {"optimum": 0.2})
    assert References(tmp_path / "r.json").found == {"a/a": {"optimum": 0.2}, "a/b": {"optimum": 0.1}}


# ------------------------------------------------------------------------------------------ runs


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Problems in this environment, a lock and kept results of its own."""
    monkeypatch.setattr(common, "HERE", tmp_path)
    for module in (registry, runner, optimisers):
        monkeypatch.setattr(module, "PROBLEMS", HERE)
    return ["--runs", str(tmp_path / "ours"), "--peers", str(tmp_path / "peers")]


@pytest.mark.slow
def test_what_is_missing_is_run_once(here, tmp_path, capsys, monkeypatch):
    words = ["--suites", "shifted", "--frameworks", "seasoned-sobol,random", "--trials", "40", "--only", "sphere"]
    first = optimisers.main([*words, *here, "--seeds", "1", "--out", str(tmp_path / "out.json")])
    assert first["shifted"] == {"seasoned-sobol": {}, "random": {}} or first["shifted"]["random"]["sphere"] == "0/0"
    assert "2 runs are missing" in capsys.readouterr().out
    optimisers.main([*words, *here, "--seeds", "2", "--jobs", "2"])
    assert "2 runs are missing" in capsys.readouterr().out
    optimisers.main([*words, *here, "--seeds", "2", "--fresh"])
    assert "0 runs are missing" in capsys.readouterr().out
    monkeypatch.setattr(optimisers, "source_state", lambda: "another")
    optimisers.main([*words, *here, "--seeds", "1", "--fresh"])
    assert "1 runs are missing" in capsys.readouterr().out
    optimisers.main([*words, *here, "--seeds", "2", "--fresh"])
    assert "1 runs are missing" in capsys.readouterr().out, "what was cut off goes on"
    rows = [json.loads(line) for line in (tmp_path / "peers" / "random-1-shifted.jsonl").read_text().splitlines()]
    assert [row["seed"] for row in rows] == [0, 1]
    assert rows[0]["trials"] == 40
    curve = rows[0]["curve"]
    assert [value for _, value in curve] == sorted((value for _, value in curve), reverse=True)
    space = problems.problem("shifted", "sphere", 0, None)
    optimiser = random_.Optimiser(space.space, 0, 40, {})
    assert min(space.values([optimiser.ask() for _ in range(40)])) == pytest.approx(curve[-1][1])
    assert json.loads((tmp_path / "out.json").read_text())["subject"] == "seasoned-sobol"


def test_a_framework_that_raises_has_a_record_of_it(here, tmp_path):
    broken = Framework("broken", "seasoned_", "seasoned", options={"sampler": "NoSuch"}, ours=True)
    store = Curves(tmp_path / "broken.jsonl")
    jobs = [Job(broken, Run("shifted", "sphere", seed), 5, store, None) for seed in range(2)]
    Crew(None, 1, background=False, say=lambda line: None).run(jobs)
    assert [("NoSuch" in row["error"], "curve" in row) for row in store.all()] == [(True, False)] * 2


@pytest.mark.parametrize("patience", [0.3, 1e9])
def test_only_a_run_that_takes_too_long_is_a_failure_where_its_worker_is_killed(here, tmp_path, monkeypatch, patience):
    monkeypatch.setattr(runner, "POLL", 0.05)
    monkeypatch.setattr(runner, "PATIENCE", patience)
    store, said = Curves(tmp_path / "random.jsonl"), []
    job = Job(PEERS["random"], Run("shifted", "sphere", 0), 10**9, store, None)
    crew = Crew(None, 1, background=False, say=said.append)
    thread = threading.Thread(target=crew.run, args=([job],))
    thread.start()
    while patience > 1 and not crew.services:
        time.sleep(0.05)
    if patience > 1:
        os.killpg(crew.services[0][1].group, signal.SIGKILL)
    thread.join(60)
    assert [row["error"] for row in store.all()] == ([] if patience > 1 else ["not done after 0.3 s"])
    assert patience < 1 or "code -9; still missing" in said[0]


def test_it_pauses_while_another_holds_the_lock(here, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "POLL", 0.05)
    store = Curves(tmp_path / "random.jsonl")
    job = Job(PEERS["random"], Run("shifted", "sphere", 0), 5, store, None)
    with (tmp_path / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        thread = threading.Thread(target=Crew(None, 1, background=True, say=lambda line: None).run, args=([job],))
        thread.start()
        time.sleep(0.5)
        assert not store.all()
        assert runner.held_by_another()
    thread.join(60)
    assert not runner.held_by_another()
    assert len(store.all()) == 1


def test_long_runs_keep_a_thousandth_of_their_improvements(here, tmp_path):
    store = Curves(tmp_path / "de.jsonl")
    kind = own()["seasoned-differentialevolution"]
    Crew(None, 1, background=False, say=print).run([Job(kind, Run("shifted", "sphere", 0), 3000, store, None)])
    places = [place for place, _ in store.all()[0]["curve"]]
    assert len(places) <= 1002
    assert np.all(np.diff(places) > 0)
    assert places[-1] > 2000


def test_speed_is_of_windows():
    found = optimisers.figures([1.0] * 150 + [2.0] * 50 + [1.0] * 750 + [3.0] * 50)
    assert found["mean_150_200"] == 2.0
    assert found["mean_950_1000"] == 3.0
    assert found["whole_500_s"] == pytest.approx(0.55)
    assert "mean_last_1000" not in found
    assert set(optimisers.figures([1.0] * 60)) == set()


@pytest.mark.parametrize("clock", ["wall", "cpu"])
def test_speed_is_measured_with_and_without_study(here, capsys, clock):
    found = optimisers.main(["--speed", "--clock", clock, "--frameworks", "seasoned-random", *here])
    assert set(found) == {"seasoned-random", "seasoned-random, without Study"}
    assert all(row["whole_500_s"] > 0 for row in found.values())


def test_volumes_choose_seeds_and_problems():
    names = [f"f{number}" for number in range(1, 25)]
    assert Volume().problems("bbob5", names) == names
    assert Volume(suites={"bbob5": 3}).problems("bbob5", names) == ["f1", "f9", "f17"]
    assert Volume(suites={"bbob5": 3}).problems("mixint5", names) == []
    assert Volume(suites={"bbob5": 10**6}).problems("bbob5", names) == names


def test_names_are_checked():
    with pytest.raises(SystemExit, match="no such framework: nothing"):
        optimisers.chosen(["nothing"])
    with pytest.raises(SystemExit):
        optimisers.arguments(["--suites", "nothing"])
    assert optimisers.arguments(["--suites", "yahpo"]).suites == ["xgboost", "rpart"]
    assert set(optimisers.chosen(["peers"])) == set(PEERS)
    assert all(framework.ours for framework in optimisers.chosen(["seasoned"]).values())
