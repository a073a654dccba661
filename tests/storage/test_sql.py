"""What can happen to a database file."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from seasoned import Float, Random, Sobol, Space, Study
from seasoned.errors import InvalidInput, StorageError
from seasoned.storage import SqlStorage
from seasoned.storage.engine import Connections
from seasoned.trials import TrialState

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


def test_what_is_no_store_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("my only copy " * 1000)
    with pytest.raises(StorageError, match="damaged or no SQLite database"):
        SqlStorage(f"sqlite:///{path}")
    assert path.read_text().startswith("my only copy")
    with pytest.raises(StorageError, match="folder exists"):
        SqlStorage(f"sqlite:///{tmp_path}/nowhere/s.db")


@pytest.mark.parametrize("url", ["s.db", "mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense://x"])
def test_wrong_urls(url):
    with pytest.raises(InvalidInput, match=r"sqlite:///runs\.db"):
        SqlStorage(url)


FULL_DISK = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
from seasoned import Float, Random, Space, Study
study = Study(Space(x=Float(0, 1)), sampler=Random(), storage=sys.argv[1], name="s", seed=1)
study.optimize(lambda c: c["x"], trials=100_000, callbacks=[lambda s, t: print(t.number, t.value, flush=True)])
"""


def test_a_full_disk_ends_with_one_sentence_and_keeps_what_was_stored(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    run = subprocess.run([sys.executable, "-c", FULL_DISK, url], capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "StorageError" in run.stderr.splitlines()[-1], run.stderr
    told = [line.split() for line in run.stdout.splitlines()]
    assert len(told) > 10
    trials = {t.number: t.value for t in Study(SPACE, storage=url, name="s").trials}
    assert all(repr(trials[int(number)]) == value for number, value in told)


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


def test_a_driver_that_says_nothing_is_named_by_its_error(tmp_path):
    connections = Connections(f"sqlite:///{tmp_path}/s.db")
    error = OperationalError("select 1", {}, sqlite3.OperationalError())
    assert "failed: OperationalError; see that" in connections._explain(error)
