"""Enqueued configurations: their order, their checks, and plans that end."""

from __future__ import annotations

import pytest

from seasoned import Categorical, Float, Grid, Int, Random, Space, Study, WarmStart
from seasoned.errors import InvalidConfig, StudyConflict
from seasoned.samplers import TPE, Bayes, DifferentialEvolution, Genetic
from seasoned.trials import TrialState
from study_parts import storage_of

SPACE = Space(x=Float(-1, 1), n=Int(1, 5))
LINE = Space(x=Float(0, 1))


def loss(config):
    return config["x"] ** 2 + config["n"]


@pytest.mark.parametrize("sampler", [Random(), Bayes(), TPE(), Genetic(), DifferentialEvolution()])
def test_enqueued_configurations_are_tried_next(sampler):
    study = Study(SPACE, sampler=sampler, seed=0, budget=30)
    study.optimize(loss, trials=3)
    known = [{"x": 0.25, "n": 2}, {"x": -0.5, "n": 4}]
    assert [trial.number for trial in study.enqueue(*known)] == [3, 4]
    asked = study.ask()
    assert dict(asked.config) == known[0]
    study.tell(asked, loss(asked.config))
    study.optimize(loss, trials=12)
    assert [dict(trial.config) for trial in study.trials[3:5]] == known
    assert all(trial.state is TrialState.COMPLETE for trial in study.trials)
    assert len(study.trials) == 12


def test_again_false_queues_no_configuration_twice():
    study = Study(SPACE, sampler=Random(), seed=0)
    known = [{"x": 0.25, "n": 2}, {"x": -0.5, "n": 4}]
    assert len(study.enqueue(*known, known[0], again=False)) == 2
    study.optimize(loss, trials=3)
    assert study.enqueue(*known, again=False) == []
    assert len(study.enqueue(known[0])) == 1
    failed = study.tell({"x": 0.75, "n": 1}, error="the disk was full")
    assert [trial.config for trial in study.enqueue(failed.config, known[1], again=False)] == [failed.config]


def test_enqueued_configurations_are_checked_and_fit_the_plan():
    study = Study(SPACE, sampler=Random(), seed=0)
    with pytest.raises(InvalidConfig):
        study.enqueue({"x": 0.25})
    assert not study.trials
    given_back = Study(SPACE, sampler=Random(), storage=storage_of(study), name="study")
    lost = given_back.ask()
    given_back._by_hand.end()  # an earlier trial waits for somebody
    assert study.enqueue({"x": 0.0, "n": 1})[0].number == lost.number + 1
    assert study.ask().config == lost.config
    plan = Study(Space(n=Int(1, 3)), sampler=Grid(), seed=0)
    plan.enqueue({"n": 3}, {"n": 3})
    with pytest.raises(
        StudyConflict, match="2 configurations are to be queued and 1 of the sampler's 3 trials are left"
    ):
        plan.enqueue({"n": 1}, {"n": 1})
    plan.optimize(lambda config: config["n"])
    assert len(plan.trials) == 3


def test_enqueued_trials_precede_the_warm_start_and_replace_none_of_it():
    first = [{"x": 0.1, "n": 1}, {"x": 0.2, "n": 2}, {"x": 0.3, "n": 3}]
    study = Study(SPACE, sampler=Random(warm_start=WarmStart(configurations=first)), seed=0)
    study.optimize(loss, trials=1)
    own = [{"x": 0.8, "n": 4}, {"x": 0.9, "n": 4}]
    assert [trial.number for trial in study.enqueue(*own)] == [1, 2]
    assert study.enqueue() == []
    study.optimize(loss, trials=7)
    assert [dict(trial.config) for trial in study.trials[:5]] == [first[0], *own, *first[1:]]


def test_one_and_true_are_two_configurations():
    space = Space(k=Categorical([1, True, "a"]))
    study = Study(space, seed=0)
    assert len(study.enqueue({"k": 1}, {"k": True}, {"k": 1}, again=False)) == 2
    assert not study.enqueue({"k": True}, again=False)


def test_an_integer_tried_before_equals_the_same_enqueued_float(tmp_path):
    place = {"storage": tmp_path / "s.db", "name": "s"}
    Study(Space(x=Int(1, 9)), seed=0, **place).tell({"x": 3}, 1.0)
    moved = Study(Space(x=Float(1, 9)), **place)
    assert not moved.enqueue({"x": 3}, again=False)
    assert len(moved.enqueue({"x": 4}, again=False)) == 1


def test_enqueue_reads_the_trials_of_other_drivers_first(tmp_path):
    url = f"sqlite:///{tmp_path}/runs.db"
    warm = WarmStart(configurations=[{"x": 0.1}, {"x": 0.2}, {"x": 0.3}])
    first = Study(LINE, storage=url, name="s", sampler=Random(warm_start=warm), seed=0)
    other = Study.load(url, "s", sampler=Random())
    first.optimize(lambda config: config["x"], trials=4)
    other.enqueue({"x": 0.9})
    other.optimize(lambda config: config["x"], trials=7)
    tried = [trial.config["x"] for trial in other.trials]
    assert tried[:5] == [0.1, 0.2, 0.3, tried[3], 0.9]
    assert len(set(tried)) == 7


def test_enqueue_refuses_more_configurations_than_the_plan_has_left():
    study = Study(Space(a=Int(1, 6)), sampler=Grid(resolution=6), seed=0)
    for _ in range(4):
        study.ask()
    three = [{"a": 1}, {"a": 2}, {"a": 3}]
    with pytest.raises(StudyConflict, match="3 configurations are to be queued and 2 of the sampler's 6 trials"):
        study.enqueue(*three)
    assert len(study.trials) == 4
    assert [trial.config["a"] for trial in study.enqueue(*three[:2])] == [1, 2]
