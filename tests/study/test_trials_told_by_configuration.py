"""Trials that were run elsewhere and are told to a study by their configuration."""

from __future__ import annotations

import pytest

from seasoned import ASHA, Categorical, Float, Int, Space, Study
from seasoned.errors import InvalidConfig, InvalidInput
from seasoned.samplers import TPE, Bayes, DifferentialEvolution, Genetic, Grid, Random
from seasoned.trials import TrialState, WarmStart

SPACE = Space(x=Float(-1, 1), n=Int(1, 5))
KNOWN = [({"x": -0.9 + 0.15 * place, "n": 1 + place % 5}, 0.1 * place) for place in range(12)]


def loss(config):
    return (config["x"] - 0.3) ** 2 + config["n"]


# populations are full by the end of KNOWN: until then they try their first points, whatever they were told
SAMPLERS = [Random(), TPE(), Bayes(), DifferentialEvolution(population=8), Genetic(population=8)]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: type(sampler).__name__)
def test_told_configurations_count_and_are_learned_from(sampler, tmp_path):
    url = f"sqlite:///{tmp_path / 's.db'}"
    study = Study(SPACE, sampler=sampler, seed=0, storage=url, name="s")
    for config, value in KNOWN:
        told = study.tell(config, value, seconds=60)
        assert (told.state, told.value, told.seconds) == (TrialState.COMPLETE, value, 60.0)
    again = Study(SPACE, sampler=sampler, storage=url, name="s")
    assert again.best.config == KNOWN[0][0]
    assert again.frame()["seconds"].tolist() == [60.0] * 12
    again.optimize(loss, trials=16)
    assert len(again.trials) == 16
    assert sorted(trial.number for trial in again.trials) == list(range(16))
    reverse = Study(SPACE, sampler=sampler, seed=0)
    for (config, _), (_, value) in zip(KNOWN, reversed(KNOWN), strict=True):
        reverse.tell(config, value, seconds=60)
    reverse.optimize(loss, trials=16)
    asked, other = ([trial.config for trial in one.trials[12:]] for one in (again, reverse))
    assert (asked != other) == (not isinstance(sampler, Random)), "who learns goes where it was told that losses fall"


def test_told_configurations_keep_their_end():
    study = Study(SPACE, sampler=Random(), seed=0, direction="maximize")
    assert study.tell({"x": 0.5, "n": 2}, 3.0, constraints=[-1.0], notes={"run": "a"}).notes == {"run": "a"}
    assert study.tell({"x": 0.5, "n": 3}, error=ValueError("no")).error == "ValueError: no"
    assert study.tell({"x": 0.5, "n": 4}, pruned="poor").state is TrialState.PRUNED
    assert study.best.value == 3.0
    with pytest.raises(InvalidConfig):
        study.tell({"x": 5.0, "n": 4}, 1.0)
    with pytest.raises(InvalidInput, match="the configuration needs either values"):
        study.tell({"x": 0.5, "n": 4})
    assert len(study.trials) == 3


def test_a_warm_start_follows_told_configurations_and_a_plan_goes_on():
    space = Space(a=Categorical(["x", "y", "z"]))
    study = Study(space, sampler=Grid(), seed=0)
    study.tell({"a": "z"}, 1.0)
    study.optimize(lambda config: 0.0, time_limit=20)
    assert [trial.config["a"] for trial in study.trials] == ["z", "y", "z"], "it takes a place of the plan"
    first = WarmStart(configurations=({"x": 0.1, "n": 1},))
    warm = Study(SPACE, sampler=Random(warm_start=first), seed=0)
    warm.tell({"x": 0.9, "n": 5}, 1.0)
    warm.optimize(loss, trials=3)
    assert warm.trials[1].config == {"x": 0.1, "n": 1}


def test_told_configurations_do_not_enter_the_rungs():
    study = Study(SPACE, sampler=Random(), seed=0, fidelity=ASHA(max=9))
    study.tell({"x": 0.3, "n": 1}, -100.0)

    def trains(config, trial):
        for step in range(1, 10):
            trial.report(step, loss(config))
        return loss(config)

    study.optimize(trains, trials=4)
    assert [trial.state.value for trial in study.trials[:2]] == ["complete", "complete"]
    assert study.best.number == 0
