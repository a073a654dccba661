"""Rows as a fidelity: on a large table configurations are judged on samples first; on others nothing is different."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import seasoned.tabular.fit.fit_table
from in_process import estimator, stay_in_process
from seasoned.fidelity.base import Decision
from seasoned.fidelity.checks import FIDELITY_CHECKS
from seasoned.space import Space
from seasoned.study import Study
from seasoned.tabular.search import search as searching
from seasoned.tabular.search.row_race import RowRace
from seasoned.tabular.trial.cross_validation import CrossValidation
from seasoned.tabular.validation.row_samples import levels_of, nested
from seasoned.trials import Config, Finished, Reported, StudySpec, Suggested, TrialState

ROWS = (3, 9, 27)
FAMILIES = ("linear", "tree", "neighbours")


def race(**options):
    return RowRace(**{"rows": ROWS, "baseline": 1.0, "slack": 0.01, **options})


def thirds(rows, fits):
    return rows // 9, rows // 3, rows


@pytest.fixture
def sampled(monkeypatch):
    """Small tables are taken for large ones."""
    stay_in_process(monkeypatch)
    monkeypatch.setattr(seasoned.tabular.fit.plan, "levels_of", thirds)


def table(rows=360):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 4))
    y = X[:, 0] * X[:, 1] + X[:, 2] + 0.3 * rng.normal(size=rows) > 0
    return pd.DataFrame(X, columns=list("abcd")), np.where(y, "yes", "no")


# ------------------------------------------------------------------------------------------------ samples


@pytest.mark.parametrize("rows", [1, 1_000, 59_999])
def test_few_rows_come_at_once(rows):
    assert levels_of(rows, 3) == ()


def test_many_rows_come_in_steps_as_far_as_these_are_cheap_beside_the_folds():
    assert levels_of(66_666, 3) == (7_407, 22_222, 66_666)
    assert levels_of(800_000, 1) == (88_888, 800_000)


def test_each_beginning_of_the_order_is_a_stratified_sample():
    labels = np.random.default_rng(1).permutation(np.repeat([0, 1, 2], [800, 150, 50]))
    order = nested(labels, 1_000, seed=3)
    assert np.array_equal(np.sort(order), np.arange(1_000))
    for size in (20, 111, 333, 999):
        expected = size * np.array([0.8, 0.15, 0.05])
        assert np.abs(np.bincount(labels[order[:size]], minlength=3) - expected).max() <= 2
    assert not np.array_equal(order, nested(labels, 1_000, seed=4))
    assert np.array_equal(np.sort(nested(None, 50, seed=0)), np.arange(50))


# ------------------------------------------------------------------------------------------------ who goes on


@pytest.mark.parametrize("check", FIDELITY_CHECKS, ids=lambda check: check.__name__)
def test_the_race_is_a_rule_of_fidelity(check):
    check(race)


def played(rule, *losses):
    """What becomes of trials, one after the other, given their family and what each reaches on the first sample."""
    state, found = rule.init(StudySpec(Space(), seed=0)), []
    for number, (family, loss) in enumerate(losses):
        events = [Suggested(number, Config({"model": {family: {}}})), Reported(number, ROWS[0], loss)]
        state = rule.tell(state, events)
        found.append(rule.decide(state, number, ROWS[0]))
        stopped = found[-1] is Decision.STOP
        end = TrialState.PRUNED if stopped else TrialState.COMPLETE
        state = rule.tell(state, [Finished(number, end, None if stopped else (loss,))])
    return found


def test_the_first_trials_go_on_whatever_they_reach():
    assert played(race(), ("a", 0.1), ("b", 0.99)) == [Decision.GO_ON, Decision.GO_ON]


@pytest.mark.parametrize(("loss", "told"), [(0.19, Decision.GO_ON), (0.21, Decision.STOP), (math.nan, Decision.STOP)])
@pytest.mark.parametrize("opening", [0, 9])
def test_another_family_may_lag_by_a_tenth_of_the_gap(opening, loss, told):
    # best .1, baseline 1.0: .9 x .1 = .09, and one standard error of .009
    assert played(race(opening=opening), ("a", 0.1), ("b", 0.5), ("c", loss))[2] is told


def test_within_a_family_only_luck_is_allowed():
    found = played(race(), ("a", 0.2), ("b", 0.25), ("b", 0.255), ("b", 0.27), ("b", 0.24))
    assert found[2:] == [Decision.GO_ON, Decision.STOP, Decision.GO_ON]


def test_defaults_are_only_compared_with_the_first_ones_so_that_order_does_not_matter():
    some = [("a", 0.4), ("b", 0.5), ("c", 0.1), ("d", 0.42)]
    assert Decision.STOP not in played(race(opening=9), *some)
    assert played(race(), *some)[3] is Decision.STOP


def test_an_undefined_baseline_or_loss_stops_nobody():
    assert Decision.STOP not in played(race(baseline=None), ("a", 0.1), ("a", 0.2), ("a", 0.9))
    assert Decision.STOP not in played(race(), ("a", math.nan), ("b", math.nan), ("a", 0.9), ("a", 0.8))


def test_who_failed_with_more_rows_is_no_rival():
    rule = race(first=0)
    state = rule.init(StudySpec(Space(), seed=0))
    config = Config({"model": {"a": {}}})
    failed = [Suggested(0, config), Reported(0, 3, 0.1), Finished(0, TrialState.FAILED, None, error="no memory")]
    state = rule.tell(state, [*failed, Suggested(1, config), Reported(1, 3, 0.5)])
    assert rule.decide(state, 1, 3) is Decision.GO_ON


# ------------------------------------------------------------------------------------------------ a whole search


def told(model):
    board = model.leaderboard().sort_values("number")
    return board[["number", "model", "state", "roc_auc", "weight", "config"]].to_dict("records")


def test_a_search_by_samples_prunes_and_only_full_trials_predict(sampled):
    X, y = table()
    model = estimator("binary", FAMILIES, trials=14).fit(X, y)
    trials = model.fitted_.trials
    stopped = [trial for trial in trials if trial.state == "pruned" and "training rows it reached" in trial.error]
    assert len(stopped) >= 3
    assert all(trial.number >= 2 for trial in stopped)
    complete = {str(trial.config) for trial in trials if trial.state == "complete"}
    assert {str(member.config) for member in model.fitted_.members} <= complete
    assert model.score(X, y) > 0.8


def test_a_search_by_samples_is_the_same_again_and_goes_on_after_an_interrupt(sampled, monkeypatch):
    X, y = table()
    once = estimator("binary", FAMILIES, trials=10).fit(X, y)
    again = estimator("binary", FAMILIES, trials=10).fit(X, y)
    assert str(told(once)) == str(told(again))
    calls, original = [], CrossValidation.__call__

    def interrupted(self, config, trial=None):
        calls.append(config)
        if len(calls) == 6:
            original(self, config, trial)  # its reports are in the log, its end is not
            raise KeyboardInterrupt
        return original(self, config, trial)

    with monkeypatch.context() as patch:
        patch.setattr(CrossValidation, "__call__", interrupted)
        halted = estimator("binary", FAMILIES, trials=10).fit(X, y)
    assert len(halted.leaderboard()) < 10
    resumed = estimator("binary", FAMILIES, trials=10).fit(X, y, resume=True)
    assert str(told(resumed)) == str(told(once))
    np.testing.assert_array_equal(resumed.predict_proba(X), once.predict_proba(X))


def test_on_a_table_that_is_not_large_the_search_knows_of_no_samples(monkeypatch):
    stay_in_process(monkeypatch)
    made = []

    class Seen(Study):
        def __init__(self, *args, **options):
            made.append(options)
            super().__init__(*args, **options)

    monkeypatch.setattr(searching, "Study", Seen)
    X, y = table()
    model = estimator("binary", FAMILIES, trials=8).fit(X, y)
    (options,) = made
    assert options["fidelity"] is None
    monkeypatch.setattr(seasoned.tabular.fit.plan, "levels_of", lambda *_: ())
    assert str(told(model)) == str(told(estimator("binary", FAMILIES, trials=8).fit(X, y)))
