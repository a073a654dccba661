"""Command `seasoned studies`: list, show, export and delete studies of a store."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pandas as pd
import pytest

from commands import call
from seasoned import Categorical, Choice, Float, Space, Study

SPACE = Space(x=Float(-1, 1), opt=Choice(sgd=Space(momentum=Float(0, 1)), adam=Space()))


def square(config):
    if config["x"] > 0.8:
        raise ValueError("too far [red]")
    return config["x"] ** 2


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "runs.db"
    study = Study(SPACE, storage=path, name="one [b]", seed=0)
    study.optimize(square, trials=20)
    study.close()
    study = Study(SPACE, storage=path, name="two", seed=0, direction=("minimize", "maximize"))
    study.optimize(lambda config: (config["x"] ** 2, config["x"]), trials=6)
    study.ask(detached=True)
    study.close()
    Study(SPACE, storage=path, name="empty", seed=0).close()
    return path


def test_studies_of_a_store_are_listed(store):
    told = call("studies", "list", store).stdout
    rows = {
        line.split("\u2502")[1].strip(): line.split("\u2502")[2:-1] for line in told.splitlines() if "\u2502" in line
    }
    assert [cell.strip() for cell in rows["one [b]"][:4]] == ["20", "19", "0", "1"]
    assert float(rows["one [b]"][4]) < 0.01
    assert [cell.strip() for cell in rows["two"][:3]] == ["7", "6", "1"]
    assert rows["two"][4].strip().startswith("front of ")
    assert [cell.strip() for cell in rows["empty"]] == ["0", "0", "0", "0", "-"]


def test_study_is_shown_with_its_best_trials_and_failures(store, tmp_path):
    told = call("studies", "show", store, "one [b]", "--report", tmp_path / "page.html").stdout
    assert "one [b]: minimize; seed 0; trials: 19 complete, 1 failed" in told
    assert "the best, 10 of 19" in told
    assert "x=0" in told
    assert "failed 1 time(s): ValueError: too far [red]" in told
    assert "<html" in (tmp_path / "page.html").read_text()[:500].lower()
    told = call("studies", "show", store, "two").stdout
    assert "minimize and maximize" in told
    assert "the front" in told
    assert "trials: none" in call("studies", "show", store, "empty").stdout


def test_best_trials_come_first_when_maximizing(tmp_path):
    study = Study(Space(x=Float(0, 1)), storage=tmp_path / "up.db", name="up", direction="maximize", seed=0)
    study.optimize(lambda config: config["x"], trials=8)
    best = study.best
    study.close()
    lines = [line for line in call("studies", "show", tmp_path / "up.db", "up").stdout.splitlines() if "\u2502" in line]
    assert lines[0].split("\u2502")[1].strip() == str(best.number)


def test_trials_are_exported_as_a_table(store, tmp_path):
    call("studies", "export", store, "one [b]", tmp_path / "trials.csv")
    frame = pd.read_csv(tmp_path / "trials.csv")
    assert len(frame) == 20
    assert {"number", "state", "value", "seconds", "error", "x", "opt", "opt.sgd.momentum"} == set(frame.columns)
    assert frame["state"].value_counts().to_dict() == {"complete": 19, "failed": 1}


def test_study_is_deleted_after_a_confirmation(store):
    assert (
        "Delete the study 'two' with 7 trial(s)?" in call("studies", "delete", store, "two", given="n\n", code=1).output
    )
    assert "two" in call("studies", "list", store).stdout
    call("studies", "delete", store, "two", "--yes")
    assert "two" not in call("studies", "list", store).stdout
    assert "there is no study 'two'" in call("studies", "show", store, "two", code=1).stderr


def test_deletion_without_an_answer_names_the_yes_option(store):
    assert "give --yes to skip the question" in call("studies", "delete", store, "two", given="", code=2).stderr
    assert "two" in call("studies", "list", store).stdout


def test_foreign_database_is_refused_and_unchanged(tmp_path):
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE cakes (name TEXT)")
        connection.commit()
    before = other.read_bytes()
    for words in (("list", other), ("show", other, "one"), ("delete", other, "one", "--yes")):
        assert "holds no studies" in call("studies", *words, code=2).stderr
    assert other.read_bytes() == before


def test_trials_of_an_earlier_space_do_not_count(store):
    moved = Study(Space(z=Float(0, 1)), storage=store, name="one [b]")
    moved.ask(detached=True)
    moved.close()
    told = call("studies", "list", store).stdout
    assert [line.split("\u2502")[-2].strip() for line in told.splitlines() if "one [b]" in line] == ["-"]
    assert "the best" not in call("studies", "show", store, "one [b]").stdout


def test_choice_of_words_and_numbers_is_exported_to_parquet(tmp_path):
    study = Study(Space(features=Categorical(["sqrt", 0.5])), storage=tmp_path / "mixed.db", name="mixed", seed=0)
    study.optimize(lambda config: len(str(config["features"])), trials=2)
    study.close()
    call("studies", "export", tmp_path / "mixed.db", "mixed", tmp_path / "trials.parquet")
    assert set(pd.read_parquet(tmp_path / "trials.parquet")["features"]) == {"sqrt", "0.5"}


def test_reading_creates_no_store_and_export_overwrites_none(store, tmp_path):
    none = tmp_path / "none.db"
    assert "there is no file" in call("studies", "list", none, code=2).stderr
    assert call("studies", "show", none, "one", code=2).stderr.startswith("error: ")
    assert not none.exists()
    before = store.read_bytes()
    for words in (("export", store, "one [b]", store), ("show", store, "one [b]", "--report", store)):
        assert "is also another file of this command" in call("studies", *words, code=2).stderr
    assert "no kind of table" in call("studies", "export", store, "one [b]", tmp_path / "trials.doc", code=2).stderr
    assert store.read_bytes() == before
