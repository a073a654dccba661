"""Failing trials: failures that end a study, and failures after which the study goes on."""

from __future__ import annotations

import pytest

from random_search import RandomStudy
from seasoned import Categorical, Choice, Float, Int, Random, Space, Study
from seasoned.errors import AllTrialsFailed, Pruned, StudyConflict
from seasoned.fidelity import ASHA, SuccessiveHalving
from seasoned.samplers import Grid
from seasoned.study.driver import Streak
from seasoned.study.objective import Verdict
from seasoned.trials import TrialState

NESTED = Space(x=Float(-1, 1), branch=Choice(a=Space(y=Float(0, 1)), b=Space()))
SPACE = Space(x=Float(0, 1))
MIXED = Space(x=Float(-1, 1), n=Int(1, 5))


def test_twenty_failures_without_a_success_end_the_search_with_the_causes():
    study = RandomStudy(NESTED, seed=0)
    kinds = [ValueError("first"), KeyError("second")]

    def fail(config):
        raise kinds[config["x"] > 0.5]

    with pytest.raises(AllTrialsFailed, match=r"20 trials failed.*x ValueError: first; \d+ x KeyError"):
        study.optimize(fail, trials=100)
    assert len(study.trials) == 20
    with pytest.raises(AllTrialsFailed, match="none succeeded"):
        _ = study.best


def fails(config):
    raise FileNotFoundError(f"/data/run-{config['x']}.csv is not there")


def works(config):
    return config["x"]


def test_equal_failures_after_successes_end_the_search_early():
    study = Study(SPACE, sampler=Random(), seed=0)
    study.optimize(works, trials=5)
    with pytest.raises(AllTrialsFailed, match=r"the last 27 trials failed alike \(FileNotFoundError.*while 5 had"):
        study.optimize(fails, trials=500)
    assert len(study.trials) == 5 + 27
    failed = [trial.config for trial in study.trials if trial.state == "failed"]
    study.enqueue(*failed)
    study.optimize(works, trials=5 + 27 + 27)
    assert [trial.config for trial in study.trials[32:]] == failed


def test_failures_of_several_kinds_do_not_end_the_search():
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


def test_a_grid_is_tried_to_its_end_despite_failures():
    def too_large(config):
        if config["batch"] == 1024:
            raise MemoryError("out of memory")
        return config["a"]

    space = Space(batch=Categorical([256, 512, 1024]), a=Int(1, 40))
    study = Study(space, sampler=Grid(resolution=40), seed=0)
    study.optimize(too_large, time_limit=60)
    assert len(study.trials) == 120


def test_the_limit_of_equal_failures_depends_on_earlier_failures():
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


def train(config, trial):
    for step in range(trial.step + 1, trial.budget + 1):
        trial.report(step, config["x"] + 1 / step)
    return config["x"] + 1 / trial.budget


def test_failures_do_not_end_a_search_with_trials_paused_at_a_rung():
    def some(config, trial):
        if config["x"] > 0.6:
            raise MemoryError("too large")
        return train(config, trial)

    study = Study(SPACE, sampler=Random(), fidelity=ASHA(promote=True), seed=0)
    study.optimize(some, trials=120)
    states = [trial.state for trial in study.trials]
    assert states.count(TrialState.FAILED) > 20
    assert states.count(TrialState.COMPLETE) >= 1

    def all_of_them(config, trial):
        raise MemoryError("too large")

    with pytest.raises(AllTrialsFailed):
        Study(SPACE, sampler=Random(), fidelity=ASHA(promote=True), seed=0).optimize(all_of_them, trials=120)


def test_the_survivor_of_a_rung_goes_on_when_all_others_failed():
    def one(config, trial):
        if trial.number:
            raise MemoryError("too large")
        return train(config, trial)

    study = Study(SPACE, sampler=Random(), fidelity=SuccessiveHalving(max=27), seed=0)
    study.optimize(one, trials=27)
    assert [trial.number for trial in study.trials if trial.state is TrialState.COMPLETE] == [0]


def test_best_reports_that_all_trials_were_pruned():
    def pruned(config):
        raise Pruned

    study = Study(MIXED, seed=0)
    study.optimize(pruned, trials=3, progress=False)
    with pytest.raises(StudyConflict, match="no trial of the study 'study' is complete, and 3 were pruned"):
        _ = study.best
