"""What a reading of the engine by fresh eyes found: time limits, drivers taken for dead, stores that are away."""

from __future__ import annotations

import math
import os
import time
from contextlib import contextmanager

import numpy as np
import pytest

from seasoned import ASHA, Float, Random, Space, Study
from seasoned.errors import StorageError
from seasoned.execution import LocalExecutor
from seasoned.execution._system import process_tree
from seasoned.execution.base import Ending, Outcome
from seasoned.execution.borrowed import BorrowedExecutor
from seasoned.execution.workers import pool
from seasoned.storage import SqlStorage
from seasoned.storage.engine import Connections
from seasoned.trials import Created, Reassigned, StudySpec, Suggested, TrialState

SPACE = Space(x=Float(0.1, 1))


def slowly(answer):
    """An objective of 10,000 steps that does `answer` when it is told to leave."""

    def f(config, trial):
        try:
            for epoch in range(1, trial.budget + 1):
                time.sleep(0.01)
                trial.report(epoch, 1 / epoch)
        except Exception:  # noqa: BLE001 - as careless objectives do
            return answer()
        return 0.0

    return f


def swallowed():
    return -1.0


def diverged():
    return math.inf


def broken():
    raise RuntimeError("something else")


@pytest.mark.parametrize("answer", [swallowed, diverged, broken])
def test_a_trial_that_the_time_limit_cuts_off_has_not_ended_whatever_it_says(answer):
    study = Study(SPACE, fidelity=ASHA(max=10_000), sampler=Random(), seed=1)
    study.optimize(slowly(answer), time_limit=0.2)
    assert [trial.state for trial in study.trials] == [TrialState.RUNNING]
    assert study.trials[0].reports


def taken_over(url, study, *, given_back=False):
    """Another driver has taken the study's driver for dead, has taken its trial over, and perhaps given it back."""
    storage = SqlStorage(url)
    log = storage.open("s", Created(StudySpec(Space())))
    (mine,) = {event.driver for event in log.read() if isinstance(event, Suggested)}
    (claim,) = log.claim(1, "other", dead={mine})
    log.append([Reassigned(claim.number, "other")])
    if given_back:
        log.release("other")
    storage.close()
    study._ledger.sync()  # as a look for others does now and then


@pytest.mark.parametrize("given_back", [False, True])
def test_a_trial_that_another_driver_has_taken_over_is_left_to_it(tmp_path, given_back):
    url, runs = f"sqlite:///{tmp_path}/s.db", []

    def f(config, trial):
        runs.append([])
        for epoch in range(1, 10):
            trial.report(epoch, 1 / epoch)
            runs[-1].append(epoch)
            if epoch == 2 and len(runs) == 1:
                taken_over(url, study, given_back=given_back)
        return 0.0

    study = Study(SPACE, fidelity=ASHA(max=9), sampler=Random(), seed=1, storage=url, name="s")
    study.optimize(f, trials=1, time_limit=None if given_back else 1.0)
    assert runs[0] == [1, 2], "it has left"
    assert len(runs) == 1 + given_back, "and goes on where nobody has it"
    assert study.trials[0].state is (TrialState.COMPLETE if given_back else TrialState.RUNNING)


def test_an_enqueued_trial_finds_no_checkpoint_of_a_study_that_was_deleted(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"

    def study():
        options = {"fidelity": ASHA(max=1), "sampler": Random(), "seed": 1, "checkpoints": tmp_path / "c"}
        return Study(SPACE, storage=url, name="s", **options)

    first = study()
    first.optimize(lambda config, trial: config["x"], trials=1)
    left = first._checkpoints.folder / "0"
    left.mkdir(parents=True, exist_ok=True)
    (left / "mark").write_text("old")
    first.close()
    storage = SqlStorage(url)
    storage.delete("s")
    storage.close()
    second = study()
    second.enqueue({"x": 0.5})
    assert not (left / "mark").exists()


def test_a_report_is_stored_again_where_the_store_was_away_for_a_moment(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("seasoned.study.fidelity_control.RETRIES", (0.01, 0.01))
    usual, away = Connections.transaction, []

    @contextmanager
    def transaction(self, *, write=True):
        if away and write:
            away.pop()
            raise StorageError("the server went away.")
        with usual(self, write=write) as connection:
            yield connection

    monkeypatch.setattr(Connections, "transaction", transaction)

    def f(config, trial):
        for epoch in range(1, trial.budget + 1):
            if epoch == 2:
                away.extend([1, 1])
            trial.report(epoch, config["x"])
        return config["x"]

    study = Study(SPACE, fidelity=ASHA(max=3), sampler=Random(), seed=1, storage=tmp_path / "s.db", name="s")
    study.optimize(f, trials=1)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE]
    assert [step for step, _ in study.trials[0].reports] == [1, 2, 3]
    assert "a report of trial 0 could not be stored; retrying in" in caplog.text


class Scripted:
    """An executor whose outcomes are written down beforehand."""

    workers = 2

    def __init__(self, *rounds):
        self.rounds, self.cancelled, self.count = list(rounds), [], 10

    def submit(self, *_, **__):
        self.count += 1
        return self.count

    def wait(self, _=None):
        return self.rounds.pop(0) if self.rounds else []

    def cancel(self, task):
        self.cancelled.append(task)


def ended(task):
    return Outcome(task, Ending.CANCELLED)


def test_what_an_interrupted_call_left_in_an_executor_is_nobody_elses():
    lent = BorrowedExecutor(Scripted([ended(3)], [ended(4), ended(11)]))
    assert lent.submit(print) == 11
    assert lent.wait() == []
    assert [outcome.task for outcome in lent.wait()] == [11]


def test_a_lent_executor_is_given_back_once_what_is_open_has_ended():
    scripted = Scripted([ended(3)], [ended(11)])
    lent = BorrowedExecutor(scripted)
    lent.submit(print)
    lent.close()
    assert scripted.cancelled == [11]
    assert scripted.rounds == []


def test_a_process_that_is_older_than_its_parent_is_nobodys_child(monkeypatch):
    import psutil

    class Process:
        def __init__(self, pid, ppid, born, status="running"):
            self.info = {"pid": pid, "ppid": ppid, "create_time": born, "status": status}

    table = [Process(1, 0, 0.0), Process(7, 1, 50.0), Process(8, 7, 60.0), Process(9, 7, 10.0), Process(10, 99, 5.0)]
    monkeypatch.setattr(process_tree, "LINUX", False)
    monkeypatch.setattr(psutil, "process_iter", lambda _: iter([*table, Process(11, 7, 70.0, psutil.STATUS_ZOMBIE)]))
    assert process_tree.process_table() == {1: 0, 7: 1, 8: 7, 9: 0, 10: 0}
    assert process_tree.descendants(7) == {8}


@pytest.mark.skipif(not process_tree.LINUX, reason="files in memory are told apart on Linux alone")
def test_a_mapped_file_is_no_memory_of_ones_own(tmp_path):
    np.save(tmp_path / "large.npy", np.ones(4_000_000))
    whole, own = process_tree.resident(os.getpid()), process_tree.private(os.getpid())
    mapped = np.load(tmp_path / "large.npy", mmap_mode="r")
    assert mapped.sum() == 4_000_000
    assert process_tree.resident(os.getpid()) - whole > 25_000_000
    assert process_tree.private(os.getpid()) - own < 10_000_000


def test_at_the_end_of_a_process_idle_workers_end_without_a_thread(monkeypatch):
    own = pool.Pool()
    monkeypatch.setattr("seasoned.execution.workers.scheduler.POOL", own)
    executor = LocalExecutor(1)
    executor.submit(int)
    assert [outcome.value for outcome in executor.wait()] == [0]
    handles = tuple(own._alive)
    assert len(handles) == 1

    def refuse(_):
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr("threading.Thread.start", refuse)
    own.shutdown()
    assert handles[0].process.poll() is not None
    assert not own._idle
