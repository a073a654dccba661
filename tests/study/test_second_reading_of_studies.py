"""Edges that a reading found: interrupted syncs, deleted studies, adopted trials, numbers of other libraries."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

from seasoned import Float, Random, Space, Study
from seasoned.errors import InvalidInput, StorageError
from seasoned.fidelity import ASHA
from seasoned.storage import MemoryStorage, SqlStorage
from seasoned.study.leases import is_gone, new_driver
from seasoned.trials import Created, StudySpec, Suggested, TrialState

SPACE = Space(x=Float(0, 1))


@pytest.fixture(params=["memory", "sqlite"])
def storage(request, tmp_path):
    if request.param == "memory":
        yield MemoryStorage()
    else:
        store = SqlStorage(f"sqlite:///{tmp_path}/s.db")
        yield store
        store.close()


class Interrupted(Random):
    """Random search in which one look at results is interrupted."""

    strikes = True

    def tell(self, state, events):
        if Interrupted.strikes:
            Interrupted.strikes = False
            raise KeyboardInterrupt
        return super().tell(state, events)


def test_an_interrupted_sync_is_made_up_for():
    Interrupted.strikes = True
    study = Study(SPACE, sampler=Interrupted(), fidelity=ASHA(min=1, max=9, eta=3), seed=1)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(lambda config, trial: trial.report(config["x"], 9) or config["x"], trials=4)
    study.optimize(lambda config, trial: trial.report(config["x"], 9) or config["x"], trials=4)
    assert sum(trial.state is not TrialState.RUNNING for trial in study.trials) == 4


def test_a_driver_of_a_deleted_study_does_not_write_into_its_successor(tmp_path):
    storage = SqlStorage(f"sqlite:///{tmp_path}/s.db")
    old = storage.open("a", Created(StudySpec(SPACE, seed=1)))
    storage.delete("a")
    new = storage.open("a", Created(StudySpec(SPACE, seed=2)))
    with pytest.raises(StorageError, match="was deleted while it ran"):
        old.append([Suggested(0, {"x": 0.5}, None, "driver")])
    assert len(new.read()) == 1
    storage.close()


def test_a_trial_that_was_taken_over_by_hand_does_not_count(storage):
    study = Study(SPACE, sampler=Random(), storage=storage, name="s", seed=1)

    def interrupts(config):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.optimize(interrupts, trials=5)
    assert study.ask().number == 0
    study.optimize(lambda config: config["x"], trials=5)
    assert sum(trial.state is TrialState.COMPLETE for trial in study.trials) == 5


def test_numbers_of_numpy_are_numbers(storage):
    study = Study(SPACE, sampler=Random(), storage=storage, name="s", seed=np.int64(3), budget=np.int64(7))
    study.ask()
    assert study.tell(np.int64(0), 0.5).state is TrialState.COMPLETE
    study.optimize(lambda config: config["x"], trials=2, workers=np.int64(1))
    assert len(study.trials) == 2


@pytest.mark.parametrize(("given", "said"), [({"seed": -1}, "seed is -1"), ({"seed": 0.5}, "seed is 0.5")])
def test_seeds_that_are_none_are_refused_at_once(given, said):
    with pytest.raises(InvalidInput, match=re.escape(said)):
        Study(SPACE, **given)


def test_a_process_that_is_hidden_from_us_is_not_gone(monkeypatch):
    driver = new_driver("optimize")
    hidden = driver.replace(f"|{os.getpid()}|", "|4194303|")
    assert not is_gone(driver)
    assert is_gone(hidden)

    def refuse(pid, signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert not is_gone(hidden)
