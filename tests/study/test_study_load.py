"""Stored studies: opened by name, without their space, and without changing files."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from seasoned import Float, Int, Space, Study
from seasoned.errors import InvalidInput, StudyConflict

SPACE = Space(x=Float(-1, 1), n=Int(1, 5))


def loss(config):
    return config["x"] ** 2 + config["n"]


def test_a_stored_study_is_loaded_without_its_space(tmp_path):
    path = tmp_path / "s.db"
    Study(SPACE, storage=path, name="s", direction="maximize", seed=3).optimize(loss, trials=4)
    found = Study.load(path, "s")
    assert (found.space, found.seed, found.directions, len(found.trials)) == (SPACE, 3, ("maximize",), 4)
    with pytest.raises(StudyConflict, match="no study 't'; the names are"):
        Study.load(path, "t")
    with pytest.raises(InvalidInput, match="storage is 5; give a URL"):
        Study(SPACE, storage=5, name="s")


@pytest.mark.parametrize("kind", ["path", "url", "url with a query", "folder that is not there"])
def test_loading_a_study_does_not_create_a_missing_file(tmp_path, kind):
    file = tmp_path / "none.db" if kind != "folder that is not there" else tmp_path / "none" / "s.db"
    place = {"path": file, "url with a query": f"sqlite:///{file}?timeout=3"}.get(kind, f"sqlite:///{file}")
    with pytest.raises(
        StudyConflict, match=r"the file of the storage '.*' does not exist, so there is no study 'night'"
    ):
        Study.load(place, "night")
    assert not list(tmp_path.iterdir())
    with pytest.raises(StudyConflict, match="nowhere"):
        Study.load("nowhere", "night")
    with pytest.raises(InvalidInput, match="no database URL"):
        Study.load("no:where", "night")


def test_a_storage_file_may_be_given_as_text_or_as_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Study(SPACE, storage="runs.db", name="s", seed=0).optimize(loss, trials=2)
    assert len(Study.load(tmp_path / "runs.db", "s").trials) == 2
    with pytest.raises(InvalidInput, match="question mark"):
        Study(SPACE, storage=tmp_path / "what?" / "runs.db", name="s")
    assert [path.name for path in tmp_path.iterdir() if "runs.db" not in path.name] == []


def test_loading_a_study_leaves_the_file_of_another_program_unchanged(tmp_path):
    file = tmp_path / "theirs.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("create table notes (text)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(StudyConflict, match=r"theirs.db' holds no studies, so there is no study 'night'"):
        Study.load(file, "night")
    assert file.read_bytes() == before
    (tmp_path / "words.db").write_text("no database at all, but words that go on for a while" * 30)
    with pytest.raises(Exception, match="not a database"):
        Study.load(tmp_path / "words.db", "night")
