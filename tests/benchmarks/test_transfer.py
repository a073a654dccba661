"""The transfer benchmark on small made-up tables: its protocol, its methods, its files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import transfer
from transferring.methods import METHODS, Past, Problem
from transferring.sources import aligned, folded, metafeatures, numbers, read, sources

TASKS, CONFIGS = 15, 30


def table(seed):
    rng = np.random.default_rng(seed)
    x = rng.random(CONFIGS)
    centres = 0.6 + 0.1 * rng.normal(size=TASKS)
    scores = 0.2 + rng.uniform(0.1, 0.3, (TASKS, 1)) * np.abs(x[None] - centres[:, None])
    return x, np.where(rng.random(scores.shape) < 0.1, np.nan, scores)


@pytest.fixture
def folder(tmp_path):
    """A wide source with JSON configurations and run times, and a long one with fidelities."""
    x, scores = table(0)
    (tmp_path / "wide").mkdir()
    kinds = [json.dumps({"kind": "a", "c": value} if value < 0.5 else {"kind": "b"}) for value in x]
    pd.DataFrame({"config_id": np.arange(CONFIGS), "x": x, "model": kinds}).to_parquet(
        tmp_path / "wide/configs.parquet"
    )
    columns = {str(task): row for task, row in enumerate(scores)}
    for name in ("error", "runtime"):
        pd.DataFrame({"config_id": np.arange(CONFIGS), **columns}).to_parquet(tmp_path / f"wide/{name}.parquet")
    x, scores = table(1)
    (tmp_path / "long").mkdir()
    pd.DataFrame({"config_id": np.arange(CONFIGS), "x": x}).to_parquet(tmp_path / "long/configs.parquet")
    rows = [
        {"task": task, "trainsize": size, "config_id": j, "acc": 1.0 - scores[task, j], "timetrain": 1.0}
        for task in range(TASKS)
        for j in range(CONFIGS)
        for size in (0.5, 1.0)
        if np.isfinite(scores[task, j])
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "long/scores.parquet")
    (tmp_path / "other").mkdir()
    return tmp_path


def test_sources_are_found_and_read(folder):
    assert sources(folder) == ["long", "wide"]
    wide, long = read(folder / "wide"), read(folder / "long")
    for source, seed in ((wide, 0), (long, 1)):
        assert source.scores.shape == (TASKS, CONFIGS)
        expected = table(seed)[1] - (seed == 1)
        assert source.scores[np.argsort(source.tasks.astype(int))] == pytest.approx(expected, nan_ok=True)
        assert np.isfinite(source.features).all()
    assert wide.seconds is not None
    assert wide.features.shape[1] == 5  # x, c and whether it is there, a, b


def test_numbers_are_spread_and_categories_split():
    frame = pd.DataFrame({"rate": [1e-4, 1e-2, 1.0], "kind": ["a", "b", "a"], "depth": [1.0, np.nan, 3.0]})
    got = numbers(frame)
    assert got[:, 0] == pytest.approx(np.log([1e-4, 1e-2, 1.0]))
    assert got[:, 1:3].tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    assert got[:, 3:].tolist() == [[1.0, 1.0], [2.0, 0.0], [3.0, 1.0]]


def test_every_task_is_tested_once_and_never_its_own_past(folder):
    source = read(folder / "wide")
    parts = folded(source, 5)
    assert sorted(np.concatenate([tested for _, tested in parts])) == list(range(TASKS))
    assert all(not set(past) & set(tested) for past, tested in parts)
    assert set(source.tasks[parts[0][1]]) == {"0", "1", "2"}  # neighbours by number


def test_another_folder_has_its_tasks_left_out_of_the_past(folder):
    source = read(folder / "wide")
    part = source._replace(
        tasks=source.tasks[:4], scores=source.scores[:4, ::-1], configs=source.configs[::-1], seconds=None
    )
    past, tested = aligned(source, part)
    assert set(past.tasks) == set(source.tasks[4:])
    assert tested.scores == pytest.approx(source.scores[:4], nan_ok=True)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_sees_trials_alone(method):
    x, scores = table(2)
    past = Past(scores[1:], x[:, None])
    search = METHODS[method](Past(past.scores, past.features))

    def tried(values):
        rows = []

        def evaluate(row):
            rows.append(row)
            return float(values[row])

        search(Problem(np.isfinite(scores[0]), evaluate, 8, np.random.default_rng(0)))
        return rows

    first = tried(scores[0])
    assert len(first) == len(set(first)) == 8
    assert np.isfinite(scores[0][first]).all()
    changed = np.where(np.isin(np.arange(CONFIGS), first), scores[0], 99.0)
    assert tried(changed) == first


def test_it_writes_what_is_asked_for_and_goes_on(folder, tmp_path, capsys):
    out, details = tmp_path / "out.json", tmp_path / "details.json"
    words = [
        "--train",
        str(folder),
        "--test",
        str(folder),
        "--only",
        "all",
        "--out",
        str(out),
        "--details",
        str(details),
        "--folds",
        "2",
    ]
    transfer.main(words)
    result = json.loads(out.read_text())
    assert set(result) == {"long", "wide"}
    for methods in result.values():
        assert set(methods) == {"seasoned", "portfolio", "cold", "rgpe", "random"}
        for values in methods.values():
            assert list(values) == ["1", "5", "10", "25"]
            assert sorted(values.values(), reverse=True) == list(values.values())
            assert all(0.0 <= value <= 1.0 for value in values.values())
        assert methods["seasoned"]["5"] < methods["random"]["5"]
    kept = json.loads(details.read_text())
    kept["curves"]["wide"]["random"]["0"] = [9.0] * len(transfer.KEPT)
    details.write_text(json.dumps(kept))
    transfer.main(words)
    assert json.loads(out.read_text())["wide"]["random"]["1"] > result["wide"]["random"]["1"]
    low, high = kept["intervals"]["wide"]["random"]["25"][1:]
    assert low <= kept["intervals"]["wide"]["random"]["25"][0] <= high
    assert "seasoned" in capsys.readouterr().out


def test_a_new_space_is_searched_as_without_experience(folder, tmp_path):
    out = tmp_path / "out.json"
    words = ["--train", str(folder / "other"), "--test", str(folder), "--only", "long", "--out", str(out)]
    transfer.main([*words, "--methods", "seasoned,cold,strange,poisoned,portfolio,rgpe"])
    found = json.loads(out.read_text())["long"]
    assert found["seasoned"] == found["strange"] == found["poisoned"] == found["cold"]


def test_the_first_trials_of_a_new_space_are_other_ones_on_each_task():
    """Those of the search without experience with the same seed, which are drawn one after the other."""
    x, scores = table(2)
    searches = {name: METHODS[name](Past(scores[:0], x[:, None])) for name in ("cold", "strange")}

    def tried(name, seed):
        rows = []

        def evaluate(row):
            rows.append(row)
            return float(row)

        rng = np.random.default_rng((0, seed))
        searches[name](Problem(np.isfinite(scores[0]), evaluate, 6, rng, None, (0, seed)))
        return rows

    firsts = {tuple(tried("strange", seed)[:3]) for seed in range(8)}
    assert len(firsts) > 4
    assert all(tried("strange", seed) == tried("cold", seed) for seed in range(8))


def described(folder, **columns):
    """Meta-features of the tasks by OpenML's ids, which are their numbers here."""
    (folder / "own_metafeatures").mkdir(parents=True)
    frame = pd.DataFrame({"openmlid": np.arange(TASKS), **columns})
    frame.to_parquet(folder / "own_metafeatures/tasks.parquet")


def test_metafeatures_of_two_folders_are_told_by_name(folder, tmp_path, capsys):
    size, skew, odd = (np.arange(TASKS) + shift for shift in (0.0, 100.0, 200.0))
    described(folder, size=size, skew=skew, odd=odd)
    other = tmp_path / "again"
    described(other, strange=odd, skew=skew, size=size)
    train = transfer.table(folder, "wide")
    about = metafeatures(other, "wide", train.source.tasks)
    test = transfer.Table(train.source._replace(tasks=np.array([f"2{task}" for task in train.source.tasks])), about)
    (split,) = transfer.splits(train, test)
    assert split.past.about.tolist() == np.stack([size, skew], axis=1)[train.source.tasks.astype(int)].tolist()
    assert split.about.tolist() == split.past.about.tolist()
    assert "one folder alone has are left out: odd, strange." in capsys.readouterr().err
    (split,) = transfer.splits(train, test._replace(about=about[["strange"]]))
    assert split.about is None
    assert split.past.about is None


def test_metafeatures_of_one_name_in_two_tables_are_two(folder):
    described(folder, size=np.arange(TASKS) + 0.0)
    pd.DataFrame({"openmlid": np.arange(TASKS), "size": 7.0}).to_parquet(folder / "wide/tasks.parquet")
    found = metafeatures(folder, "wide", read(folder / "wide").tasks)
    assert list(found) == ["size", "wide.size"]
    assert (found["wide.size"] == 7.0).all()


@pytest.mark.slow
def test_kernels_are_compared_from_the_same_start(folder, tmp_path, monkeypatch):
    pytest.importorskip("jax")
    from transferring import deep

    short = deep.DeepSettings
    monkeypatch.setattr(deep, "DeepSettings", lambda **given: short(hidden=(8,), outputs=2, steps=50, **given))
    out = tmp_path / "out.json"
    words = ["--train", str(folder), "--test", str(folder), "--only", "long", "--out", str(out), "--folds", "1"]
    transfer.main([*words, "--methods", "portfolio,plain,deep,deep_maml"])
    found = json.loads(out.read_text())["long"]
    assert len({found[method]["1"] for method in found}) == 1
    assert found["deep"]["25"] <= found["deep"]["5"]
