"""Constraints of trials, from the return value of an objective to the log and to the best trial."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned import Constrained, Float, Random, Space, Study, maximize
from seasoned.errors import InvalidInput
from seasoned.trials import TrialState

SPACE = Space(x=Float(0, 1))


def at_least_half(config):
    return Constrained(config["x"], constraints=[0.5 - config["x"]])


def told(*pairs, direction="minimize"):
    study = Study(SPACE, direction=direction, sampler=Random(), seed=0)
    for value, constraints in pairs:
        study.tell(study.ask(), value, constraints=constraints)
    return study


def test_the_best_trial_is_feasible_and_others_are_stored():
    study = Study(SPACE, sampler=Random(), seed=0)
    study.optimize(at_least_half, trials=40)
    assert study.best.feasible
    assert study.best.value == min(t.value for t in study.trials if t.config["x"] >= 0.5)
    assert min(t.value for t in study.trials) < 0.5
    assert all(t.violation == max(0.0, 0.5 - t.config["x"]) for t in study.trials)


def test_the_best_of_infeasible_trials_violates_least():
    study = told((1.0, [0.2, 0.3]), (9.0, [0.4, -5.0]), (0.0, [0.7, 0.0]))
    assert study.best.number == 1
    assert not study.best.feasible
    study.tell(study.ask(), 20.0, constraints=[0.0, 0.0])
    assert (study.best.number, study.best.feasible) == (3, True)


def test_constraints_keep_their_sign_when_maximised():
    study = told((1.0, [-1.0]), (2.0, [1.0]), direction="maximize")
    assert (study.best.value, study.best.constraints) == (1.0, (-1.0,))


def test_workers_return_constraints():
    best = maximize(at_least_half, SPACE, trials=4, workers=2, sampler=Random(), seed=0)
    assert best.constraints == (0.5 - best.config["x"],)


@pytest.mark.parametrize(
    ("constraints", "reason"), [([np.nan], "nan"), ([np.inf], "inf"), (["a"], "'a'"), (0.3, "0.3"), ("ab", "'ab'")]
)
def test_constraints_that_are_no_finite_numbers_fail_the_trial(constraints, reason):
    study = Study(SPACE, sampler=Random(), seed=0)
    study.optimize(lambda config: Constrained(config["x"], constraints=constraints), trials=1)
    (trial,) = study.trials
    assert trial.state is TrialState.FAILED
    assert reason in trial.error
    assert not trial.feasible


def test_constraints_may_be_nested_and_numpy_arrays():
    study = Study(SPACE, sampler=Random(), seed=0)
    trial = study.tell(study.ask(), Constrained(1, constraints=np.array([0.5])), constraints=np.array([-1.0]))
    assert trial.constraints == (0.5, -1.0)


def test_a_failed_trial_has_no_constraints():
    study = Study(SPACE, sampler=Random(), seed=0)
    with pytest.raises(InvalidInput, match="leave one out"):
        study.tell(study.ask(), error="broke", constraints=[1.0])


def test_constraints_are_stored_and_read_again(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    Study(SPACE, storage=url, name="s", sampler=Random(), seed=0).optimize(at_least_half, trials=5)
    again = Study(SPACE, storage=url, name="s", sampler=Random())
    assert [t.constraints for t in again.trials] == [(0.5 - t.config["x"],) for t in again.trials]
