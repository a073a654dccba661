"""What readers with fresh eyes found in the engine: broken environments, stores that are away, trials by hand."""

from __future__ import annotations

import logging
import time

import numpy as np
import pytest

from seasoned import ASHA, Categorical, Float, Int, Space, Study
from seasoned.errors import AllTrialsFailed, InvalidInput, StorageError, StudyConflict
from seasoned.execution.workers.worker import _failure
from seasoned.fidelity import SuccessiveHalving
from seasoned.samplers import TPE, Grid, Random
from seasoned.storage import MemoryStorage
from seasoned.study.driver import Streak
from seasoned.study.objective import Verdict
from seasoned.trials import TrialState, WarmStart

SPACE = Space(x=Float(0, 1))


def fails(config):
    raise FileNotFoundError(f"/data/run-{config['x']}.csv is not there")


def works(config):
    return config["x"]


# ------------------------------------------------------------------------------------------- broken environments


def test_a_broken_environment_does_not_burn_a_study_that_went_well():
    study = Study(SPACE, sampler=Random(), seed=0)
    study.optimize(works, trials=5)
    with pytest.raises(AllTrialsFailed, match=r"the last 27 trials failed alike \(FileNotFoundError.*while 5 had"):
        study.optimize(fails, trials=500)
    assert len(study.trials) == 5 + 27
    failed = [trial.config for trial in study.trials if trial.state == "failed"]
    study.enqueue(*failed)
    study.optimize(works, trials=5 + 27 + 27)
    assert [trial.config for trial in study.trials[32:]] == failed


def test_failures_of_several_kinds_or_between_successes_go_on():
    kinds = [ValueError, TypeError]

    def several(config, trial):
        if trial.number < 2:
            return 0.0
        raise kinds[trial.number % 2]("no")

    study = Study(SPACE, sampler=Random(), seed=0)
    study.optimize(works, trials=2)
    study.optimize(several, trials=40)
    assert len(study.trials) == 40

    def now_and_then(config, trial):
        if trial.number % 15:
            raise ValueError(f"too large by {trial.number}")
        return 0.0

    other = Study(SPACE, sampler=Random(), seed=0)
    other.optimize(now_and_then, trials=60)
    assert len(other.trials) == 60


def test_a_plan_is_tried_to_its_end_whatever_cannot_run():
    def too_large(config):
        if config["batch"] == 1024:
            raise MemoryError("out of memory")
        return config["a"]

    space = Space(batch=Categorical([256, 512, 1024]), a=Int(1, 40))
    study = Study(space, sampler=Grid(resolution=40), seed=0)
    study.optimize(too_large, time_limit=60)
    assert len(study.trials) == 120


def test_how_many_alike_are_no_chance_depends_on_how_many_failed_before():
    streak = Streak()
    for number in range(200):
        streak.note(Verdict(TrialState.FAILED, error=f"killed using {number} MB\nmore"))
        if number + 1 == 19:
            assert not streak.is_strange(19, 49)
        if number + 1 == 20:
            assert streak.is_strange(20, 50), "30 had succeeded"
        if number + 1 == 40:
            assert not streak.is_strange(40, 41), "of one success nobody knows what it was worth"
        if number + 1 == 100:
            assert not streak.is_strange(1000, 1100), "nine of ten failed before"
        if number + 1 == 140:
            assert streak.is_strange(1040, 1140)
    assert streak.reason == "killed using 199 MB"
    streak.note(Verdict(TrialState.COMPLETE, (0.0,)))
    assert streak.alike == 0


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


def test_a_store_that_is_away_for_a_moment_kills_no_running_trial(tmp_path, caplog):
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


def test_where_nothing_runs_the_store_is_not_waited_for():
    storage = AwayStorage()
    study = Study(SPACE, sampler=Random(), storage=storage, name="s")
    storage.away = 1
    with pytest.raises(StorageError, match="restarts"):
        study.optimize(works, trials=3)


# ------------------------------------------------------------------------------------------- by hand


def test_seconds_by_hand_are_of_the_trial_or_unknown():
    study = Study(SPACE, sampler=Random(), seed=0)
    first = study.ask()
    assert study.tell(first, 0.0).seconds >= 0.0
    several = [study.ask() for _ in range(3)]
    assert [study.tell(trial, 0.0).seconds for trial in several] == [None, None, None]
    assert study.tell(study.ask(), 0.0, seconds=np.float64(3600)).seconds == 3600.0
    with pytest.raises(InvalidInput, match="seconds is -1"):
        study.tell(study.ask(), 0.0, seconds=-1)


def test_an_exception_is_a_reason_and_other_things_are_none():
    study = Study(SPACE, sampler=Random(), seed=0)
    told = study.tell(study.ask(), error=ValueError("too large\nby far"))
    assert told.error == "ValueError: too large"
    assert study.tell(study.ask(), pruned="").error == "pruned"
    with pytest.raises(InvalidInput, match="error is 3"):
        study.tell(study.ask(), error=3)


def test_a_number_whose_question_was_interrupted_is_asked_again(monkeypatch):
    space = Space(x=Categorical([1, 2, 3]))
    study = Study(space, sampler=Grid(), seed=0)
    suggest = study._ledger.suggest

    def interrupted(*_):
        raise KeyboardInterrupt

    for detached in (False, True):
        with monkeypatch.context() as patch:
            patch.setattr(study._ledger, "suggest", interrupted)
            with pytest.raises(KeyboardInterrupt):
                study.ask(detached=detached)
    assert study._ledger.suggest == suggest
    asked = [study.ask() for _ in range(3)]
    assert sorted(trial.config["x"] for trial in asked) == [1, 2, 3]
    with pytest.raises(StudyConflict, match="have all been asked"):
        study.ask()


def test_what_could_not_be_stored_is_judged_once(monkeypatch):
    study = Study(SPACE, sampler=Random(), seed=0, fidelity=ASHA(max=27, promote=True))
    trial = study.ask()
    running = study.live(trial)
    assert running.budget < 27
    record = study._ledger.record

    def full(*_):
        raise StorageError("the disk is full")

    monkeypatch.setattr("seasoned.study.fidelity_control.RETRIES", ())
    with monkeypatch.context() as patch:
        patch.setattr(study._ledger, "record", full)
        with pytest.raises(StorageError):
            study.tell(trial, 0.5)
    assert study._ledger.record == record
    told = study.tell(trial, 0.5)
    assert told.state is TrialState.RUNNING, "a rung is no end"
    assert [step for step, _ in told.reports] == [running.budget]


# ------------------------------------------------------------------------------------------- small things


def test_numpys_whole_numbers_count_trials(tmp_path):
    study = Study(SPACE, sampler=Random(), seed=0, storage=f"sqlite:///{tmp_path / 's.db'}", name="s")
    study.optimize(works, trials=np.int64(3))
    assert len(study.trials) == 3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sampler": "tpe"}, "sampler is 'tpe'; give an instance"),
        ({"sampler": TPE}, "sampler is <class"),
        ({"fidelity": ASHA}, "fidelity is <class"),
    ],
)
def test_what_is_no_sampler_or_rule_is_refused(options, sentence):
    storage = MemoryStorage()
    with pytest.raises(InvalidInput, match=sentence):
        Study(SPACE, storage=storage, name="s", **options)
    assert list(storage.names()) == []


def test_a_budget_that_comes_later_is_told_of(caplog):
    storage = MemoryStorage()
    Study(SPACE, sampler=Random(), storage=storage, name="s")
    with caplog.at_level(logging.WARNING):
        Study(SPACE, sampler=Random(), storage=storage, name="s", budget=500)
    assert "was planned without a budget, and its sampler goes on by that: budget=500 is not used" in caplog.text


def test_a_reason_is_one_line_in_workers_too():
    ending, _, reason, *_ = _failure(RuntimeError("sizes differ:\n" + "layer\n" * 100))
    assert (ending, reason) == ("raised", "RuntimeError: sizes differ:")


def test_a_grid_leaves_out_what_a_warm_start_tries():
    space = Space(a=Int(1, 3), b=Categorical(["x", "y"]))
    sampler = Grid(warm_start=WarmStart(configurations=({"a": 2, "b": "y"},)))
    study = Study(space, sampler=sampler, seed=0)
    study.optimize(lambda config: config["a"], time_limit=20)
    tried = [tuple(trial.config.values()) for trial in study.trials]
    assert tried[0] == (2, "y")
    assert len(tried) == len(set(tried)) == 6


def test_what_is_told_again_without_a_rule_is_what_counts(monkeypatch):
    study = Study(SPACE, sampler=Random(), seed=0)
    trial = study.ask()

    def full(*_):
        raise StorageError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(study._ledger, "record", full)
        with pytest.raises(StorageError):
            study.tell(trial, 0.5)
    assert study.tell(trial, error="lost").error == "lost"


def test_dropped_trials_keep_seconds_and_notes():
    study = Study(SPACE, sampler=Random(), seed=0, fidelity=SuccessiveHalving(max=9, size=9))
    while (trial := study.ask()).number < 9:  # then the next group begins
        running = study.live(trial)
        running.note(seen=trial.number)
        study.tell(trial, float(trial.number), notes={"budget": running.budget})
    pruned = [trial for trial in study.trials if trial.state is TrialState.PRUNED]
    assert len(pruned) >= 6
    for trial in pruned:
        assert trial.notes == {"seen": trial.number, "budget": trial.reports[-1][0]}
        assert trial.seconds is not None
    assert all(not held.keys() & {trial.number for trial in pruned} for held in study._by_hand._held)


def test_checkpoints_of_a_deleted_study_are_not_its_successors(tmp_path):
    storage = MemoryStorage()

    def objective(config, trial):
        mark = trial.checkpoint / "model"
        assert not mark.exists()
        mark.touch()
        return 0.0

    for _ in range(2):
        study = Study(
            SPACE,
            sampler=Random(),
            seed=0,
            storage=f"sqlite:///{tmp_path / 's.db'}",
            name="s",
            checkpoints=tmp_path / "c",
        )
        study.optimize(objective, trials=3)
        assert [trial.state.value for trial in study.trials] == ["complete"] * 3
        study.close()
        seasoned_storage = study._storage
        seasoned_storage.delete("s")
    assert list(storage.names()) == []
