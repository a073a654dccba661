"""Stores of experience: reading, missing files and damaged rows."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from past_studies import scored_study, study
from seasoned import Float, Space
from seasoned.errors import InvalidInput, StorageError
from seasoned.knowledge import Experience
from seasoned.knowledge.experience import maintenance
from seasoned.knowledge.experience.locations import Places, add_experience, add_studies, read_places
from seasoned.knowledge.experience.maintenance import heads
from seasoned.knowledge.experience.past_study import Head, PastStudy, PastTrial, heads_of


def a_study(trials, name="t", source="optuna"):
    found = [PastTrial({"x": float(place)}, float(place), 1.0) for place in range(trials)]
    return PastStudy(Head(name, name, name, source=source), {}, found)


@pytest.fixture
def store(tmp_path):
    return f"sqlite:///{tmp_path}/past.db"


LINE = Space(x=Float(0, 1))


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'store.db'}"


def test_damaged_store_is_left_out_with_a_warning(tmp_path, caplog):
    (tmp_path / "own.db").write_bytes(b"no database at all" * 100)
    assert len(read_places(Places(False, f"sqlite:///{tmp_path / 'own.db'}"))) == 0
    assert "is not used" in caplog.text


def test_missing_store_is_not_created_by_reading(tmp_path):
    url = f"sqlite:///{tmp_path / 'own.db'}"
    assert len(read_places(Places(False, url))) == 0
    assert maintenance.heads(url) == []
    assert maintenance.statistics(url).studies == 0
    assert maintenance.forget(url, everything=True) == 0
    assert not (tmp_path / "own.db").exists()


def test_damaged_study_in_a_store_is_left_out_alone(tmp_path, caplog):
    url = f"sqlite:///{tmp_path}/s.db"
    assert add_studies(url, [study(), replace(study(), head=replace(study().head, family="other"))]) == 2
    assert add_studies(url, [study()]) == 0
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection, connection:
        connection.execute("UPDATE seasoned_past_studies SET scores = substr(scores, 2) WHERE id = 1")
    with caplog.at_level(logging.WARNING, logger="seasoned"):
        found = read_places(Places(ships=False, store=url))
    assert [head.family for head in found.heads] == ["other"]
    assert "1 of 2 studies" in caplog.text
    assert len(heads(url)) == 2, "it can be found, and forgotten"


@pytest.mark.parametrize("damage", ["", "both"])
def test_study_with_an_unreadable_head_is_left_out_alone(store, damage, tmp_path):
    add_experience(store, Experience.of_studies([a_study(4 + place, f"s{place}") for place in range(3)]))
    with contextlib.closing(sqlite3.connect(tmp_path / "past.db")) as connection, connection:
        rows = connection.execute("SELECT rowid, head FROM seasoned_past_studies ORDER BY rowid").fetchall()
        text = f"{rows[0][1]},{rows[0][1]}" if damage else ""
        connection.execute("UPDATE seasoned_past_studies SET head = ? WHERE rowid = ?", (text, rows[0][0]))
    found = Experience.read(store)
    assert [head.name for head in found.heads] == ["s1", "s2"]
    assert np.diff(found.starts).tolist() == [5, 6]
    assert maintenance.forget(store, ["s1"]) == 1
    with pytest.raises(InvalidInput, match="damaged or foreign"):
        heads_of([text])


def test_statistics_and_export_cover_more_studies_than_a_read(store, tmp_path, monkeypatch):
    add_experience(store, Experience.of_studies([a_study(4 + place, f"s{place}") for place in range(5)]))
    assert len(Experience.read(store, 3)) == 3
    monkeypatch.setattr(Experience.read.__func__, "__defaults__", (3,))
    assert len(Experience.read(store)) == 3
    assert maintenance.statistics(store).studies == 5
    assert maintenance.export(store, tmp_path / "all.parquet") == 5


def test_read_of_a_missing_store_is_an_error_and_creates_nothing(tmp_path):
    with pytest.raises(StorageError, match=r"there is no store at sqlite:///.*typo.db; give the URL of one"):
        Experience.read(f"sqlite:///{tmp_path / 'typo.db'}")
    assert not (tmp_path / "typo.db").exists()


def test_view_leaves_out_studies_forgotten_since_it_was_read(url):
    maintenance.import_studies(url, Experience.of_studies([scored_study("a"), scored_study("b", (0.7, 0.6, 0.9))]))
    view = Experience.read(url)
    maintenance.forget(url, ["a"])
    assert [found.head.name for found in view.studies()] == ["b"]
    assert len(view.evaluations(LINE)) == 1
    maintenance.forget(url, everything=True)
    assert view.studies() == []
