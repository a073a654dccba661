"""Data frame of trials: columns of parameters, values and errors."""

from __future__ import annotations

from random_search import RandomStudy, net_study, some_fail
from seasoned import Choice, Float, Int, Space

NESTED = Space(x=Float(-1, 1), branch=Choice(a=Space(y=Float(0, 1)), b=Space()))


def square(config):
    return config["x"] ** 2


def test_the_frame_has_a_column_per_parameter():
    study = RandomStudy(NESTED, seed=0)
    study.optimize(square, trials=6)
    study.tell(study.ask(), error="broken")
    frame = study.frame()
    assert list(frame.columns) == ["number", "state", "value", "seconds", "error", "x", "branch", "branch.a.y"]
    assert frame["branch.a.y"].isna().tolist() == (frame["branch"] == "b").tolist()
    assert frame["error"].tolist()[-1] == "broken"
    assert frame["state"].tolist() == ["complete"] * 6 + ["failed"]


def test_a_parameter_with_the_name_of_a_column_has_a_column_of_its_own():
    study = RandomStudy(Space(value=Float(0, 1), seconds=Int(1, 9)), seed=0)
    study.optimize(lambda c: 100 + c["value"], trials=3)
    frame = study.frame()
    assert frame["value"].tolist() == [trial.value for trial in study.trials]
    assert frame["config.value"].tolist() == [trial.config["value"] for trial in study.trials]
    assert {"seconds", "config.seconds"} < set(frame.columns)


def test_only_failed_trials_have_an_error_in_the_frame():
    study = net_study(some_fail, 3)
    study.tell(study.ask(), pruned="stopped at step 9")
    frame = study.frame()
    assert frame["error"].notna().tolist() == (frame["state"] == "failed").tolist()
    assert study.trials[-1].error == "stopped at step 9"
