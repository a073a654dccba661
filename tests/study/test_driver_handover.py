"""Handover between drivers: trials that are taken over, and numbers that another driver holds."""

from __future__ import annotations

import pytest

from seasoned import ASHA, Float, Random, Space, Study
from seasoned.fidelity import SuccessiveHalving
from seasoned.storage import SqlStorage
from seasoned.storage.base import ASK_TELL
from seasoned.study.fidelity_control import FidelityControl
from seasoned.study.leases import Lease
from seasoned.trials import Config, Created, Finished, Reassigned, Reported, StudySpec, Suggested, TrialState
from study_parts import ledger_of

POSITIVE = Space(x=Float(0.1, 1))
LINE = Space(x=Float(0, 1))
SYMMETRIC = Space(x=Float(-1, 1))


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
    ledger_of(study).sync()  # as a look for others does now and then


@pytest.mark.parametrize("given_back", [False, True])
def test_a_trial_taken_over_by_another_driver_is_left_to_it(tmp_path, given_back):
    url, runs = f"sqlite:///{tmp_path}/s.db", []

    def f(config, trial):
        runs.append([])
        for epoch in range(1, 10):
            trial.report(epoch, 1 / epoch)
            runs[-1].append(epoch)
            if epoch == 2 and len(runs) == 1:
                taken_over(url, study, given_back=given_back)
        return 0.0

    study = Study(POSITIVE, fidelity=ASHA(max=9), sampler=Random(), seed=1, storage=url, name="s")
    study.optimize(f, trials=1, time_limit=None if given_back else 1.0)
    assert runs[0] == [1, 2], "it has left"
    assert len(runs) == 1 + given_back, "and goes on where nobody has it"
    assert study.trials[0].state is (TrialState.COMPLETE if given_back else TrialState.RUNNING)


def train(config, trial):
    for step in range(trial.step + 1, trial.budget + 1):
        trial.report(step, config["x"] + 1 / step)
    return config["x"] + 1 / trial.budget


def test_a_number_claimed_by_another_driver_is_waited_for(tmp_path, monkeypatch):
    """Its number is taken and not in the log yet: its reports will come, so nobody's paused trials are out."""
    url = f"sqlite:///{tmp_path}/s.db"
    study = Study(LINE, sampler=Random(), storage=url, name="s", fidelity=SuccessiveHalving(max=9, size=9), seed=0)
    other = SqlStorage(url).open("s", Created(ledger_of(study).spec))
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


def test_a_number_claimed_by_hand_is_not_waited_for(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    study = Study(LINE, sampler=Random(), storage=url, name="s", fidelity=SuccessiveHalving(max=9, size=9), seed=0)
    other = SqlStorage(url).open("s", Created(ledger_of(study).spec))
    lease = Lease(other, ASK_TELL)
    other.claim(1, lease.driver)
    study.optimize(train, trials=9)  # and it ends
    lease.end()
    assert study.best.state is TrialState.COMPLETE


def test_a_trial_taken_over_is_waited_for_while_its_new_driver_lives(tmp_path):
    ledger = ledger_of(Study(SYMMETRIC, fidelity=SuccessiveHalving(max=9, size=2), sampler=Random(), seed=1))
    ledger.suggest([0, 1], "dead")
    ledger.record([Reported(1, 1, 0.5)])
    pace = FidelityControl(ledger, tmp_path, lambda: False)
    pace.take(1, "here", asked_here=False)
    pace.paused.add(1)
    assert pace.everybody_waits({"alive"}), "the dead one's trial is nobody's"
    assert pace.last_resort({"alive"}) == 1
    assert ledger.take(0, "alive")
    assert not ledger.take(0, "alive"), "it is that driver's already"
    assert ledger.log.read()[-1] == Reassigned(0, "alive")
    assert not pace.everybody_waits({"alive"})
    ledger.record([Finished(0, TrialState.FAILED, error="lost"), Reassigned(0, "late")])
    assert pace.everybody_waits({"alive", "late"})
