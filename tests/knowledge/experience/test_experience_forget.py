"""Forgetting in a store of experience: by name, pattern, key and age, and in the database file itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from past_studies import scored_study, studies, study
from seasoned.errors import InvalidInput
from seasoned.knowledge import Experience, PastStudy, PastTrial
from seasoned.knowledge.experience import maintenance
from seasoned.knowledge.experience.locations import add_studies
from seasoned.knowledge.experience.maintenance import add_experience, forget, heads
from seasoned.knowledge.experience.past_study import Head


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'store.db'}"


def test_forget_by_pattern_removes_the_matching_studies(tmp_path):
    url = f"sqlite:///{tmp_path / 'own.db'}"
    add_studies(url, [study("blue"), study("black"), study("red")])
    assert maintenance.forget(url, ["bl*"]) == 2
    assert [head.name for _, head in maintenance.heads(url)] == ["red"]


def test_forget_removes_configurations_that_no_study_has_any_more(tmp_path):
    url = f"sqlite:///{tmp_path / 'own.db'}"
    one, other = (
        PastStudy(Head(name, name), {}, [PastTrial({"x": 1}, 0.5), PastTrial({name: 2}, 0.7)])
        for name in ("blue", "red")
    )
    add_studies(url, [one, other])
    maintenance.forget(url, ["blue"])
    with closing(sqlite3.connect(tmp_path / "own.db")) as connection, connection:
        texts = {text for (text,) in connection.execute("SELECT content FROM seasoned_past_configurations")}
    assert texts == {'{"x":1}', '{"red":2}'}


def test_forgotten_names_are_not_in_the_database_file_either(tmp_path):
    url, word = f"sqlite:///{tmp_path / 'own.db'}", "a name that nobody must find"
    trials = [PastTrial({word: number / 1000}, 0.5) for number in range(300)]
    add_studies(url, [PastStudy(Head(word, "f"), {}, trials), study("kept")])

    def files():
        return b"".join(path.read_bytes() for path in tmp_path.glob("own.db*"))

    assert word.encode() in files()
    assert maintenance.forget(url, [word]) == 1
    assert word.encode() not in files()
    assert len(Experience.read(url)) == 1


def test_forget_warns_while_another_reader_keeps_the_text_in_the_file(tmp_path, monkeypatch, caplog):
    url, word = f"sqlite:///{tmp_path / 'own.db'}", "a name that nobody must find"
    add_studies(url, [PastStudy(Head(word, "f"), {}, [PastTrial({word: 1}, 0.5)]), study("kept")])
    monkeypatch.setattr(maintenance, "LOCK_SECONDS", 0.05)
    with closing(sqlite3.connect(tmp_path / "own.db", isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM seasoned_past_studies").fetchone()
        assert maintenance.forget(url, [word]) == 1
        assert "may still be in the file" in caplog.text
    assert maintenance.forget(url, [word]) == 0
    assert word.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("own.db*"))


def test_study_with_a_damaged_head_is_forgotten_by_its_key(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    add_studies(url, [study(), replace(study(), head=replace(study().head, family="other"))])
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection, connection:
        connection.execute("UPDATE seasoned_past_studies SET head = '{' WHERE id = 1")
    (damaged, told), (sound, _) = heads(url)
    assert told.name == "damaged or foreign"
    assert maintenance.forget(url, [sound]) == 1
    assert maintenance.forget(url, [damaged]) == 1


def test_forget_keeps_the_newest_studies(tmp_path):
    url = f"sqlite:///{tmp_path}/store.db"
    add_experience(url, Experience.of_studies(studies()))
    assert forget(url, keep=2) == 1
    assert [head.name for _, head in heads(url)] == ["task 1", "task 2"]
    assert forget(url, keep=2) == 0
    with pytest.raises(InvalidInput, match="0 studies are to be kept"):
        forget(url, keep=0)
    with pytest.raises(InvalidInput, match="two ways of choosing"):
        forget(url, ["task 1"], keep=2)


def test_forget_works_beside_a_damaged_study(url):
    maintenance.import_studies(
        url,
        Experience.of_studies([scored_study("a"), scored_study("b", (0.7, 0.6, 0.9)), scored_study("c", (0.1, 0.9))]),
    )
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE seasoned_past_studies SET configurations = substr(configurations, 2) WHERE id = 1")
    assert maintenance.forget(url, ["b"]) == 1
    assert [head.name for head in Experience.read(url).heads] == ["c"]


def test_brackets_in_study_names_are_no_patterns(url):
    names = ("run[12]", "run1", "run2", "what?", "whats")
    studies = [PastStudy(Head(n, n), {}, [PastTrial({"x": p / 10}, p / 10)]) for p, n in enumerate(names)]
    maintenance.import_studies(url, Experience.of_studies(studies))
    assert maintenance.forget(url, ["run[12]", "what?"]) == 2
    assert sorted(head.name for head in Experience.read(url).heads) == ["run1", "run2", "whats"]
    assert maintenance.forget(url, ["run*"]) == 2
