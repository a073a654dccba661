"""Samplers per rung: each rung is modelled by the values that were measured there."""

from __future__ import annotations

import pytest

from seasoned import Float, Space, Study
from seasoned.fidelity import ASHA, Hyperband
from seasoned.fidelity.sampler_per_rung import ByRung
from seasoned.samplers import TPE, Bayes
from seasoned.trials import Config, Finished, StudySpec, Suggested, TrialState
from study_parts import ledger_of

LINE = Space(x=Float(0, 1))
PLANE = Space(x=Float(0, 1), y=Float(0, 1))


def train(config, trial):
    for step in range(trial.step + 1, trial.budget + 1):
        trial.report(step, config["x"] + 1 / step)
    return config["x"] + 1 / trial.budget


@pytest.mark.parametrize("reports", [False, True], ids=["returns", "reports"])
@pytest.mark.parametrize("sampler", [TPE(), Bayes()], ids=["tpe", "bayes"])
def test_a_rung_holds_only_values_that_were_measured_there(sampler, reports):
    rule = Hyperband(max=27, promote=True)
    study = Study(LINE, sampler=sampler, fidelity=rule, seed=0)

    def objective(config, trial):
        return train(config, trial) if reports else config["x"] + 1 / trial.budget

    study.optimize(objective, trials=30)
    views = ledger_of(study).state
    there = [0] * len(rule.levels)
    for trial in study.trials:
        steps = {step for step, _ in trial.reports} | ({27} if trial.state is TrialState.COMPLETE else set())
        for rung, level in enumerate(rule.levels):
            there[rung] += level in steps
    assert list(views.results) == there
    if not reports:
        assert views.results[0] < len(study.trials), "of a bracket without the rung nothing is known there"


def test_a_trial_that_skipped_a_rung_is_no_failure_there():
    sampler = ByRung(Bayes(), (1, 3, 9), Hyperband(max=9, promote=True))
    spec = StudySpec(LINE, seed=0)
    state = sampler.init(spec)
    careful = next(place for place in range(9) if sampler.rule.rungs_of(place) == (9,))
    state = sampler.tell(state, [Suggested(careful, Config({"x": 0.5}), None)])
    assert [len(one.pending) for one in (inner.seen for inner in state.states)] == [1, 1, 1]
    state = sampler.tell(state, [Finished(careful, TrialState.COMPLETE, (0.25,))])
    assert [len(inner.seen) for inner in state.states] == [0, 0, 1]
    assert [len(inner.seen.pending) for inner in state.states] == [0, 0, 0]
    assert state.results == (0, 0, 1)


def test_a_result_told_by_configuration_enters_the_last_rung_alone():
    study = Study(PLANE, sampler=TPE(), fidelity=ASHA(max=9), seed=0)
    study.tell({"x": 0.4, "y": 0.1}, 0.5)  # lower than any value after one epoch
    study.optimize(train, trials=6)
    views = ledger_of(study).state
    assert views.results[0] == len(study.trials) - 1 == 5
    assert views.results[-1] == 1 + sum(trial.state is TrialState.COMPLETE for trial in study.trials[1:])


def test_the_last_rung_is_modelled_where_nothing_is_reported():
    study = Study(PLANE, sampler=TPE(), fidelity=ASHA(max=9), seed=0)
    study.optimize(lambda config, trial: config["x"], trials=3)
    assert ledger_of(study).state.results == (0, 0, 3)
    assert ledger_of(study).state.chosen == 2
