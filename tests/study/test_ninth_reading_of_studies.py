"""What a reading by fresh eyes found in studies: moves to another space, looks into files, odd arguments."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest

from seasoned import Categorical, Float, Int, Random, Space, Study
from seasoned.errors import AllTrialsFailed, InvalidInput, StudyConflict
from seasoned.fidelity.checkpoints import Checkpoints
from seasoned.storage import SqlStorage
from seasoned.storage.engine import Connections
from seasoned.trials import TrialState

LINE = Space(x=Float(0, 1))
SQUARE = Space(x=Float(0, 1), y=Float(0, 1))


def x_of(config):
    return config["x"]


def fails(config):
    raise KeyError("y")


def test_failures_in_a_new_space_end_the_search_whatever_succeeded_in_the_old_one(tmp_path):
    place = {"storage": tmp_path / "s.db", "name": "s"}
    Study(LINE, sampler=Random(), seed=0, **place).optimize(x_of, trials=50)
    moved = Study(SQUARE, sampler=Random(), **place)
    with pytest.raises(StudyConflict, match="no complete trial in this space, and 50 in another"):
        _ = moved.best
    with pytest.raises(AllTrialsFailed, match="20 trials failed and none succeeded: 20 x KeyError"):
        moved.optimize(fails, trials=500)
    assert len(moved.trials) < 80
    with pytest.raises(AllTrialsFailed, match="none succeeded"):
        _ = moved.best


def test_failures_of_the_old_space_are_none_of_the_new_one(tmp_path, caplog):
    place = {"storage": tmp_path / "s.db", "name": "s"}
    old = Study(LINE, sampler=Random(), seed=0, **place)
    for place_ in range(5):
        old.tell({"x": place_ / 8}, error="it broke")
    moved = Study(SQUARE, sampler=Random(), **place)
    moved.optimize(x_of, trials=3)
    moved.optimize(x_of, trials=3)
    assert "holds 3 finished trials already (0 of them failed)" in caplog.text


def test_looking_for_a_study_leaves_another_program_s_file_alone(tmp_path):
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


def test_who_only_reads_sees_what_is_written_later(tmp_path):
    url = f"sqlite:///{tmp_path / 's.db'}"
    reader = Connections(url, reads=True)
    counted = []
    for trials in (2, 5):
        store = SqlStorage(url)
        Study(LINE, storage=store, name="s").optimize(x_of, trials=trials)
        store.close()
        with reader.transaction(write=False) as connection:
            counted.append(connection.exec_driver_sql("select count(*) from seasoned_events").scalar())
    reader.close()
    assert counted[1] > counted[0]


def test_checkpoints_are_found_under_a_new_password(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    urls = ["postgresql://me:old@host/db", "postgresql+psycopg://me:new@host/db", "postgresql://me@host/db"]
    folders = {Checkpoints(None, url, "s", 0).folder for url in urls}
    assert len(folders) == 1
    assert Checkpoints(None, "postgresql://me:old@host/other", "s", 0).folder not in folders


def test_executors_of_another_kind_and_single_callbacks_are_refused():
    study = Study(LINE, seed=0)
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(InvalidInput, match=r"give at least 1, or an executor of seasoned.execution"),
    ):
        study.optimize(x_of, trials=2, workers=pool)
    with pytest.raises(InvalidInput, match=r"callbacks is .*; give a list of functions"):
        study.optimize(x_of, trials=2, callbacks=print)
    assert not study.trials


def test_one_and_true_are_two_configurations():
    space = Space(k=Categorical([1, True, "a"]))
    study = Study(space, seed=0)
    assert len(study.enqueue({"k": 1}, {"k": True}, {"k": 1}, again=False)) == 2
    assert not study.enqueue({"k": True}, again=False)


@pytest.mark.parametrize("value", [True, np.bool_(True), np.array(True)])
def test_a_truth_is_no_value(value):
    study = Study(LINE, seed=0)
    study.enqueue({"x": 0.5})
    with pytest.raises(AllTrialsFailed):
        study.optimize(lambda _: value, trials=30)
    assert study.trials[0].state is TrialState.FAILED


def test_a_note_of_a_long_double_is_a_number():
    study = Study(LINE, seed=0)
    told = study.tell({"x": 0.5}, 0.1, notes={"loss": np.longdouble(0.5), "count": np.int64(3)})
    assert told.notes == {"loss": 0.5, "count": 3}


def test_an_empty_name_is_none(tmp_path):
    with pytest.raises(InvalidInput, match="name is ''"):
        Study(LINE, storage=tmp_path / "s.db", name="")
    assert not list(tmp_path.iterdir())


def test_what_was_tried_as_a_whole_number_is_not_tried_again_as_a_float(tmp_path):
    place = {"storage": tmp_path / "s.db", "name": "s"}
    Study(Space(x=Int(1, 9)), seed=0, **place).tell({"x": 3}, 1.0)
    moved = Study(Space(x=Float(1, 9)), **place)
    assert not moved.enqueue({"x": 3}, again=False)
    assert len(moved.enqueue({"x": 4}, again=False)) == 1
