"""Changes of the space: trials, failures and warm starts of a study that moves to another space."""

from __future__ import annotations

import logging

import pytest

import seasoned
from random_search import RandomStudy
from seasoned import Choice, Float, Int, Random, Space, Study, WarmStart
from seasoned.errors import AllTrialsFailed, InvalidInput, StorageError, StudyConflict
from seasoned.fidelity import Hyperband
from seasoned.storage import MemoryStorage
from seasoned.trials import SpaceChanged, TrialState
from study_parts import ledger_of

SPACE = Space(x=Float(-1, 1), n=Int(1, 5))
NESTED = Space(x=Float(-1, 1), branch=Choice(a=Space(y=Float(0, 1)), b=Space()))
LINE = Space(x=Float(0, 1))
SQUARE = Space(x=Float(0, 1), y=Float(0, 1))


def loss(config):
    return config["x"] ** 2 + config["n"]


def test_opening_a_study_in_another_space_changes_nothing(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    running = Study(SPACE, sampler=Random(), storage=url, name="night", seed=0)
    running.optimize(loss, trials=5)
    looked = Study(Space(x=Float(-1, 1), n=Int(1, 2)), sampler=Random(), storage=url, name="night")
    assert len(looked.frame()) == 5
    assert looked.best.config["n"] <= 2
    running.optimize(loss, trials=8)
    assert len(looked.trials) == 8
    assert not any(isinstance(event, SpaceChanged) for event in ledger_of(running).log.read())


def test_a_study_moves_to_a_new_space_with_its_first_trial_there(caplog):
    storage = MemoryStorage()
    Study(SPACE, sampler=Random(), storage=storage, name="s", seed=0).optimize(loss, trials=6)
    narrow = Study(Space(x=Float(-1, 1), n=Int(7, 9)), sampler=Random(), storage=storage, name="s")
    with pytest.raises(StudyConflict, match="6 in another that it was in before"):
        _ = narrow.best
    with caplog.at_level(logging.WARNING, "seasoned.study"):
        trial = narrow.ask()
    assert trial.number == 6
    assert "6 of its 6 trials are not valid" in caplog.text
    assert [event.first for event in ledger_of(narrow).log.read() if isinstance(event, SpaceChanged)] == [6]
    narrow.tell(trial, 1.0)
    assert narrow.best.number == 6
    again = Study(Space(x=Float(-1, 1), n=Int(7, 9)), sampler=Random(), storage=storage, name="s")
    again.optimize(loss, trials=3)
    assert sum(isinstance(event, SpaceChanged) for event in ledger_of(again).log.read()) == 1


def square(config):
    return config["x"] ** 2


def url(tmp_path):
    return f"sqlite:///{tmp_path}/study.db"


def test_a_new_space_keeps_the_trials_that_are_valid_there(tmp_path):
    study = RandomStudy(NESTED, storage=url(tmp_path), name="s", seed=0)
    study.optimize(square, trials=20)
    best_outside = min(t.value for t in study.trials)
    narrow = Space(x=Float(0.5, 1), branch=NESTED.parameters["branch"])
    moved = RandomStudy(narrow, storage=url(tmp_path), name="s")
    valid = [t for t in moved.trials if narrow.contains(t.config)]
    assert 0 < len(valid) < 20
    assert moved.best.value == min(t.value for t in valid) > best_outside
    moved.optimize(square, trials=len(valid) + 5)
    assert len(moved.trials) == 25
    assert all(narrow.contains(t.config) for t in moved.trials[20:])
    with pytest.raises(StudyConflict, match="another space"):
        study.optimize(square, trials=100)
    back = RandomStudy(NESTED, storage=url(tmp_path), name="s")
    assert back.best.value == best_outside


@pytest.mark.parametrize("by_hand", [False, True])
def test_trials_queued_in_another_space_are_pruned(tmp_path, by_hand):
    old = RandomStudy(Space(x=Float(0, 1)), storage=url(tmp_path), name="s", seed=0)
    old.enqueue({"x": 0.5})
    moved = RandomStudy(Space(x=Float(2, 3)), storage=url(tmp_path), name="s")
    seen = []
    if by_hand:
        seen.append(moved.ask().config["x"])
    else:
        moved.optimize(lambda c: seen.append(c["x"]) or c["x"], trials=3)
        assert len(seen) == 3
    assert all(2 <= x <= 3 for x in seen)
    assert (moved.trials[0].state, "earlier space" in moved.trials[0].error) == (TrialState.PRUNED, True)


def test_a_refused_study_does_not_change_the_stored_space(tmp_path):
    study = RandomStudy(NESTED, storage=url(tmp_path), name="s", seed=1)
    study.optimize(square, trials=3)
    other = Space(x=Float(0, 1))
    with pytest.raises(StudyConflict, match="direction"):
        RandomStudy(other, storage=url(tmp_path), name="s", direction="maximize")
    with pytest.raises(StudyConflict, match="seed"):
        RandomStudy(other, storage=url(tmp_path), name="s", seed=2)

    class Choosy(Random):
        def init(self, spec):
            if spec.space == other:
                raise InvalidInput("not there.")
            return super().init(spec)

    with pytest.raises(InvalidInput, match="not there"):
        seasoned.Study(other, storage=url(tmp_path), name="s", sampler=Choosy())
    study.optimize(square, trials=5)
    assert len(study.trials) == 5


def test_two_drivers_that_move_a_study_to_the_same_space_agree(tmp_path):
    RandomStudy(Space(x=Float(-1, 1)), storage=url(tmp_path), name="s", seed=1).optimize(square, trials=3)
    first = RandomStudy(NESTED, storage=url(tmp_path), name="s")
    ledger_of(first).log.append([SpaceChanged(NESTED, first=3)])  # the other one had looked before
    first.optimize(square, trials=6)
    assert ledger_of(first).spec.first == 3
    second = RandomStudy(NESTED, storage=url(tmp_path), name="s")
    assert ledger_of(second).spec == ledger_of(first).spec
    assert len(second.trials) == 9


def x_of(config):
    return config["x"]


def fails(config):
    raise KeyError("y")


def test_failures_in_a_new_space_end_the_search_despite_old_successes(tmp_path):
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


def test_failures_in_the_old_space_do_not_count_in_the_new_one(tmp_path, caplog):
    place = {"storage": tmp_path / "s.db", "name": "s"}
    old = Study(LINE, sampler=Random(), seed=0, **place)
    for place_ in range(5):
        old.tell({"x": place_ / 8}, error="it broke")
    moved = Study(SQUARE, sampler=Random(), **place)
    moved.optimize(x_of, trials=3)
    moved.optimize(x_of, trials=3)
    assert "holds 3 finished trials already (0 of them failed)" in caplog.text


def test_a_change_of_space_that_was_not_stored_is_stored_later(monkeypatch):
    storage = MemoryStorage()
    Study(LINE, storage=storage, name="s", sampler=Random(), seed=0).optimize(lambda config: config["x"], trials=2)
    wide = Space(x=Float(0, 1), y=Float(0, 1))
    study = Study(wide, storage=storage, name="s", sampler=Random())
    log = ledger_of(study).log

    def full(_):
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(type(log), "append", lambda _, events: full(events))
        with pytest.raises(StorageError):
            study.optimize(lambda config: config["x"], trials=4)
    study.optimize(lambda config: config["x"], trials=4)
    assert sum(isinstance(event, SpaceChanged) for event in log.read()) == 1
    assert Study.load(storage, "s", sampler=Random()).space == wide


def test_configurations_of_a_warm_start_are_tried_once_in_all_spaces(tmp_path):
    store = f"sqlite:///{tmp_path}/runs.db"
    warm = WarmStart(configurations=[{"x": 0.25}, {"x": 0.5}, {"x": 0.75}])
    first = Study(Space(x=Float(0, 1)), sampler=Random(warm_start=warm), storage=store, name="s", seed=0)
    first.optimize(lambda config: config["x"], trials=2)
    second = Study(Space(x=Float(0, 2)), sampler=Random(), storage=store, name="s")
    second.optimize(lambda config: config["x"], trials=6)
    tried = [trial.config["x"] for trial in second.trials]
    assert tried[:3] == [0.25, 0.5, 0.75]
    assert tried.count(0.25) == tried.count(0.5) == tried.count(0.75) == 1
    again = Study.load(storage=store, name="s", sampler=Random())
    assert again.ask().number == 6


def test_a_study_with_many_rungs_can_change_its_space(tmp_path):
    place = {"storage": tmp_path / "s.db", "name": "a", "fidelity": Hyperband(max=10**8), "sampler": Random()}

    def train(config, trial):
        trial.report(1, config["x"])
        return config["x"]

    Study(LINE, seed=0, **place).optimize(train, trials=3)
    wider = Study(Space(x=Float(0, 2)), **place)
    wider.optimize(train, trials=6)
    assert len(wider.trials) >= 6


def test_a_study_that_moves_to_a_grid_keeps_the_trials_that_lie_on_it():
    storage = MemoryStorage()
    loose = Study(Space(n=Int(0, 9)), sampler=Random(), storage=storage, name="s", seed=0)
    loose.optimize(lambda config: float(config["n"]), trials=30)
    grid = Study(Space(n=Int(0, 9, step=3)), sampler=Random(), storage=storage, name="s")
    on_it = [trial for trial in loose.trials if trial.config["n"] % 3 == 0]
    grid.optimize(lambda config: float(config["n"]), trials=len(on_it) + 4)
    assert len(grid.trials) == 34
    assert grid.best == min(on_it, key=lambda trial: trial.value)
    assert all(trial.config["n"] % 3 == 0 for trial in grid.trials[30:])
