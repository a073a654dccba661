"""Attempts of a trial: drivers that die while they run it, and drivers that die before."""

from __future__ import annotations

import pytest

from seasoned import ASHA, Float, Random, Space, Study
from seasoned.fidelity import SuccessiveHalving
from seasoned.fidelity.base import Decision
from seasoned.storage import MemoryStorage
from seasoned.storage.base import Claim
from seasoned.study.replay import MOST_ATTEMPTS
from seasoned.trials import Reassigned, Reported, TrialState
from study_parts import ledger_of

SPACE = Space(x=Float(0, 1))


def works(config):
    return config["x"]


def reports(config, trial):
    for step in range(trial.step + 1, trial.budget + 1):
        trial.report(step, config["x"])
    return config["x"]


def left_by_dead_drivers(study, deaths, *, began=0):
    """Trial 0, taken over by one driver after another, of which the first ones died only after it had begun."""
    ledger, log = ledger_of(study), ledger_of(study).log
    (claim,) = log.claim(1, "first")
    ledger.suggest([claim.number], "first")
    holder = "first"
    for number in range(deaths):
        (claim,) = log.claim(1, f"dead{number}", dead=(holder,))
        holder = f"dead{number}"
        if number < began:
            ledger.began(claim.number, holder)
    log.release(holder)
    assert claim.attempt == deaths + 1


@pytest.mark.parametrize("rule", [None, ASHA(max=3)])
def test_a_trial_that_twelve_dead_drivers_never_began_is_run(rule):
    study = Study(SPACE, sampler=Random(), fidelity=rule, seed=0)
    left_by_dead_drivers(study, 12)
    study.optimize(works if rule is None else reports, trials=2)
    assert [trial.error for trial in study.trials if trial.state is TrialState.FAILED] == []


@pytest.mark.parametrize("rule", [None, ASHA(max=3)])
def test_a_trial_that_began_under_three_dead_drivers_is_given_up(rule):
    study = Study(SPACE, sampler=Random(), fidelity=rule, seed=0)
    left_by_dead_drivers(study, MOST_ATTEMPTS, began=MOST_ATTEMPTS - 1)
    study.optimize(works if rule is None else reports, trials=2)
    assert "its driver died 3 times while it ran" in study.trials[0].error


@pytest.mark.parametrize("options", [{}, {"trial_time_limit": 60}])
def test_a_trial_that_was_taken_over_logs_its_beginning(options):
    storage = MemoryStorage()
    study = Study(SPACE, sampler=Random(), storage=storage, name="s", seed=0)
    left_by_dead_drivers(study, 1)
    study.optimize(works, trials=2, **options)
    taken = [event for event in ledger_of(study).log.read() if isinstance(event, Reassigned)]
    assert [(event.number, event.begun) for event in taken] == [(0, True)], "a fresh trial needs no such event"


def test_a_trial_asked_by_hand_begins_at_once():
    study = Study(SPACE, sampler=Random(), seed=0)
    left_by_dead_drivers(study, 1)
    assert study.ask().number == 0
    assert ledger_of(study).history.begins(0) == 1


def stepwise(config, trial):
    for step in range(trial.step + 1, trial.budget + 1):
        trial.report(step, config["x"] + 1.0 / step)
    return config["x"] + 1.0 / trial.budget


def test_drivers_that_died_while_a_trial_was_paused_do_not_count():
    """Each death counted, so that trials which had waited through four were failures as soon as they were promoted."""
    storage, rule, calls = MemoryStorage(), SuccessiveHalving(max=9, size=9, eta=3), []

    def counted(config, trial):
        if len(calls) == 9:
            raise KeyboardInterrupt
        calls.append(trial.number)
        return stepwise(config, trial)

    study = Study(SPACE, sampler=Random(), seed=0, storage=storage, name="s", fidelity=rule)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(counted, trials=9)
    log, before = ledger_of(study).log, ()
    for number in range(4):
        claims = log.claim(9, f"dead{number}", dead=before)
        before = (f"dead{number}",)
    assert min(claim.attempt for claim in claims) == 4
    log.release("dead3")
    calls.append("no more interrupts")
    again = Study.load(storage, "s", sampler=Random(), fidelity=rule)
    again.optimize(stepwise, trials=9)
    assert not any(trial.state is TrialState.FAILED for trial in again.trials)
    assert again.best.reports[-1][0] == 9


def test_a_promoted_trial_that_kills_its_drivers_is_given_up():
    study = Study(SPACE, sampler=Random(), seed=0, fidelity=ASHA(max=4, eta=2, promote=True))
    ledger, claim = ledger_of(study), Claim(0, MOST_ATTEMPTS + 1)
    ledger.suggest([0], "one")
    for number in range(MOST_ATTEMPTS - 1):
        assert not ledger.kills(claim, Decision.GO_ON), "it did not begin"
        ledger.take(0, f"early{number}")
        ledger.began(0, f"early{number}")
    assert ledger.kills(claim, Decision.GO_ON), "it never reported"
    assert not ledger.kills(Claim(0, MOST_ATTEMPTS), Decision.GO_ON)
    ledger.record([Reported(0, 1, 0.5)])
    for number in range(MOST_ATTEMPTS):
        assert not ledger.kills(claim, Decision.PROMOTE)
        ledger.take(0, f"driver{number}")
        ledger.relaunched([0], f"driver{number}")
    assert ledger.kills(claim, Decision.PROMOTE)
    assert not ledger.kills(claim, Decision.PAUSE)
    assert not ledger.kills(claim, Decision.STOP), "it is to end anyhow"
    ledger.record([Reported(0, 2, 0.4)])
    assert not ledger.kills(claim, Decision.PROMOTE), "it has come further since"


def test_a_trial_that_comes_further_with_each_driver_is_not_given_up():
    """As on machines that are taken away every hour: the trial goes on from its checkpoint, and reports."""
    study = Study(SPACE, sampler=Random(), seed=0, fidelity=ASHA(max=4, eta=2))
    ledger, claim = ledger_of(study), Claim(0, 2 * MOST_ATTEMPTS)
    ledger.suggest([0], "one")
    for number in range(MOST_ATTEMPTS):
        ledger.take(0, f"driver{number}")
        assert number == 0 or not ledger.kills(claim, Decision.GO_ON), "it has come further since"
        ledger.record([Reported(0, number + 5, 0.5)])
    for number in range(MOST_ATTEMPTS - 1):
        assert not ledger.kills(claim, Decision.GO_ON)
        ledger.take(0, f"again{number}")
        ledger.began(0, f"again{number}")
    assert ledger.kills(claim, Decision.GO_ON), "three died since it last reported"
