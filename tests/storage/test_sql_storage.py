"""SQL storage: versions, wrong files, readers and journals."""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError

from seasoned import Float, Random, Sobol, Space, Study
from seasoned.errors import InvalidInput, StorageError
from seasoned.storage import SqlStorage
from seasoned.storage.engine import Connections
from seasoned.trials import Created, StudySpec, Suggested, TrialState

FIXTURES = Path(__file__).parent / "fixtures"
SPACE = Space(x=Float(0, 1))


@pytest.mark.parametrize("layout", [1])
def test_stores_of_earlier_versions_open_and_go_on(tmp_path, layout):
    shutil.copy(FIXTURES / f"layout-{layout}.db", tmp_path / "s.db")
    url = f"sqlite:///{tmp_path}/s.db"
    storage = SqlStorage(url)
    assert list(storage.names()) == ["golden"]
    spec = storage.open("golden", None).read()[0].spec
    study = Study(spec.space, storage=storage, name="golden", direction="maximize", sampler=Sobol())
    known = json.loads((FIXTURES / f"layout-{layout}.json").read_text())
    found = [[t.number, t.config, t.state, t.values, t.error] for t in study.trials]
    assert json.loads(json.dumps(found)) == known
    assert study.seed == 11
    study.optimize(lambda config: 1.0, trials=14)
    assert sum(t.state is not TrialState.RUNNING for t in study.trials) == 14
    study.close()


def test_a_store_of_a_later_version_is_refused(tmp_path):
    storage = SqlStorage(f"sqlite:///{tmp_path}/s.db")
    storage.close()
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection, connection:
        connection.execute("UPDATE seasoned_schema SET version = 99")
    connection.close()
    with pytest.raises(StorageError, match=r"layout 99.*upgrade seasoned"):
        SqlStorage(f"sqlite:///{tmp_path}/s.db")


def test_a_file_that_is_no_store_is_refused_and_left_unchanged(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my only copy " * 1000)
    with pytest.raises(StorageError, match="damaged or no SQLite database"):
        SqlStorage(f"sqlite:///{path}")
    assert path.read_text().startswith("my only copy")
    with pytest.raises(StorageError, match="folder exists"):
        SqlStorage(f"sqlite:///{tmp_path}/nowhere/s.db")


@pytest.mark.parametrize("url", ["s.db", "mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense://x"])
def test_wrong_urls_are_refused(url):
    with pytest.raises(InvalidInput, match=r"sqlite:///runs\.db"):
        SqlStorage(url)


def test_a_reader_never_stops_a_writer(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    writer = Study(SPACE, storage=url, name="s", sampler=Random())
    looked, ended = threading.Event(), threading.Event()
    seen = []

    def look():
        reader = Study(SPACE, storage=url, name="s")
        while not ended.is_set():
            seen.append(len(reader.frame()))
            looked.set()
        reader.close()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        assert looked.wait(60)
        writer.optimize(lambda config: 1.0, trials=200)
    finally:
        ended.set()
        thread.join()
    assert len(writer.trials) == 200
    writer.close()
    assert seen == sorted(seen)


def test_changing_the_folder_does_not_move_a_study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = Study(SPACE, storage="sqlite:///s.db", name="s")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    study.optimize(lambda config: 1.0, trials=2)
    study.close()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_database_error_without_text_is_named_by_its_class(tmp_path):
    connections = Connections(f"sqlite:///{tmp_path}/s.db")
    error = OperationalError("select 1", {}, sqlite3.OperationalError())
    assert "failed: OperationalError; see that" in connections._explain(error)


def test_a_driver_of_a_deleted_study_cannot_write_to_its_successor(tmp_path):
    storage = SqlStorage(f"sqlite:///{tmp_path}/s.db")
    old = storage.open("a", Created(StudySpec(SPACE, seed=1)))
    storage.delete("a")
    new = storage.open("a", Created(StudySpec(SPACE, seed=2)))
    with pytest.raises(StorageError, match="was deleted while it ran"):
        old.append([Suggested(0, {"x": 0.5}, None, "driver")])
    assert len(new.read()) == 1
    storage.close()


def x_of(config):
    return config["x"]


def test_a_read_only_connection_sees_later_writes(tmp_path):
    url = f"sqlite:///{tmp_path / 's.db'}"
    reader = Connections(url, reads=True)
    counted = []
    for trials in (2, 5):
        store = SqlStorage(url)
        Study(SPACE, storage=store, name="s").optimize(x_of, trials=trials)
        store.close()
        with reader.transaction(write=False) as connection:
            counted.append(connection.exec_driver_sql("select count(*) from seasoned_events").scalar())
    reader.close()
    assert counted[1] > counted[0]


@pytest.mark.parametrize("kind", ["nfs4", "ext4"])
def test_sqlite_on_a_network_disk_keeps_its_rollback_journal(tmp_path, monkeypatch, caplog, kind):
    """The quick one needs memory that processes share, which machines do not."""
    parts = [SimpleNamespace(mountpoint="/", fstype="ext4"), SimpleNamespace(mountpoint=str(tmp_path), fstype=kind)]
    monkeypatch.setattr("seasoned.storage.engine.psutil.disk_partitions", lambda **_: parts)
    caplog.set_level(logging.INFO, logger="seasoned")
    study = Study(SPACE, sampler=Random(), storage=f"sqlite:///{tmp_path}/s.db", name="s", seed=0)
    study.optimize(lambda config, trial: config["x"], trials=3)
    study.close()
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    assert journal == ("delete" if kind == "nfs4" else "wal")
    assert ("lies on a network disk" in caplog.text) == (kind == "nfs4")
    assert len(Study.load(f"sqlite:///{tmp_path}/s.db", "s").trials) == 3
