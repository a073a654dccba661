"""What a reading by fresh eyes found in studies: numbers that are being asked, warm starts, plans that end, forks."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from seasoned import Float, Int, Random, Space, Study
from seasoned.errors import Pruned, StudyConflict
from seasoned.fidelity import ASHA, Hyperband, SuccessiveHalving
from seasoned.fidelity.checkpoints import Checkpoints
from seasoned.fidelity.sampler_per_rung import ByRung
from seasoned.samplers import TPE, Auto, Bayes, Grid
from seasoned.storage import SqlStorage
from seasoned.storage.base import ASK_TELL
from seasoned.study.leases import Lease
from seasoned.trials import Config, Created, Finished, Reported, StudySpec, Suggested, TrialState, WarmStart

LINE = Space(x=Float(0, 1))
PLANE = Space(x=Float(0, 1), y=Float(0, 1))


def train(config, trial):
    for step in range(trial.step + 1, trial.budget + 1):
        trial.report(step, config["x"] + 1 / step)
    return config["x"] + 1 / trial.budget


# ------------------------------------------------------------------------------------------------ drivers


def test_who_works_out_a_configuration_is_waited_for(tmp_path, monkeypatch):
    """Its number is taken and not in the log yet: its reports will come, so nobody's paused trials are out."""
    url = f"sqlite:///{tmp_path}/s.db"
    study = Study(LINE, sampler=Random(), storage=url, name="s", fidelity=SuccessiveHalving(max=9, size=9), seed=0)
    other = SqlStorage(url).open("s", Created(study._ledger.spec))
    lease = Lease(other, "optimize")
    (held,) = other.claim(1, lease.driver)
    waits = []

    def nap(seconds):
        """In place of a driver that waits: the other one asks, runs and ends at last."""
        waits.append(seconds)
        assert len(waits) < 50, "it waits for ever"
        assert not [trial for trial in study.trials if trial.state is TrialState.PRUNED], "a trial was given up"
        if len(waits) == 3:
            other.append([Suggested(held.number, Config({"x": 0.01}), None, lease.driver)])
            other.append([Reported(held.number, 1, 1.01), Finished(held.number, TrialState.FAILED, error="it fell")])

    monkeypatch.setattr("seasoned.study.driver.time.sleep", nap)
    study.optimize(train, trials=9)
    lease.end()
    assert len(waits) >= 3
    assert sum(trial.state is TrialState.COMPLETE for trial in study.trials) >= 1


def test_a_number_by_hand_is_waited_for_by_nobody(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    study = Study(LINE, sampler=Random(), storage=url, name="s", fidelity=SuccessiveHalving(max=9, size=9), seed=0)
    other = SqlStorage(url).open("s", Created(study._ledger.spec))
    lease = Lease(other, ASK_TELL)
    other.claim(1, lease.driver)
    study.optimize(train, trials=9)  # and it ends
    lease.end()
    assert study.best.state is TrialState.COMPLETE


FORKS = """
import os, sys
from seasoned import Float, Random, Space, Study

study = Study(Space(x=Float(0, 1)), sampler=Random(), storage=sys.argv[1], name="s", seed=0)
mine = study.ask()
if os.fork() == 0:
    study.close()
    os._exit(0)
assert os.wait()[1] == 0
other = Study(Space(x=Float(0, 1)), sampler=Random(), storage=sys.argv[1], name="s", seed=0)
print(mine.number, other.ask().number)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_gives_back_no_trials_of_its_parent(tmp_path):
    """In a process of its own: what other tests have loaded does not like to be forked."""
    words = [sys.executable, "-c", FORKS, f"sqlite:///{tmp_path}/s.db"]
    found = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert found.stdout.split() == ["0", "1"], found.stderr


def test_a_stopped_trial_that_swallows_the_word_stays_stopped():
    def deaf(config, trial):
        for step in range(1, 10):
            try:
                trial.report(step, config["x"])
            except Pruned:
                continue
        return config["x"]

    study = Study(LINE, sampler=Random(), fidelity=ASHA(min=1, max=9), seed=0)
    study.optimize(deaf, trials=12)
    pruned = [trial for trial in study.trials if trial.state is TrialState.PRUNED]
    assert pruned
    assert all(len(trial.reports) <= 3 for trial in pruned), "it was stopped at a rung, and heard it again after that"
    assert {len(trial.reports) for trial in study.trials if trial.state is TrialState.COMPLETE} == {9}


@pytest.mark.parametrize("kind", ["nfs4", "ext4"])
def test_on_a_network_disk_sqlite_keeps_its_old_journal(tmp_path, monkeypatch, caplog, kind):
    """The quick one needs memory that processes share, which machines do not."""
    parts = [SimpleNamespace(mountpoint="/", fstype="ext4"), SimpleNamespace(mountpoint=str(tmp_path), fstype=kind)]
    monkeypatch.setattr("seasoned.storage.engine.psutil.disk_partitions", lambda **_: parts)
    caplog.set_level(logging.INFO, logger="seasoned")
    study = Study(LINE, sampler=Random(), storage=f"sqlite:///{tmp_path}/s.db", name="s", seed=0)
    study.optimize(lambda config, trial: config["x"], trials=3)
    study.close()
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    assert journal == ("delete" if kind == "nfs4" else "wal")
    assert ("lies on a network disk" in caplog.text) == (kind == "nfs4")
    assert len(Study.load(f"sqlite:///{tmp_path}/s.db", "s").trials) == 3


# ------------------------------------------------------------------------------------------------ plans


def test_a_number_beyond_a_grid_gets_a_configuration():
    """Another sampler's driver had it and gave it back."""
    spec = StudySpec(Space(a=Int(1, 3)), seed=0)
    sampler = Grid()
    (given,), _ = sampler.ask(sampler.init(spec), [57])
    assert given.config["a"] in {1, 2, 3}


def test_of_too_many_configurations_none_is_queued():
    study = Study(Space(a=Int(1, 6)), sampler=Grid(resolution=6), seed=0)
    for _ in range(4):
        study.ask()
    three = [{"a": 1}, {"a": 2}, {"a": 3}]
    with pytest.raises(StudyConflict, match="3 configurations are to be queued and 2 of the sampler's 6 trials"):
        study.enqueue(*three)
    assert len(study.trials) == 4
    assert [trial.config["a"] for trial in study.enqueue(*three[:2])] == [1, 2]


@pytest.mark.parametrize("first", [[], [{"x": 0.9, "y": 0.9}, {"x": 0.8, "y": 0.1}]], ids=["alone", "with others"])
@pytest.mark.parametrize("sampler", [Bayes, Auto])
def test_evaluations_from_elsewhere_are_believed_beside_configurations_too(sampler, first):
    """Three of them have to be tried again first, however many other trials there are by then."""

    def loss(x, y):
        return (x - 0.3) ** 2 + (y - 0.6) ** 2

    known = [(place % 6 / 6 + 0.05, place // 6 / 5 + 0.05) for place in range(30)]
    values = [loss(*point) for point in known]
    best = sorted(zip(values, known, strict=True))[:3]
    warm = WarmStart(configurations=first, points=known, values=values)
    study = Study(PLANE, sampler=sampler(warm_start=warm), seed=0)
    study.optimize(lambda config: loss(config["x"], config["y"]), trials=len(first) + 5)
    tried = [(trial.config["x"], trial.config["y"]) for trial in study.trials[len(first) :][:3]]
    assert sorted(tried) == sorted(point for _, point in best)
    state = study._ledger.state
    assert len(getattr(state, "inner", state).seen) >= len(first) + 5 + 20, "the others have joined"


def test_an_enqueued_trial_costs_no_evaluations_from_elsewhere():
    points = [(0.1 * place, 0.5) for place in range(10)]
    warm = WarmStart(points=points, values=[abs(place - 4.0) for place in range(10)])
    study = Study(PLANE, sampler=Bayes(warm_start=warm), seed=0)
    study.enqueue({"x": 0.95, "y": 0.95})
    study.optimize(lambda config: abs(10 * config["x"] - 4.0), trials=5)
    assert len(study._ledger.state.seen) >= 5 + 7


# ------------------------------------------------------------------------------------------------ rungs


@pytest.mark.parametrize("reports", [False, True], ids=["returns", "reports"])
@pytest.mark.parametrize("sampler", [TPE(), Bayes()], ids=["tpe", "bayes"])
def test_a_rung_holds_only_values_that_were_measured_there(sampler, reports):
    rule = Hyperband(max=27, promote=True)
    study = Study(LINE, sampler=sampler, fidelity=rule, seed=0)

    def objective(config, trial):
        return train(config, trial) if reports else config["x"] + 1 / trial.budget

    study.optimize(objective, trials=30)
    views = study._ledger.state
    there = [0] * len(rule.levels)
    for trial in study.trials:
        steps = {step for step, _ in trial.reports} | ({27} if trial.state is TrialState.COMPLETE else set())
        for rung, level in enumerate(rule.levels):
            there[rung] += level in steps
    assert list(views.results) == there
    if not reports:
        assert views.results[0] < len(study.trials), "of a bracket without the rung nothing is known there"


def test_a_trial_that_has_left_a_rung_without_a_word_is_no_failure_there():
    sampler = ByRung(Bayes(), (1, 3, 9), Hyperband(max=9, promote=True))
    spec = StudySpec(LINE, seed=0)
    state = sampler.init(spec)
    careful = next(place for place in range(9) if sampler.rule.rungs_of(place) == (9,))
    state = sampler.tell(state, [Suggested(careful, Config({"x": 0.5}), None)])
    assert [len(one.pending) for one in (inner.seen for inner in state.states)] == [1, 1, 1]
    state = sampler.tell(state, [Finished(careful, TrialState.COMPLETE, (0.25,))])
    assert [len(inner.seen) for inner in state.states] == [0, 0, 1]
    assert [len(inner.seen.pending) for inner in state.states] == [0, 0, 0]
    assert state.results == (0, 0, 1)


def test_a_result_told_by_configuration_is_of_the_last_rung_alone():
    study = Study(PLANE, sampler=TPE(), fidelity=ASHA(max=9), seed=0)
    study.tell({"x": 0.4, "y": 0.1}, 0.5)  # lower than any value after one epoch
    study.optimize(train, trials=6)
    views = study._ledger.state
    assert views.results[0] == len(study.trials) - 1 == 5
    assert views.results[-1] == 1 + sum(trial.state is TrialState.COMPLETE for trial in study.trials[1:])


def test_where_nothing_is_reported_the_last_rung_is_modelled():
    study = Study(PLANE, sampler=TPE(), fidelity=ASHA(max=9), seed=0)
    study.optimize(lambda config, trial: config["x"], trials=3)
    assert study._ledger.state.results == (0, 0, 3)
    assert study._ledger.state.chosen == 2


def test_checkpoints_stay_where_the_study_is(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    made = Checkpoints(None, "sqlite:///s.db", "s", 0)
    plain = Checkpoints(None, "sqlite:///s.db", "s", 0).folder
    monkeypatch.chdir(tmp_path / "there")
    assert made.folder == plain
    assert Checkpoints(None, f"sqlite:///{tmp_path}/here/s.db?timeout=30", "s", 0).folder == plain
    given = Checkpoints(Path("runs"), None, "s", 0)
    monkeypatch.chdir(tmp_path)
    assert given.folder.parent == tmp_path / "there" / "runs"
