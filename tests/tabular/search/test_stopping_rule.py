"""Stopping rule: the end of a search, and the time reserve for the final fits."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from seasoned import AutoClassifier, SearchSettings
from seasoned.tabular.budget.budget import Budget
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.search import stopping_rule
from seasoned.tabular.search.stopping_rule import Plateau, StoppingRule
from seasoned.tabular.trial.results import TrialRecord
from seasoned.trials import Config, Trial, TrialState


def budget(left, seconds=60.0):
    return Budget(time.monotonic() + left, seconds, None, workers=2, memory=None, members=1)


def trial(number, loss, state=TrialState.COMPLETE):
    config = Config({"model": {"linear": {"number": number}}})
    return Trial(number, config, state, values=None if loss is None else (loss,), seconds=1.0)


@pytest.fixture(autouse=True)
def fitted_once(monkeypatch):
    """What is kept for further fits is tested with them."""
    monkeypatch.setattr(stopping_rule, "reseeding_seconds", lambda *_: 0.0)


def study(*trials):
    return SimpleNamespace(trials=trials)


def objective(**fit_seconds):
    """Five folds; the fits of trial `t3` take so long."""

    def record(config):
        return TrialRecord(None, fit_seconds[f"t{config['model']['linear']['number']}"])

    return SimpleNamespace(
        folds=5,
        data=SimpleNamespace(train_share=0.8, known_rows=lambda: np.arange(3)),
        records=SimpleNamespace(
            of=record,
            out_of_fold=lambda config: None,
            forget_models=lambda configs, but: None,
        ),
        predict_limit=None,
        job=SimpleNamespace(seed=0),
        metric=SimpleNamespace(n_classes=0),
        baseline_loss=lambda: None,
    )


def test_without_a_model_the_search_may_use_nearly_all_of_the_time(monkeypatch):
    monkeypatch.setattr(
        "seasoned.tabular.budget.budget.time.monotonic", lambda: 0.0
    )  # the reserve is to be met exactly
    assert not StoppingRule(objective(), budget(3.1), study()).should_end()
    assert StoppingRule(objective(), budget(2.9), study()).should_end()
    assert not StoppingRule(objective(), budget(1.1, seconds=5.0), study()).should_end()
    assert StoppingRule(objective(), budget(0.9, seconds=5.0), study()).should_end()
    assert not StoppingRule(objective(), budget(0.6, seconds=1.0), study()).should_end()  # of very little time half


def test_time_is_kept_for_the_best_trial_and_for_a_slower_one_that_beats_it():
    fits = objective(t0=0.01, t1=8.0)
    stopping_rule = StoppingRule(fits, budget(10.0), study())
    quick, slow = trial(0, 1.0), trial(1, 0.5)
    stopping_rule(study(quick), quick)
    assert not stopping_rule.should_end()
    stopping_rule.next_selection = 0.0
    stopping_rule(study(quick, slow), slow)
    assert stopping_rule.should_end()


def test_trials_that_failed_change_nothing():
    stopping_rule = StoppingRule(objective(t0=100.0), budget(30.0), study())
    failed = trial(0, None, TrialState.FAILED)
    stopping_rule(study(failed), failed)
    assert not stopping_rule.should_end()


def test_a_resumed_study_is_known_at_once():
    assert StoppingRule(objective(t0=30.0), budget(30.0), study(trial(0, 1.0))).should_end()


def test_who_asked_to_stop_is_heard():
    asked = budget(59.0)
    stopping_rule = StoppingRule(objective(), asked, study())
    asked.stop.ask("SIGINT")
    assert stopping_rule.should_end()


def test_a_search_that_gains_nothing_for_long_is_over():
    found = Plateau(baseline=1.0)
    found.note(0.6, trials=10, seconds=4.0)
    assert not found.reached(trials=500, seconds=9.0)  # not at once
    assert not found.reached(trials=100, seconds=60.0)  # nor after few trials
    assert found.reached(trials=110, seconds=60.0)
    found.note(0.59, trials=110, seconds=60.0)
    assert not found.reached(trials=200, seconds=100.0)
    assert not found.reached(trials=300, seconds=140.0)  # most of the time brought something
    assert found.reached(trials=300, seconds=151.0)


def test_a_search_whose_members_are_chosen_at_every_trial_ends_as_well(monkeypatch):
    """Where trials come further apart than choosing takes, each was looked at, and the end never came."""
    for name, value in {"_TRIALS": 3, "_MIN_SEARCH_SECONDS": 0.0, "_PLATEAU_SHARE": 0.0}.items():
        monkeypatch.setattr(stopping_rule, name, value)
    monkeypatch.setattr(stopping_rule, "ensemble_loss", lambda *_: 0.5)
    found, trials = StoppingRule(objective(**{f"t{n}": 0.01 for n in range(6)}), budget(50.0), study()), []
    for number in range(6):
        found.next_selection = 0.0
        trials.append(trial(number, 0.5))
        found(study(*trials), trials[-1])
    assert found.should_end()


def test_a_gain_of_a_thousandth_is_none_and_a_loss_that_is_not_known_tells_nothing():
    found = Plateau(baseline=1.0)
    found.note(float("nan"), trials=5, seconds=1.0)
    assert not found.reached(trials=1000, seconds=1000.0)
    found.note(0.5, trials=10, seconds=4.0)
    found.note(0.4996, trials=120, seconds=40.0)
    assert found.reached(trials=120, seconds=40.0)


@pytest.mark.slow
def test_a_fit_ends_before_its_time_where_nothing_more_is_gained(monkeypatch):
    for name, value in {"_TRIALS": 5, "_MIN_SEARCH_SECONDS": 1.0, "_GAIN": 0.5}.items():
        monkeypatch.setattr(stopping_rule, name, value)
    said, reached = [], Plateau.reached
    monkeypatch.setattr(Plateau, "reached", lambda *given: said.append(reached(*given)) or said[-1])
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.random(80), "b": rng.random(80)})
    model = AutoClassifier(
        time_limit=120, search=SearchSettings(models=["linear", "tree"]), experience=None, workers=1, random_state=0
    ).fit(frame, frame["a"] > 0.5)
    assert said[-1], "something else has ended it"
    assert model.fitted_.idle
    assert len(model.leaderboard()) >= 6


def test_a_loss_that_is_not_defined_on_the_rows_at_hand_ends_no_fit(monkeypatch):
    truth, predicted = np.zeros(4, dtype=int), np.full((4, 3), 1 / 3)
    monkeypatch.setattr(
        stopping_rule, "pool_out_of_fold", lambda *_: SimpleNamespace(truth=truth, predicted=predicted, weights=None)
    )
    judged = SimpleNamespace(metric=resolve("roc_auc", "multiclass", 3))
    with pytest.raises(ValueError, match="Number of classes"):
        judged.metric.loss(truth, predicted)
    assert np.isnan(stopping_rule.ensemble_loss(judged, []))


def test_nothing_is_given_up_before_the_last_trials_were_looked_at(monkeypatch):
    """Choosing members is slow here, so that they are seldom chosen; a trial since then is the best."""
    for name, value in {"_TRIALS": 2, "_MIN_SEARCH_SECONDS": 0.0, "_PLATEAU_SHARE": 0.0}.items():
        monkeypatch.setattr(stopping_rule, name, value)
    losses = iter([0.5, 0.4, 0.4])
    monkeypatch.setattr(stopping_rule, "ensemble_loss", lambda *_: next(losses))
    fits = objective(t0=0.01, t1=0.01, t2=0.01, t3=0.01, t4=0.01)
    found = StoppingRule(fits, budget(50.0), study())
    trials = [trial(0, 0.5)]
    found(study(*trials), trials[0])
    for number in (1, 2):
        found.next_selection = time.monotonic() + 1000.0
        trials.append(trial(number, 0.4))
        found(study(*trials), trials[-1])
    assert not found.should_end(), "the members were chosen once more, and lost less"
    for number in (3, 4):
        found.next_selection = time.monotonic() + 1000.0
        trials.append(trial(number, None, TrialState.PRUNED))
        found(study(*trials), trials[-1])
    assert found.should_end()
