"""Archive of finished studies: rows and texts that are added, read and deleted."""

from __future__ import annotations

import os
import sqlite3
import uuid
from contextlib import closing

import pytest
import sqlalchemy
import sqlalchemy.schema

from seasoned.errors import StorageError
from seasoned.storage.study_archive import PastRow, PastStore, digest


def row(key, number=1):
    return PastRow(key, "{}", "a,b", b"\0" * 16, number.to_bytes(8, "little"), b"\0" * 8, b"\0" * 4, b"\0")


@pytest.fixture
def server():
    """URL of an empty schema of the server's, for tests side by side share its database."""
    url, schema = sqlalchemy.make_url(os.environ["SEASONED_TEST_POSTGRES"]), f"past_{uuid.uuid4().hex[:12]}"
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.schema.CreateSchema(schema))
    own = url.update_query_dict({"options": f"-csearch_path={schema}"})
    yield own.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.schema.DropSchema(schema, cascade=True))
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request, tmp_path):
    sqlite = request.param == "sqlite"
    found = PastStore(f"sqlite:///{tmp_path / 'past.db'}" if sqlite else request.getfixturevalue("server"))
    yield found
    found.close()


@pytest.mark.postgres
def test_the_wait_for_a_locked_server_is_limited(server):
    holder, waiting = PastStore(server), PastStore(server, patience=1.0)
    holder.add([], {})
    with holder._connections.transaction() as connection:
        holder._lock(connection)
        with pytest.raises(StorageError, match="another program held it for over 1 s"):
            waiting.add([row("one")], {1: "{}"})
    assert holder.add([row("one")], {1: "{}"}) == 1
    for one in (holder, waiting):
        one.close()


def test_rows_of_an_archive_are_read_unchanged_the_newest_last(store):
    rows = [row("one", 1), row("two", 2), row("three", 3)]
    assert store.add(rows, {1: "{}", 2: "[]"}) == 3
    assert store.read(10) == rows
    assert store.read(2) == rows[1:]
    assert store.texts([2, 1, 7]) == {1: "{}", 2: "[]"}
    assert store.heads() == [("one", "{}"), ("two", "{}"), ("three", "{}")]


def test_a_study_is_archived_once(store):
    assert store.add([row("one")], {1: "{}"}) == 1
    assert store.add([row("one"), row("two")], {1: "{}"}) == 1
    assert store.count() == 2


def test_an_addition_to_the_archive_is_stored_whole_or_not_at_all(store):
    with pytest.raises(StorageError):
        store.add([row("one"), row(None)], {1: "{}"})
    assert store.count() == 0
    assert store.texts([1]) == {}


def test_texts_are_deleted_with_the_last_archived_study(store):
    store.add([row("one"), row("two")], {1: "{}"})
    assert store.delete(["one", "nobody"]) == 1
    assert [found.key for found in store.read(10)] == ["two"]
    assert store.texts([1]) == {1: "{}"}
    store.delete(["two"])
    assert store.texts([1]) == {}


def test_more_texts_than_a_statement_binds_are_read(store):
    many = {number: str(number) for number in range(2000)}
    store.add([row("one")], many)
    assert store.texts(list(many)) == many


def test_reading_an_archive_makes_no_tables_and_waits_for_no_writer(tmp_path):
    url = f"sqlite:///{tmp_path / 'past.db'}"
    with closing(PastStore(url)) as empty:
        assert (empty.read(9), empty.texts([1]), empty.heads(), empty.count(), empty.delete(["one"])) == (
            [],
            {},
            [],
            0,
            0,
        )
    with closing(sqlite3.connect(tmp_path / "past.db")) as other:
        assert other.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    with closing(PastStore(url)) as full:
        full.add([row("one")], {1: "{}"})
    with closing(sqlite3.connect(tmp_path / "past.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # who needs a writer's lock would wait a minute and fail
        with closing(PastStore(url)) as reader:
            assert [found.key for found in reader.read(9)] == ["one"]


def test_a_read_only_archive_can_be_read(tmp_path, monkeypatch):
    folder = tmp_path / "of a team"
    folder.mkdir()
    url = f"sqlite:///{folder / 'past.db'}"
    with closing(PastStore(url)) as store:
        store.add([row("one")], {1: "{}"})
    (folder / "past.db").chmod(0o444)
    folder.chmod(0o555)
    monkeypatch.setattr("seasoned.storage.engine.is_writable", lambda file: False)  # root may write whatever the mode
    try:
        with closing(PastStore(url)) as store:
            assert [found.key for found in store.read(9)] == ["one"]
            assert [path.name for path in folder.iterdir()] == ["past.db"]
            with pytest.raises(StorageError, match="readonly"):
                store.add([row("two")], {})
    finally:
        folder.chmod(0o755)


def test_an_archive_of_a_newer_layout_is_refused(tmp_path):
    with closing(PastStore(f"sqlite:///{tmp_path / 'past.db'}")) as store:
        store.add([row("one")], {1: "{}"})
    with closing(sqlite3.connect(tmp_path / "past.db")) as connection, connection:
        connection.execute("UPDATE seasoned_past_layout SET version = 99")
    with pytest.raises(StorageError, match="upgrade seasoned"):
        PastStore(f"sqlite:///{tmp_path / 'past.db'}")


def test_a_digest_fits_an_integer_of_the_database():
    assert all(-(2**63) <= digest(str(number)) < 2**63 for number in range(1000))
    assert len({digest(str(number)) for number in range(1000)}) == 1000
