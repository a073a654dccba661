"""Outages of the store: results, reports and claims are tried again."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest

from seasoned import ASHA, Categorical, Float, Random, Space, Study
from seasoned.errors import StorageError
from seasoned.samplers import Grid
from seasoned.storage import MemoryStorage
from seasoned.storage.engine import Connections
from seasoned.trials import Finished, TrialState
from study_parts import ledger_of

SPACE = Space(x=Float(0, 1))
POSITIVE = Space(x=Float(0.1, 1))


class AwayStorage(MemoryStorage):
    """Its logs refuse to claim so many times, and say where they no longer do."""

    away = 0
    back = None

    def open(self, name, created):
        log = super().open(name, created)
        claim = log.claim

        def claims(*given, **named):
            if self.away > 0:
                self.away -= 1
                raise StorageError("the server restarts")
            found = claim(*given, **named)
            if self.back is not None:
                self.back.touch()
            return found

        log.claim = claims
        return log


def test_a_short_outage_ends_no_running_trial(tmp_path, caplog):
    back, storage = tmp_path / "back", AwayStorage()

    def waits(config, trial):
        while trial.number == 1 and not back.exists():  # runs for as long as the store is away
            time.sleep(0.02)
        return config["x"]

    def once(_, trial):
        if trial.number == 0:
            storage.away, storage.back = 2, back

    study = Study(Space(x=Categorical([1.0, 2.0, 3.0])), sampler=Grid(), storage=storage, name="s")
    study.optimize(waits, workers=2, trials=3, callbacks=[once])
    assert [trial.values for trial in study.trials] == [(1.0,), (2.0,), (3.0,)]
    assert caplog.text.count("no trial can be started; retrying while 1 are running: the server restarts") == 1


def works(config):
    return config["x"]


def test_an_outage_without_a_running_trial_is_raised_at_once():
    storage = AwayStorage()
    study = Study(SPACE, sampler=Random(), storage=storage, name="s")
    storage.away = 1
    with pytest.raises(StorageError, match="restarts"):
        study.optimize(works, trials=3)


@pytest.mark.parametrize("written", [False, True], ids=["before it was written", "after it was written"])
def test_a_result_survives_a_short_outage(monkeypatch, written, caplog):
    monkeypatch.setattr("seasoned.study.driver.RETRIES", (0.01, 0.01, 0.01))
    study = Study(SPACE, storage=MemoryStorage(), name="s", sampler=Random(), seed=0)
    kind = type(ledger_of(study).log)
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


def test_a_long_outage_is_raised_as_a_storage_error(monkeypatch):
    monkeypatch.setattr("seasoned.study.driver.RETRIES", (0.01,))
    study = Study(SPACE, storage=MemoryStorage(), name="s", sampler=Random(), seed=0)

    def away(self, events):
        if any(isinstance(event, Finished) for event in events):
            raise StorageError("the server is away")
        return append(self, events)

    append = type(ledger_of(study).log).append
    monkeypatch.setattr(type(ledger_of(study).log), "append", away)
    with pytest.raises(StorageError, match="the server is away"):
        study.optimize(lambda config: config["x"], trials=3)


def test_a_report_survives_a_short_outage(tmp_path, monkeypatch, caplog):
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

    study = Study(POSITIVE, fidelity=ASHA(max=3), sampler=Random(), seed=1, storage=tmp_path / "s.db", name="s")
    study.optimize(f, trials=1)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE]
    assert [step for step, _ in study.trials[0].reports] == [1, 2, 3]
    assert "a report of trial 0 could not be stored; retrying in" in caplog.text
