"""The transfer benchmark on small made-up tables: its protocol, its methods, its files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import transfer
from kernel_quantiles import KernelQuantiles
from seasoned.incontext.network import Network, init
from seasoned.incontext.settings import NetworkSettings
from transferring.measure import regrets
from transferring.methods import METHODS, Past, Problem, incontext
from transferring.sources import Points, Source, aligned, folded, metafeatures, numbers, points, read, sources

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


def test_points_are_in_the_unit_cube_with_gaps_and_categories():
    frame = pd.DataFrame({"rate": [1e-4, 1e-2, 1.0], "kind": ["a", None, "b"], "depth": [1.0, np.nan, 3.0]})
    found = points(frame)
    np.testing.assert_allclose(found.unit, [[0.0, 0.25, 0.0], [0.5, np.nan, np.nan], [1.0, 0.75, 1.0]])
    assert found.categorical.tolist() == [False, True, False]
    assert found.of(np.array([2])).unit.tolist() == [[1.0, 0.75, 1.0]]


def test_every_task_is_tested_once_and_never_its_own_past(folder):
    source = read(folder / "wide")
    parts = folded(source, 5)
    assert sorted(np.concatenate([tested for _, tested in parts])) == list(range(TASKS))
    assert all(not set(past) & set(tested) for past, tested in parts)
    assert set(source.tasks[parts[0][1]]) == {"0", "1", "2"}  # neighbours by number


def test_a_data_set_and_its_second_form_are_tested_together(folder):
    source = read(folder / "wide")
    about = pd.DataFrame({"NumberOfInstances": 100.0 + np.arange(TASKS), "NumberOfFeatures": 7.0})
    by_number = np.argsort(source.tasks.astype(int))
    last, lone = by_number[-1], by_number[5]
    about.loc[last, "NumberOfInstances"] = about.loc[by_number[0], "NumberOfInstances"]
    about.loc[lone, "NumberOfInstances"] = np.nan
    parts = folded(source, 5, about)
    assert sorted(np.concatenate([tested for _, tested in parts])) == list(range(TASKS))
    assert {"0", source.tasks[last]} <= set(source.tasks[parts[0][1]])
    assert all(not set(past) & set(tested) for past, tested in parts)
    assert min(len(tested) for _, tested in parts) >= TASKS // 5 - 1
    np.testing.assert_equal(folded(source, 5, about[["NumberOfFeatures"]]), folded(source, 5))


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


def test_the_neural_metric_searches_as_the_mixture_does():
    """Past tasks want x of about 0.6: its first trial is there, and with few others it beats a random one."""
    x, scores = table(2)
    past = Past(scores[1:], x[:, None], None, Points(x[:, None], np.array([False])))
    tried = []

    def evaluate(row):
        tried.append(row)
        return float(scores[0, row])

    problem = Problem(np.isfinite(scores[0]), evaluate, CONFIGS, np.random.default_rng(0))
    incontext(KernelQuantiles())(past)(problem)
    assert abs(x[tried[0]] - 0.6) < 0.2
    assert sorted(tried) == np.flatnonzero(problem.open_).tolist(), "all are tried once in the end"
    assert regrets(scores)[0, tried[:5]].min() < 0.1
    with pytest.raises(ValueError, match="needs the points"):
        incontext(KernelQuantiles())(past._replace(points=None))


def test_the_neural_metric_is_one_more_method_with_a_network(folder, tmp_path):
    sizes = NetworkSettings(width=16, layers=1, hidden=16, cell_width=8)
    Network(sizes, init(np.random.default_rng(0), sizes), card={}).save(tmp_path / "network.npz")
    out = tmp_path / "out.json"
    words = ["--train", str(folder), "--test", str(folder), "--out", str(out), "--only", "wide", "--folds", "1"]
    transfer.main([*words, "--methods", "incontext,mixture", "--network", str(tmp_path / "network.npz")])
    found = json.loads(out.read_text())["wide"]
    assert set(found) == {"incontext", "mixture"}
    assert 0.0 <= found["incontext"]["25"] <= found["incontext"]["1"] <= 1.0


@pytest.mark.slow
def test_it_writes_what_is_asked_for_and_goes_on(folder, tmp_path, capsys):
    out, details = tmp_path / "out.json", tmp_path / "details.json"
    words = [
        "--train",
        str(folder),
        "--test",
        str(folder),
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


def test_what_is_not_there_is_told(folder, tmp_path):
    out = ["--out", str(tmp_path / "out.json")]
    for words, says in (
        (["--train", str(folder / "none"), "--test", str(folder)], "there is no folder"),
        (["--train", str(folder), "--test", str(folder / "other")], "has configs.parquet and"),
        (
            ["--train", str(folder), "--test", str(folder), "--only", "wide,deep"],
            "has no source deep; it has long, wide",
        ),
    ):
        with pytest.raises(SystemExit, match=says):
            transfer.main([*words, *out])


def test_a_source_that_cannot_be_read_is_left_out_and_told(folder, tmp_path, capsys):
    scores = pd.read_parquet(folder / "long/scores.parquet")
    scores.rename(columns={"acc": "points"}).to_parquet(folder / "long/scores.parquet")
    out = tmp_path / "out.json"
    words = ["--train", str(folder), "--test", str(folder), "--out", str(out), "--methods", "portfolio", "--folds", "1"]
    transfer.main(words)
    assert set(json.loads(out.read_text())) == {"wide"}
    assert "long cannot be read, and is left out: scores.parquet has the columns" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="not read: long"):
        transfer.main([*words, "--only", "long,wide"])


def test_long_tables_of_other_forms(folder):
    expected, path = read(folder / "long"), folder / "long/scores.parquet"
    long = pd.read_parquet(path)
    for changed in (
        long.drop(columns="timetrain"),
        long[long["trainsize"] == 1.0].drop(columns="trainsize"),
        pd.concat([long, long]),
        long.assign(task=long["task"].astype(float)),
        pd.concat([long, long[long["task"] == 3].assign(trainsize=1.5)]),  # of one task more rows
        long.assign(logloss=1.0 - long["acc"]).drop(columns="acc"),
    ):
        changed.to_parquet(path)
        found = read(folder / "long")
        assert found.tasks.tolist() == expected.tasks.tolist()
        gap = found.scores - expected.scores
        np.testing.assert_allclose(gap[np.isfinite(gap)], 0.0 if "acc" in changed else 1.0, atol=1e-12)
        np.testing.assert_array_equal(np.isnan(found.scores), np.isnan(expected.scores))


def test_infinite_scores_are_none_and_a_failure_in_large_numbers_shifts_no_other(folder):
    wide = pd.read_parquet(folder / "wide/error.parquet")
    wide.loc[0, "1"] = np.inf
    wide.to_parquet(folder / "wide/error.parquet")
    source = read(folder / "wide")
    assert np.isnan(source.scores[source.tasks == "1", 0])
    assert regrets(np.array([[0.1, 0.2, 0.3, 0.4, 1e12]])).round(9).tolist() == [[0.0, 0.5, 1.0, 1.0, 1.0]]


@pytest.mark.parametrize(
    "columns",
    [
        {"model": ['{"a": 1}', None, '{"a": 3}']},
        {"model": [None, None, None], "x": [1.0, 2.0, 3.0]},
        {},
        {"x": pd.array([1, None, 3], dtype="Int64")},
        {"x": pd.array([True, None, False], dtype="boolean")},
        {"x": [1.0, np.inf, 3.0]},
        {"x": pd.Series([1, "sqrt", 2], dtype=object)},
    ],
)
def test_configurations_of_many_forms_become_finite_numbers(columns):
    found = numbers(pd.DataFrame(columns, index=range(3)))
    assert len(found) == 3
    assert np.isfinite(found).all()
    if "x" in columns and isinstance(columns["x"], pd.Series):
        assert found.sum(axis=1).tolist() == [1.0, 1.0, 1.0], "each has its level"


def test_names_of_configurations_are_no_features():
    frame = pd.DataFrame({"name": [f"n{place}" for place in range(300)], "x": np.arange(300.0)})
    assert numbers(frame).shape == (300, 1)


def test_the_best_of_the_tested_table_counts_though_no_past_task_has_it(folder):
    train = transfer.table(folder, "wide")
    few = train.source._replace(
        configs=train.source.configs[:20], scores=train.source.scores[:, :20], features=train.source.features[:20]
    )
    scores = train.source.scores[:3].copy()
    scores[:, 25] = -1.0
    test = train.source._replace(tasks=np.array(["97", "98", "99"]), scores=scores, seconds=None)
    (split,) = transfer.splits(transfer.Table(few._replace(seconds=None), None), transfer.Table(test, None))
    found = transfer.usable(split)
    assert np.nanmin(found.losses) > 0.5
    assert found.scores.shape[1] <= 20


def test_past_tasks_without_a_score_that_counts_are_left_out(folder):
    source = read(folder / "wide")
    past = source.scores[:5].copy()
    past[2] = np.nan
    about = np.arange(5.0)[:, None]
    split = transfer.Split(Past(past, source.features, about), source.tasks[5:], source.scores[5:])
    found = transfer.usable(split)
    assert found.past.about.ravel().tolist() == [0.0, 1.0, 3.0, 4.0]
    assert len(found.past.scores) == 4


def test_without_a_task_to_test_there_is_no_figure(folder, tmp_path):
    wide = pd.read_parquet(folder / "wide/error.parquet").set_index("config_id")
    other = tmp_path / "tested"
    (other / "wide").mkdir(parents=True)
    pd.read_parquet(folder / "wide/configs.parquet").to_parquet(other / "wide/configs.parquet")
    one, rest = wide.copy(), wide.rename(columns=lambda task: f"9{task}")
    one.iloc[10:] = np.nan
    rest.iloc[:10] = np.nan
    one.reset_index().to_parquet(folder / "wide/error.parquet")
    rest.reset_index().to_parquet(other / "wide/error.parquet")
    out = tmp_path / "out.json"
    transfer.main(["--train", str(folder), "--test", str(other), "--out", str(out), "--methods", "portfolio,random"])
    assert json.loads(out.read_text()) == {}


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


def test_ids_that_a_gap_has_made_floats_of_are_found(folder):
    (folder / "own_metafeatures").mkdir()
    ids = [*map(float, range(TASKS)), np.nan]
    frame = pd.DataFrame({"openmlid": ids, "size": np.arange(TASKS + 1.0)})
    frame.to_parquet(folder / "own_metafeatures/tasks.parquet")
    found = metafeatures(folder, "wide", np.array(["3", "5"]))
    assert found["size"].tolist() == [3.0, 5.0]


def test_what_is_of_use_and_not_needed_makes_no_source_unreadable(folder, capsys):
    (folder / "own_metafeatures").mkdir()
    (folder / "own_metafeatures/tasks.parquet").write_text("version https://git-lfs.github.com/spec/v1")
    pd.DataFrame({"x": [1.0]}).to_parquet(folder / "wide/runtime.parquet")
    assert read(folder / "wide").seconds is None
    assert metafeatures(folder, "wide", np.array(["3"])) is None
    assert "own_metafeatures/tasks.parquet cannot be read, and is left out" in capsys.readouterr().err


def test_of_curves_under_any_usual_name_the_end_counts(folder):
    (folder / "steps").mkdir()
    pd.DataFrame({"config_id": [0, 1], "x": [0.0, 1.0]}).to_parquet(folder / "steps/configs.parquet")
    rows = [
        {"task": "a", "config_id": one, "step": step, "train_size": size, "loss": one + 10.0 / step + size}
        for one in (0, 1) for step in (1, 2, 5) for size in (1, 3)
    ]  # fmt: skip
    pd.DataFrame(rows).to_parquet(folder / "steps/scores.parquet")
    assert read(folder / "steps").scores.tolist() == [[5.0, 6.0]]


def test_several_samples_of_one_data_set_are_tested_together():
    tasks = np.array([f"{sample}-{name}" for name in "abcdefg" for sample in range(5)])
    source = Source(tasks, np.arange(2), np.zeros((35, 2)), None, np.zeros((2, 1)))
    for past, tested in folded(source, 5):
        assert not {task[-1] for task in tasks[past]} & {task[-1] for task in tasks[tested]}


@pytest.mark.parametrize(
    "words", [["--methods", "seasoned,hope"], ["--methods", ","], ["--methods", "incontext"], ["--folds", "0"]]
)
def test_what_cannot_be_asked_for_is_refused_before_anything_is_read(folder, tmp_path, words):
    with pytest.raises(SystemExit) as ended:
        transfer.main(["--train", str(folder), "--test", str(folder), "--out", str(tmp_path / "o.json"), *words])
    assert ended.value.code == 2


def test_metafeatures_of_one_name_in_two_tables_are_two(folder):
    described(folder, size=np.arange(TASKS) + 0.0)
    pd.DataFrame({"openmlid": np.arange(TASKS), "size": 7.0}).to_parquet(folder / "wide/tasks.parquet")
    found = metafeatures(folder, "wide", read(folder / "wide").tasks)
    assert list(found) == ["size", "wide.size"]
    assert (found["wide.size"] == 7.0).all()
