"""Trials by hand: numbers, results, seconds and errors of ask and tell."""

from __future__ import annotations

import math

import numpy as np
import pytest

from random_search import RandomStudy
from seasoned import ASHA, Categorical, Choice, Float, Random, Space, Study
from seasoned.errors import InvalidInput, StorageError, StudyConflict
from seasoned.samplers import Grid
from seasoned.trials import TrialState
from study_parts import ledger_of

NESTED = Space(x=Float(-1, 1), branch=Choice(a=Space(y=Float(0, 1)), b=Space()))
SPACE = Space(x=Float(0, 1))


def test_ask_numbers_trials_and_tell_ends_them():
    study = RandomStudy(NESTED, seed=0)
    first, second = study.ask(), study.ask()
    assert (first.number, second.number) == (0, 1)
    assert study.tell(second, 0.5).state is TrialState.COMPLETE
    assert study.tell(first.number, error="no luck").error == "no luck"
    assert study.tell(study.ask(), math.nan).state is TrialState.FAILED
    with pytest.raises(StudyConflict, match="complete already"):
        study.tell(second, 0.1)
    with pytest.raises(InvalidInput, match="no trial 99"):
        study.tell(99, 0.1)
    with pytest.raises(InvalidInput, match="either values or error"):
        study.tell(study.ask())
    assert study.best.value == 0.5


def url(tmp_path):
    return f"sqlite:///{tmp_path}/study.db"


def test_a_trial_can_be_told_through_another_study_object(tmp_path):
    asker = RandomStudy(NESTED, storage=url(tmp_path), name="s")
    trial = asker.ask()
    teller = RandomStudy(NESTED, storage=url(tmp_path), name="s")
    teller.tell(trial.number, 0.25)
    assert asker.best.value == 0.25


def square(config):
    return config["x"] ** 2


def test_optimize_does_not_wait_for_trials_asked_by_hand(tmp_path):
    study = RandomStudy(NESTED, storage=url(tmp_path), name="s")
    study.ask()
    study.ask(detached=True)
    study.optimize(square, trials=5)
    assert sum(t.state is TrialState.COMPLETE for t in study.trials) == 5


def test_trials_of_an_ended_process_go_to_the_next_ask(tmp_path):
    study = RandomStudy(NESTED, storage=url(tmp_path), name="s")
    mine, kept = study.ask(), study.ask(detached=True)
    study.close()
    again = RandomStudy(NESTED, storage=url(tmp_path), name="s")
    assert again.ask() == mine
    assert again.ask().number == kept.number + 1


def test_seconds_of_a_trial_by_hand_are_its_own_or_unknown():
    study = Study(SPACE, sampler=Random(), seed=0)
    first = study.ask()
    assert study.tell(first, 0.0).seconds >= 0.0
    several = [study.ask() for _ in range(3)]
    assert [study.tell(trial, 0.0).seconds for trial in several] == [None, None, None]
    assert study.tell(study.ask(), 0.0, seconds=np.float64(3600)).seconds == 3600.0
    with pytest.raises(InvalidInput, match="seconds is -1"):
        study.tell(study.ask(), 0.0, seconds=-1)


def test_tell_accepts_an_exception_as_the_error():
    study = Study(SPACE, sampler=Random(), seed=0)
    told = study.tell(study.ask(), error=ValueError("too large\nby far"))
    assert told.error == "ValueError: too large"
    assert study.tell(study.ask(), pruned="").error == "pruned"
    with pytest.raises(InvalidInput, match="error is 3"):
        study.tell(study.ask(), error=3)


def test_the_number_of_an_interrupted_ask_is_asked_again(monkeypatch):
    space = Space(x=Categorical([1, 2, 3]))
    study = Study(space, sampler=Grid(), seed=0)
    suggest = ledger_of(study).suggest

    def interrupted(*_):
        raise KeyboardInterrupt

    for detached in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(ledger_of(study), "suggest", interrupted)
            with pytest.raises(KeyboardInterrupt):
                study.ask(detached=detached)
    assert ledger_of(study).suggest == suggest
    asked = [study.ask() for _ in range(3)]
    assert sorted(trial.config["x"] for trial in asked) == [1, 2, 3]
    with pytest.raises(StudyConflict, match="have all been asked"):
        study.ask()


def test_a_result_that_was_not_stored_is_judged_once(monkeypatch):
    study = Study(SPACE, sampler=Random(), seed=0, fidelity=ASHA(max=27, promote=True))
    trial = study.ask()
    running = study.live(trial)
    assert running.budget < 27
    record = ledger_of(study).record

    def full(*_):
        raise StorageError("the disk is full")

    monkeypatch.setattr("seasoned.study.fidelity_control.RETRIES", ())
    with monkeypatch.context() as patch:
        patch.setattr(ledger_of(study), "record", full)
        with pytest.raises(StorageError):
            study.tell(trial, 0.5)
    assert ledger_of(study).record == record
    told = study.tell(trial, 0.5)
    assert told.state is TrialState.RUNNING, "a rung is no end"
    assert [step for step, _ in told.reports] == [running.budget]


def test_a_second_tell_replaces_a_result_that_was_not_stored(monkeypatch):
    study = Study(SPACE, sampler=Random(), seed=0)
    trial = study.ask()

    def full(*_):
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(ledger_of(study), "record", full)
        with pytest.raises(StorageError):
            study.tell(trial, 0.5)
    assert study.tell(trial, error="lost").error == "lost"


def test_a_trial_taken_over_by_hand_does_not_count(storage):
    study = Study(SPACE, sampler=Random(), storage=storage, name="s", seed=1)

    def interrupts(config):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.optimize(interrupts, trials=5)
    assert study.ask().number == 0
    study.optimize(lambda config: config["x"], trials=5)
    assert sum(trial.state is TrialState.COMPLETE for trial in study.trials) == 5
