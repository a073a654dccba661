"""Study: repeatable runs, resumed runs, the best trial, callbacks and limits."""

from __future__ import annotations

import pytest

from random_search import RandomStudy
from seasoned import Choice, Float, Grid, Random, Sobol, Space
from seasoned.trials import TrialState
from study_parts import ledger_of

SPACE = Space(x=Float(-1, 1), branch=Choice(a=Space(y=Float(0, 1)), b=Space()))


def square(config):
    return config["x"] ** 2


def url(tmp_path):
    return f"sqlite:///{tmp_path}/study.db"


def test_a_seed_fixes_the_trials_of_a_study():
    one, two, other = (RandomStudy(SPACE, seed=seed) for seed in (3, 3, 4))
    for study in (one, two, other):
        study.optimize(square, trials=20)
    assert [t.config for t in one.trials] == [t.config for t in two.trials]
    assert [t.config for t in one.trials] != [t.config for t in other.trials]


def test_trials_argument_counts_the_trials_of_earlier_runs(tmp_path):
    study = RandomStudy(SPACE, storage=url(tmp_path), name="s", seed=1)
    study.optimize(square, trials=7)
    study.optimize(square, trials=10)
    again = RandomStudy(SPACE, storage=url(tmp_path), name="s")
    again.optimize(square, trials=10)
    assert len(again.trials) == 10
    assert again.seed == 1


@pytest.mark.parametrize("sampler", [Random(), Sobol(), Grid(3)], ids=lambda s: type(s).__name__)
def test_a_resumed_study_equals_an_uninterrupted_one(tmp_path, sampler):
    whole = RandomStudy(SPACE, sampler=sampler, seed=5)
    whole.optimize(square, trials=12)
    for upto in (3, 4, 9, 12):
        part = RandomStudy(SPACE, sampler=sampler, storage=url(tmp_path), name="s", seed=5)

        def stumble(config, part=part, upto=upto):
            if len(ledger_of(part).history) == upto and upto < 12:
                raise KeyboardInterrupt
            return square(config)

        if upto < 12:
            with pytest.raises(KeyboardInterrupt):
                part.optimize(stumble, trials=12)
        else:
            part.optimize(stumble, trials=12)
        part.close()
    resumed = RandomStudy(SPACE, sampler=sampler, storage=url(tmp_path), name="s")
    assert [(t.config, t.values) for t in resumed.trials] == [(t.config, t.values) for t in whole.trials]


def test_callbacks_see_each_trial_and_can_stop_the_study():
    seen = []

    def watch(study, trial):
        seen.append(trial.number)
        if len(seen) == 3:
            study.stop()

    study = RandomStudy(SPACE)
    study.optimize(square, trials=100, callbacks=[watch])
    assert seen == [0, 1, 2]
    assert len(study.trials) == 3


def test_an_error_in_a_callback_loses_no_trial(tmp_path):
    study = RandomStudy(SPACE, storage=url(tmp_path), name="s")

    def broken(study, trial):
        raise RuntimeError("callback")

    with pytest.raises(RuntimeError, match="callback"):
        study.optimize(square, trials=5, callbacks=[broken])
    study.optimize(square, trials=5)
    assert [t.number for t in study.trials] == list(range(5))


def test_a_time_limit_ends_the_study():
    study = RandomStudy(SPACE)
    study.optimize(square, time_limit=0.2)
    assert study.trials
    assert all(t.state is TrialState.COMPLETE for t in study.trials)


def test_the_best_trial_is_the_earliest_of_equals():
    study = RandomStudy(SPACE)
    study.optimize(lambda c: 1.0, trials=5)
    assert study.best.number == 0
    study.optimize(lambda c: -1e308, trials=6)
    assert study.best.number == 5
