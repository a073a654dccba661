"""Objective: its signature, its return value, its exceptions and its copy of the configuration."""

from __future__ import annotations

import functools
import logging
import math
import re

import numpy as np
import pytest

from random_search import RandomStudy
from seasoned import ASHA, Choice, Constrained, Float, Int, Random, Space, Study, minimize
from seasoned.errors import AllTrialsFailed, InvalidInput, Pruned
from seasoned.trials import TrialState

NESTED = Space(x=Float(-1, 1), branch=Choice(a=Space(y=Float(0, 1)), b=Space()))
SPACE = Space(x=Float(-1, 1), n=Int(1, 5))
LINE = Space(x=Float(0, 1))


BAD = {
    "nan": (lambda c: math.nan, "returned nan instead of a finite number"),
    "inf": (lambda c: math.inf, "returned inf"),
    "None": (lambda c: None, "returned None"),
    "text": (lambda c: "0.5", "returned '0.5'"),
    "bool": (lambda c: True, "returned True"),
    "array": (lambda c: np.zeros(3), r"an array of shape \(3,\)"),
    "two": (lambda c: (1, 2), r"\(1, 2\) instead of a finite"),
    "complex": (lambda c: 1j, "1j"),
    "raise": (lambda c: 1 / 0, "ZeroDivisionError: division by zero"),
    "exit": (lambda c: exit(3), r"sys.exit\(3\)"),  # noqa: PLR1722 - what a user might write
    "huge": (lambda c: 10**400, "returned 1000"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_objective_fails_its_trial_with_a_reason(name, caplog):
    function, pattern = BAD[name]
    study = RandomStudy(NESTED, seed=0)
    seen = []

    def sometimes(config):
        seen.append(1)
        return function(config) if len(seen) % 2 else 1.0

    with caplog.at_level(logging.WARNING):
        study.optimize(sometimes, trials=4)
    states = [t.state for t in study.trials]
    assert states == [TrialState.FAILED, TrialState.COMPLETE] * 2
    assert all(pytest.approx(1.0) == t.value for t in study.trials[1::2])
    assert re.search(pattern, study.trials[0].error)
    assert study.trials[0].error in caplog.text


def test_an_objective_may_return_numpy_numbers():
    study = RandomStudy(NESTED)
    study.optimize(lambda c: np.float32(0.5), trials=1)
    study.optimize(lambda c: np.array(0.25), trials=2)
    assert [t.value for t in study.trials] == [0.5, 0.25]


def test_an_objective_that_raises_pruned_prunes_its_trial():
    def give_up(config):
        raise Pruned("too slow")

    study = RandomStudy(NESTED)
    study.optimize(give_up, trials=30)
    assert {t.state for t in study.trials} == {TrialState.PRUNED}
    assert study.trials[0].error == "too slow"


def test_an_objective_may_change_its_copy_of_the_configuration():
    def rude(config):
        config["branch"].clear()
        return config.pop("x")

    study = RandomStudy(NESTED, seed=0)
    study.optimize(rude, trials=3)
    assert all(NESTED.contains(t.config) for t in study.trials)
    with pytest.raises(TypeError, match="read-only"):
        study.trials[0].config["x"] = 1


def test_an_objective_of_single_parameters_is_refused():
    study = Study(SPACE, seed=0)
    with pytest.raises(InvalidInput, match=r"takes x, n, and is called with one configuration, a dict"):
        study.optimize(lambda x, n: x + n, trials=3)
    study.optimize(lambda config, n=1: config["x"] + n, trials=1)


def loss(config):
    return config["x"] ** 2 + config["n"]


def test_objectives_with_a_wrong_signature_are_refused_before_they_run():
    study = Study(SPACE, sampler=Random(), seed=0)
    with pytest.raises(InvalidInput, match="does not take a configuration alone"):
        study.optimize(lambda x, n, more: 1.0, trials=3)
    with pytest.raises(InvalidInput, match="does not take the trial"):
        Study(SPACE, sampler=Random(), fidelity=ASHA(), seed=0).optimize(loss, trials=3)
    assert not study.trials
    study.optimize(lambda config, weight=2.0: weight * loss(config), trials=1)


def test_an_exception_named_trial_pruned_prunes_the_trial():
    class TrialPruned(Exception):
        pass

    def objective(config):
        if config["n"] > 2:
            raise TrialPruned
        return Constrained(loss(config), constraints=[0.0])

    study = Study(SPACE, sampler=Random(), seed=0)
    study.optimize(objective, trials=12)
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}


@pytest.mark.parametrize("value", [True, np.bool_(True), np.array(True)])
def test_a_boolean_return_value_fails_the_trial(value):
    study = Study(LINE, seed=0)
    study.enqueue({"x": 0.5})
    with pytest.raises(AllTrialsFailed):
        study.optimize(lambda _: value, trials=30)
    assert study.trials[0].state is TrialState.FAILED


def from_optuna(trial):
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    return rate * trial.suggest_int("depth", 1, 8)


@pytest.mark.parametrize("options", [{}, {"trial_time_limit": 60}])
def test_an_objective_for_optuna_is_refused_with_our_syntax(options):
    study = Study(LINE, seed=0)
    sentence = (
        r'the objective calls trial.suggest_float\("rate", .* write Space\(rate=Float\(...\)\) and config\["rate"\]'
    )
    with pytest.raises(InvalidInput, match=sentence):
        study.optimize(from_optuna, trials=30, **options)
    assert [trial.state.value for trial in study.trials] == ["running"], "it runs again once the objective is mended"
    study.optimize(lambda config: config["x"], trials=1)
    assert study.best.number == 0


def test_another_missing_attribute_fails_the_trial():
    study = Study(LINE, seed=0)
    study.optimize(lambda config: config.suggestion, trials=2)
    assert all("suggestion" in trial.error for trial in study.trials)


def test_a_default_argument_of_an_objective_keeps_its_value():
    def scaled(config, weight=2.0):
        return weight * config["x"]

    def plain(config):
        return 2.0 * config["x"]

    found = [minimize(f, LINE, trials=3, sampler=Random(), seed=0).value for f in (scaled, plain)]
    assert found[0] == found[1]
    partly = functools.partial(lambda config, trial, weight: weight * trial.number, weight=2.0)
    assert minimize(partly, LINE, trials=3, sampler=Random(), seed=0).value == 0.0


def test_a_report_without_a_fidelity_rule_fails_the_trial():
    def reports(config, trial):
        assert trial.budget is None
        trial.report(1, config["x"])
        return 0.0

    study = Study(LINE, sampler=Random(), seed=0)
    study.optimize(reports, trials=1)
    assert "has no rule of fidelity" in study.trials[0].error
