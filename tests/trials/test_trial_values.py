"""Trials as values: read-only configurations, and their text."""

from __future__ import annotations

import pytest

from random_search import RandomStudy, net_study
from seasoned import ASHA, Choice, Float, Int, Space


def test_the_configuration_of_a_trial_is_read_only_at_any_level():
    space = Space(kind=Choice(tree=Space(depth=Int(1, 3)), line=Space(l2=Float(0, 1))))
    study = RandomStudy(space, seed=0)

    def f(config):
        option, inner = config["kind"].popitem()  # its own copy
        inner["more"] = 1
        return float(option == "tree")

    study.optimize(f, trials=4)
    best = study.best.config
    assert space.contains(best)
    for change in (best["kind"].popitem, best["kind"].clear, lambda: best["kind"].update(tree={})):
        with pytest.raises(TypeError, match="read-only"):
            change()
    assert study.frame()["kind"].tolist() == [next(iter(trial.config["kind"])) for trial in study.trials]


def test_the_text_of_a_trial_counts_its_reports():
    def stepwise(config, trial):
        for step in range(1, trial.budget + 1):
            trial.report(step, config["x"])
        return 0.25

    (trial,) = net_study(stepwise, 1, fidelity=ASHA(max=9)).trials
    assert repr(trial).startswith("Trial(0, complete, 0.25, ")
    assert f"9 reports, {trial.config})" in repr(trial)
    (failed,) = net_study(lambda config: config["z"], 1).trials
    assert "failed, \"KeyError: 'z'\"" in repr(failed)
