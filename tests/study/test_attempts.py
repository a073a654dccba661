"""An attempt is a trial that began: drivers that die while they start are none."""

from __future__ import annotations

import pytest

from seasoned import ASHA, Float, Random, Space, Study
from seasoned.storage import MemoryStorage
from seasoned.study.replay import MOST_ATTEMPTS
from seasoned.trials import Reassigned, TrialState

SPACE = Space(x=Float(0, 1))


def works(config):
    return config["x"]


def reports(config, trial):
    for step in range(trial.step + 1, trial.budget + 1):
        trial.report(step, config["x"])
    return config["x"]


def left_by_dead_drivers(study, deaths, *, began=0):
    """Trial 0, taken over by one driver after another, of which the first ones died only after it had begun."""
    ledger, log = study._ledger, study._ledger.log
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
def test_a_trial_that_twelve_drivers_took_over_and_never_began_is_run(rule):
    study = Study(SPACE, sampler=Random(), fidelity=rule, seed=0)
    left_by_dead_drivers(study, 12)
    study.optimize(works if rule is None else reports, trials=2)
    assert [trial.error for trial in study.trials if trial.state is TrialState.FAILED] == []


@pytest.mark.parametrize("rule", [None, ASHA(max=3)])
def test_a_trial_that_began_under_each_is_given_up(rule):
    study = Study(SPACE, sampler=Random(), fidelity=rule, seed=0)
    left_by_dead_drivers(study, MOST_ATTEMPTS, began=MOST_ATTEMPTS - 1)
    study.optimize(works if rule is None else reports, trials=2)
    assert "its driver died 3 times while it ran" in study.trials[0].error


@pytest.mark.parametrize("options", [{}, {"trial_time_limit": 60}])
def test_a_trial_that_was_taken_over_tells_that_it_begins(options):
    storage = MemoryStorage()
    study = Study(SPACE, sampler=Random(), storage=storage, name="s", seed=0)
    left_by_dead_drivers(study, 1)
    study.optimize(works, trials=2, **options)
    taken = [event for event in study._ledger.log.read() if isinstance(event, Reassigned)]
    assert [(event.number, event.begun) for event in taken] == [(0, True)], "a fresh trial needs no such event"


def test_what_is_asked_by_hand_begins_at_once():
    study = Study(SPACE, sampler=Random(), seed=0)
    left_by_dead_drivers(study, 1)
    assert study.ask().number == 0
    assert study._ledger.history.begins(0) == 1
