"""When a search ends for the sake of the last fits."""

from __future__ import annotations

import time
from types import SimpleNamespace

from seasoned.tabular.budget import Budget
from seasoned.tabular.closing import Closing
from seasoned.tabular.objective import TrialRecord
from seasoned.trials import Config, Trial, TrialState


def budget(left, seconds=60.0):
    return Budget(time.monotonic() + left, seconds, None, workers=2, memory=None, members=1)


def trial(number, loss, state=TrialState.COMPLETE):
    config = Config({"model": {"linear": {"number": number}}})
    return Trial(number, config, state, values=None if loss is None else (loss,), seconds=1.0)


def study(*trials):
    return SimpleNamespace(trials=trials)


def objective(**fit_seconds):
    """Five folds; the fits of trial `t3` take so long."""

    def record(config):
        return TrialRecord(None, fit_seconds[f"t{config['model']['linear']['number']}"])

    return SimpleNamespace(folds=5, train_share=0.8, record=record, predict_limit=None)


def test_without_a_model_the_search_may_use_half_of_the_time_whatever_is_kept():
    assert not Closing(objective(), budget(59.0), study()).due()
    assert not Closing(objective(), budget(2.6, seconds=5.0), study()).due()
    assert Closing(objective(), budget(2.4, seconds=5.0), study()).due()


def test_time_is_kept_for_the_best_trial_and_for_a_slower_one_that_beats_it():
    fits = objective(t0=0.01, t1=8.0)
    closing = Closing(fits, budget(10.0), study())
    quick, slow = trial(0, 1.0), trial(1, 0.5)
    closing(study(quick), quick)
    assert not closing.due()
    closing._again = 0.0
    closing(study(quick, slow), slow)
    assert closing.due()


def test_trials_that_failed_change_nothing():
    closing = Closing(objective(t0=100.0), budget(30.0), study())
    failed = trial(0, None, TrialState.FAILED)
    closing(study(failed), failed)
    assert not closing.due()


def test_a_resumed_study_is_known_at_once():
    assert Closing(objective(t0=30.0), budget(30.0), study(trial(0, 1.0))).due()


def test_who_asked_to_stop_is_heard():
    asked = budget(59.0)
    closing = Closing(objective(), asked, study())
    asked.stop.ask("SIGINT")
    assert closing.due()
