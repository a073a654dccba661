"""What a reading by fresh eyes found in studies: drivers that died, results that could not be stored, batches."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from seasoned import Categorical, Float, Random, Space, Study
from seasoned.errors import AllTrialsFailed, StorageError
from seasoned.execution import LocalExecutor
from seasoned.fidelity import ASHA, SuccessiveHalving
from seasoned.samplers import TPE, Auto, DifferentialEvolution
from seasoned.samplers.evolution.differential import _size_now
from seasoned.storage import MemoryStorage
from seasoned.study.leases import Lease
from seasoned.trials import Finished, TrialState, WarmStart

LINE = Space(x=Float(0, 1))
DIES = """
import os, sys
from seasoned import Float, Random, Space, Study
from seasoned.fidelity import SuccessiveHalving

def train(config, trial):
    if trial.number == 20:
        os._exit(9)
    for step in range(trial.step + 1, trial.budget + 1):
        trial.report(step, config["x"] + 1 / step)
    return config["x"]

study = Study(Space(x=Float(0, 1)), sampler=Random(), storage=sys.argv[1], name="s", fidelity=SuccessiveHalving(max=27))
study.optimize(train, trials=27)
"""


def train(config, trial):
    for step in range(trial.step + 1, trial.budget + 1):
        trial.report(step, config["x"] + 1 / step)
    return config["x"] + 1 / trial.budget


def test_nobody_waits_for_a_driver_that_was_killed(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    killed = subprocess.run([sys.executable, "-c", DIES, url], capture_output=True, cwd=tmp_path, check=False)
    assert killed.returncode == 9, killed.stderr.decode()
    study = Study(LINE, sampler=Random(), storage=url, name="s", fidelity=SuccessiveHalving(max=27))
    asked = []
    timer = threading.Timer(120, lambda: asked.append(study.stop()))  # rather than for ever
    timer.daemon = True
    timer.start()
    study.optimize(train, trials=10)
    timer.cancel()
    assert not asked
    ended = [trial for trial in study.trials if trial.state is not TrialState.RUNNING]
    assert len(ended) >= 10
    assert any(trial.state is TrialState.COMPLETE for trial in ended)


def test_failures_end_no_search_whose_trials_wait_at_a_rung():
    def some(config, trial):
        if config["x"] > 0.6:
            raise MemoryError("too large")
        return train(config, trial)

    study = Study(LINE, sampler=Random(), fidelity=ASHA(promote=True), seed=0)
    study.optimize(some, trials=120)
    states = [trial.state for trial in study.trials]
    assert states.count(TrialState.FAILED) > 20
    assert states.count(TrialState.COMPLETE) >= 1

    def all_of_them(config, trial):
        raise MemoryError("too large")

    with pytest.raises(AllTrialsFailed):
        Study(LINE, sampler=Random(), fidelity=ASHA(promote=True), seed=0).optimize(all_of_them, trials=120)


@pytest.mark.parametrize("written", [False, True], ids=["before it was written", "after it was written"])
def test_a_result_survives_a_store_that_is_away_for_a_moment(monkeypatch, written, caplog):
    monkeypatch.setattr("seasoned.study.driver.RETRIES", (0.01, 0.01, 0.01))
    study = Study(LINE, storage=MemoryStorage(), name="s", sampler=Random(), seed=0)
    kind = type(study._ledger.log)
    append, away, told = kind.append, [True, True], []

    def unsure(self, events):
        ends = any(isinstance(event, Finished) for event in events)
        if ends and away and written:
            append(self, events)
        if ends and away:
            raise StorageError(f"the server is away, {len(away)}; {away.pop()}")
        return append(self, events)

    monkeypatch.setattr(kind, "append", unsure)
    study.optimize(lambda config: config["x"], trials=3, callbacks=[lambda _, trial: told.append(trial.number)])
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 3
    assert told == [0, 1, 2]
    assert "could not be stored; retrying in" in caplog.text


def test_a_store_that_stays_away_is_told(monkeypatch):
    monkeypatch.setattr("seasoned.study.driver.RETRIES", (0.01,))
    study = Study(LINE, storage=MemoryStorage(), name="s", sampler=Random(), seed=0)

    def away(self, events):
        if any(isinstance(event, Finished) for event in events):
            raise StorageError("the server is away")
        return append(self, events)

    append = type(study._ledger.log).append
    monkeypatch.setattr(type(study._ledger.log), "append", away)
    with pytest.raises(StorageError, match="the server is away"):
        study.optimize(lambda config: config["x"], trials=3)


def line(config):
    return config["x"]


def test_an_error_in_a_callback_loses_none_of_a_batch(monkeypatch):
    study = Study(LINE, storage=MemoryStorage(), name="s", sampler=Random(), seed=0)
    wait = LocalExecutor.wait

    def both(self, timeout=None):
        found = []
        while len(found) < 2:
            found += wait(self, 1.0)
        return found

    monkeypatch.setattr(LocalExecutor, "wait", both)

    def broken(study, trial):
        raise RuntimeError("callback")

    with pytest.raises(RuntimeError, match="callback"):
        study.optimize(line, trials=2, workers=2, callbacks=[broken])
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 2


def test_the_survivor_of_a_rung_goes_on_though_all_others_failed():
    def one(config, trial):
        if trial.number:
            raise MemoryError("too large")
        return train(config, trial)

    study = Study(LINE, sampler=Random(), fidelity=SuccessiveHalving(max=27), seed=0)
    study.optimize(one, trials=27)
    assert [trial.number for trial in study.trials if trial.state is TrialState.COMPLETE] == [0]


def test_a_beat_goes_on_whatever_a_store_raised():
    storage = MemoryStorage()
    study = Study(LINE, storage=storage, name="s", sampler=Random(), seed=0)
    log = study._ledger.log
    renew, calls = log.renew, []

    def shaky(driver):
        calls.append(driver)
        if len(calls) == 2:
            raise ConnectionError("away")
        return renew(driver)

    log.renew = shaky
    lease = Lease(log, "optimize", 0.12)
    deadline = time.monotonic() + 20
    while len(calls) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    lease.end()
    assert len(calls) >= 4


def test_a_batch_of_tpe_has_no_point_twice():
    space = Space(a=Categorical([*"abcdefgh"]))
    study = Study(space, sampler=TPE(startup=2), seed=0)
    batch = [study.ask() for _ in range(2)]
    sampler = TPE(startup=2)
    state = sampler.init(study._ledger.spec)
    suggestions, _ = sampler.ask(state, range(8))
    assert len({suggestion.config["a"] for suggestion in suggestions}) == 8
    assert len({trial.config["a"] for trial in batch}) == 2


def test_differential_evolution_has_a_population_beyond_its_budget():
    sampler = DifferentialEvolution()
    study = Study(LINE, sampler=sampler, budget=40, seed=0)
    study.optimize(lambda config: config["x"] ** 2, trials=400)
    state = study._ledger.state
    assert state.start > 40  # it has begun anew, for all members had become one
    assert _size_now(state) == len(state.points) > 4


def test_what_is_to_be_tried_first_is_tried_whoever_searches_then():
    configs = tuple({"x": place / 300} for place in range(290))
    study = Study(LINE, sampler=Auto(warm_start=WarmStart(configurations=configs)), budget=2000, seed=0)
    study.optimize(lambda config: config["x"], trials=295)
    assert [trial.config["x"] for trial in study.trials[:290]] == [config["x"] for config in configs]
    assert type(study._ledger.state.chosen).__name__ != "Bayes"
