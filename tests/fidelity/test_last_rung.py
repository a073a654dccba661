"""Last step of a trial: a trial that reports it is complete, and no lower rung prunes it."""

from __future__ import annotations

import pytest

from seasoned import Float, Random, Space, Study
from seasoned.fidelity import ASHA, Hyperband, SuccessiveHalving
from seasoned.trials import TrialState

RULES = {
    "asha": ASHA(min=1, max=100),
    "asha that promotes": ASHA(min=1, max=100, promote=True),
    "hyperband": Hyperband(min=1, max=100),
    "groups": SuccessiveHalving(min=1, max=100),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_trial_that_reports_its_last_step_alone_is_complete(rule):
    def objective(config, trial):
        trial.report(100, abs(config["x"]))
        return abs(config["x"])

    study = Study(Space(x=Float(-1, 1)), fidelity=rule, sampler=Random(), seed=0)
    study.optimize(objective, trials=30)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 30


def test_a_last_report_that_reaches_two_rungs_ends_the_trial():
    def objective(config, trial):
        for step in range(20, 101, 20):
            trial.report(step, abs(config["x"]) + 1 / step)
        return abs(config["x"])

    study = Study(Space(x=Float(-1, 1)), fidelity=ASHA(min=1, max=100), sampler=Random(), seed=0)
    study.optimize(objective, trials=40)
    last = [trial for trial in study.trials if trial.reports and trial.reports[-1][0] == 100]
    assert last
    assert all(trial.state is TrialState.COMPLETE for trial in last)
    assert any(trial.state is TrialState.PRUNED for trial in study.trials)
