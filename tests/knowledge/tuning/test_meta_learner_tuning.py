"""Tuning of meta-learners by a study: validation on tasks held out, early stopping and resumption."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from seasoned import Float, Grid, Int, Random, Space
from seasoned.errors import AllTrialsFailed, InvalidInput, Pruned
from seasoned.knowledge import tune_meta_learner
from seasoned.knowledge.tuning.meta_learner import MetaValidation, rungs_of
from seasoned.metagrad import MAML, MLP, GroupedRows, PrototypicalNetworks, Sinusoids, Training
from seasoned.trials import TrialState

TRAINING = Training(steps=90, tasks=8, lr=0.01, every=10, validation_tasks=16)
POOR = MAML(inner_lr=1e-4, network=MLP((16,)), training=TRAINING)
RATES = Space(inner_lr=Float(1e-4, 0.3, log=True, default=1e-4))


def groups(seed, count=40):
    """Straight lines with a slope and a level for every group."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(count), 20)
    X = rng.uniform(-2, 2, size=(len(group), 1)).astype(np.float32)
    y = (2 * rng.normal(size=count)[group] * X[:, 0] + 2 * rng.normal(size=count)[group]).astype(np.float32)
    return GroupedRows.of(X, y, group, shots=8, queries=8)


def loss(learner, tasks):
    return learner.evaluate(tasks, steps=[learner.trained_steps], count=200)[learner.trained_steps].mean()


@pytest.fixture(scope="module")
def tuned():
    return tune_meta_learner(POOR, groups(0), space=RATES, trials=8, seed=0)


@pytest.mark.slow
def test_tuned_learner_is_better_on_new_tasks(tuned):
    """Not a coincidence of these tasks: a rate of 0.0001 adapts to nothing, and the loss falls to less than half."""
    default = POOR.fit(groups(0), progress=False)
    assert loss(tuned.learner, groups(1)) < 0.6 * loss(default, groups(1))


def test_tuned_learner_is_the_best_of_its_study(tuned):
    assert tuned.learner.inner_lr == tuned.study.best.config["inner_lr"]
    assert tuned.learner.fitted is not None
    assert int(tuned.learner.fitted.state.step) == TRAINING.steps
    assert tuned.study.trials[0].config == {"inner_lr": 1e-4}, "the first trial is the learner as it is"
    states = {trial.state for trial in tuned.study.trials}
    assert states == {TrialState.COMPLETE, TrialState.PRUNED}, "poor ones are stopped"


def test_learner_tuning_resumes_from_its_storage(tmp_path, tuned):
    store = {"storage": f"sqlite:///{tmp_path}/runs.db", "name": "rates", "seed": 0}
    half = tune_meta_learner(POOR, groups(0), space=RATES, trials=4, early_stopping=False, **store)
    first = [trial.config for trial in half.study.trials]
    half.study.close()
    seen = []
    whole = tune_meta_learner(
        POOR, groups(0), space=RATES, trials=6, early_stopping=False, callbacks=[lambda _, t: seen.append(t.number)],
        **store,
    )  # fmt: skip
    assert seen == [4, 5]
    assert [t.config for t in whole.study.trials[:4]] == first
    again = tune_meta_learner(POOR, groups(0), space=RATES, trials=6, early_stopping=False, **store)
    assert again.learner.inner_lr == whole.learner.inner_lr
    assert loss(again.learner, groups(1)) == loss(whole.learner, groups(1))
    whole.study.close()
    again.study.close()


def test_learner_tuning_is_determined_by_its_seed(tuned):
    again = tune_meta_learner(POOR, groups(0), space=RATES, trials=8, seed=0)
    assert [t.config for t in again.study.trials] == [t.config for t in tuned.study.trials]
    assert [t.values for t in again.study.trials] == [t.values for t in tuned.study.trials]


def test_learner_tuning_accepts_a_grid_over_rates_and_steps():
    space = Space(inner_lr=Float(0.01, 0.1, log=True), inner_steps=Int(1, 2))
    found = tune_meta_learner(POOR, groups(0), space=space, sampler=Grid(2), trials=4, early_stopping=False)
    assert len({str(trial.config) for trial in found.study.trials}) == 4
    assert found.learner.inner_steps in (1, 2)


def test_learner_tuning_accepts_a_builder_and_validation_tasks():
    space = Space(rate=Float(0.01, 0.1))
    found = tune_meta_learner(
        POOR, groups(0), validation=groups(2), space=space, trials=2, sampler=Random(),
        build=lambda config: dataclasses.replace(POOR, inner_lr=config["rate"]),
    )  # fmt: skip
    assert found.learner.inner_lr == found.study.best.config["rate"]


@pytest.mark.slow
def test_learner_tuning_maximises_accuracy():
    from sklearn.datasets import load_digits

    from seasoned.metagrad import Episodes

    X, y = load_digits(return_X_y=True)
    tasks = Episodes.of((X / 16).astype(np.float32), y, ways=3, shots=2, queries=4)
    learner = PrototypicalNetworks(network=MLP((8,), 8), training=dataclasses.replace(TRAINING, steps=20))
    found = tune_meta_learner(learner, tasks, space=Space(lr=Float(1e-3, 1e-1, log=True)), trials=2, metric="accuracy")
    assert found.study.directions == ("maximize",)
    assert 1 / 3 < found.study.best.value <= 1


def test_trial_is_stopped_at_a_rung_where_others_did_better():
    judge = MetaValidation(lambda config: POOR, Sinusoids(), Sinusoids())
    for value in (3.0, 2.0, 1.0):
        judge.compare(-2, 10, value)
    judge.compare(-2, 10, 1.5)
    with pytest.raises(Pruned, match="after 10 meta-steps"):
        judge.compare(-2, 10, 2.5)
    with pytest.raises(Pruned, match="nan"):
        judge.compare(-2, 10, math.nan)
    judge.compare(-1, 30, 9.0)  # another rung


def test_rungs_of_learner_tuning_are_whole_validations():
    assert rungs_of(POOR) == (10, 30, 90)
    assert rungs_of(MAML(training=Training(steps=100, every=250))) == (100,)
    assert rungs_of(MAML(training=Training(steps=1000, every=250))) == (250, 500, 1000)


def test_learner_tuning_errors_say_what_to_do():
    with pytest.raises(InvalidInput, match="MLP is no MetaLearner"):
        tune_meta_learner(MLP(), Sinusoids())
    with pytest.raises(InvalidInput, match="pass space="):
        tune_meta_learner(POOR, Sinusoids(), build=lambda config: POOR)
    with pytest.raises(InvalidInput, match="names depth"):
        tune_meta_learner(POOR, Sinusoids(), space=Space(depth=Int(1, 3)))


def test_error_of_diverging_trials_names_the_cause():
    space, far = Space(rate=Float(0, 1)), dataclasses.replace(POOR, inner_lr=1e30)
    with pytest.raises(AllTrialsFailed, match="finite"):
        tune_meta_learner(POOR, Sinusoids(), space=space, build=lambda config: far, trials=30, sampler=Random())


class Stopped(Exception):
    """Nothing is trained."""


def test_sampler_of_learner_tuning_gets_the_default_budget(monkeypatch):
    asked = []

    def study(*given):
        asked.append(given[2].get("trials"))
        raise Stopped

    monkeypatch.setattr("seasoned.knowledge.tuning.meta_learner.open_study", study)
    for options, expected in (({}, 30), ({"trials": 4}, 4), ({"time_limit": 9.0}, None)):
        with pytest.raises(Stopped):
            tune_meta_learner(POOR, groups(0), space=RATES, **options)
        assert asked[-1] == expected
