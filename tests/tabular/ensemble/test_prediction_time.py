"""`predict_limit`: which members are chosen under it, and what is said where it cannot be met.

Times are made up, for real ones depend on the machine.
"""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from in_process import estimator, stay_in_process
from seasoned import SearchSettings, load
from seasoned.errors import InvalidInput, Pruned
from seasoned.tabular.ensemble import prediction_time
from seasoned.tabular.ensemble.fitted_model import Member
from seasoned.tabular.ensemble.greedy_selection import select
from seasoned.tabular.ensemble.prediction_time import PredictionTime, members_within_limit, milliseconds
from seasoned.tabular.ensemble.refit_members import choose_members, diverse_trials
from seasoned.tabular.fit import fit_table
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.trial.arrays import Arrays
from seasoned.tabular.trial.cross_validation import CrossValidation
from seasoned.tabular.trial.trial_row import TrialRow

RMSE = resolve("rmse", "regression", 0)


def noisy_models(count, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=300)
    return y, [(y + rng.normal(size=300)).astype(np.float32) for _ in range(count)]


def test_an_ensemble_keeps_the_limit_and_is_the_best_that_does():
    y, models = noisy_models(8)
    paces = np.array([1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0])
    free = select(models, y, RMSE, most=8, seed=0)
    for limit in (2.0, 3.0, 7.0):
        chosen = select(models, y, RMSE, most=8, seed=0, paces=(paces, limit))
        assert paces[list(chosen)].sum() <= limit
        assert sum(chosen.values()) == pytest.approx(1.0)
    assert select(models, y, RMSE, most=8, seed=0, paces=(paces, 100.0)) == free
    quick = select(models, y, RMSE, most=8, seed=0, paces=(paces, 3.0))
    assert len(quick) >= 2
    mean = sum(weight * models[place] for place, weight in quick.items())
    assert RMSE.loss(y, mean) < min(RMSE.loss(y, models[place]) for place in quick)


class Trials:
    """An objective after a search: what each trial predicted, and what it took."""

    def __init__(self, paces, limit):
        self.y, self.made = noisy_models(len(paces))
        self.paces, self.predict_limit = paces, limit
        self.metric, self.job = RMSE, SimpleNamespace(seed=0)
        known = np.arange(len(self.y))
        self.data = SimpleNamespace(target=self.y, weights=None, together=None, known_rows=lambda: known)
        self.records = SimpleNamespace(of=self.record, out_of_fold=self.out_of_fold)

    def rows(self):
        losses = [RMSE.loss(self.y, found) for found in self.made]
        return [TrialRow(n, "linear", {"n": n}, loss=loss) for n, loss in enumerate(losses)]

    def _number(self, config):
        return config["model"]["linear"]["n"]

    def record(self, config):
        return SimpleNamespace(predict_ms=self.paces[self._number(config)])

    def out_of_fold(self, config):
        return self.made[self._number(config)]


def budget(members=8):
    return SimpleNamespace(members=members, remaining=60.0, stop=lambda: False)


def test_members_are_chosen_among_trials_that_are_quick_enough():
    trials = Trials([5.0, 1.0, 1.0, 9.0], limit=2.5)
    chosen = choose_members(trials, trials.rows(), budget())
    assert {row.number for row, _ in chosen} <= {1, 2}
    alone = choose_members(trials, trials.rows(), budget(members=1))
    assert alone[0][0].number == min((1, 2), key=lambda n: trials.rows()[n].loss)


def test_where_none_is_quick_enough_the_quickest_predicts():
    trials = Trials([5.0, 3.0, 4.0], limit=-1.0)
    assert [row.number for row, _ in choose_members(trials, trials.rows(), budget())] == [1]
    trials.predict_limit = None
    assert len(choose_members(trials, trials.rows(), budget())) > 1


class Slow:
    """A model that takes its time: the clock is moved instead."""

    n_features_in_ = None

    def __init__(self, clock, seconds):
        self.clock, self.seconds = clock, seconds

    def predict(self, X):
        self.clock.now += self.seconds * len(X)
        return np.zeros(len(X))


@pytest.fixture
def clock(monkeypatch):
    made = SimpleNamespace(now=0.0)
    monkeypatch.setattr(prediction_time.time, "perf_counter", lambda: made.now)
    return made


def test_milliseconds_of_a_row(clock):
    frame = pd.DataFrame({"a": np.zeros(2_000)})
    for seconds in (1e-6, 1e-4, 1.0):
        assert milliseconds(Slow(clock, seconds).predict, frame) == pytest.approx(1_000 * seconds)
    before = clock.now
    milliseconds(Slow(clock, 0.01).predict, frame)
    assert clock.now - before < 2.5  # what is slow is not measured for long
    assert milliseconds(Slow(clock, 0.01).predict, frame[:3]) == pytest.approx(10.0)


@pytest.fixture(scope="module")
def plan():
    from seasoned.tabular.preprocessing.column_plan import ColumnPlan
    from seasoned.tabular.schema.schema import Schema

    frame = pd.DataFrame({"a": np.random.default_rng(0).normal(size=200)})
    schema = Schema.infer(frame)
    return frame, ColumnPlan.fit(schema.apply(frame), schema, seed=0)


def members(clock, *seconds):
    return [Member("linear", {"n": n}, Slow(clock, s), 1 / len(seconds)) for n, s in enumerate(seconds)]


def test_members_that_are_slower_than_their_trials_were_are_left_out(clock, plan, caplog):
    frame, columns = plan
    kept, found = members_within_limit(members(clock, 0.001, 0.004, 0.002), columns, RMSE, frame, limit=3.5)
    assert [member.config["n"] for member in kept] == [0, 2]
    assert sum(member.weight for member in kept) == pytest.approx(1.0)
    assert found.measured == pytest.approx(3.0)
    assert "left out of the ensemble for predict_limit" in caplog.text
    assert "within the limit of 3.5" in found.sentence
    everything, _ = members_within_limit(members(clock, 0.001, 0.004), columns, RMSE, frame, limit=6.0)
    assert len(everything) == 2


def test_what_cannot_be_met_is_said(clock, plan, caplog):
    frame, columns = plan
    kept, found = members_within_limit(members(clock, 0.008, 0.005), columns, RMSE, frame, limit=1.0)
    assert [member.config["n"] for member in kept] == [1]
    assert kept[0].weight == 1.0
    assert "the quickest model found, takes 5 with all that comes before it" in caplog.text
    assert "more than the limit of 1" in found.sentence


def test_where_there_is_no_time_trials_stand_for_a_measurement(clock, plan):
    frame, columns = plan
    took = {0: 1.0, 1: 4.0, 2: 2.0}
    slow = members(clock, 100.0, 100.0, 100.0)
    kept, found = members_within_limit(
        slow, columns, RMSE, frame, 3.5, lambda some: sum(took[m.config["n"]] for m in some)
    )
    assert clock.now == 0.0
    assert [member.config["n"] for member in kept] == [0, 2]
    assert (found.measured, found.estimated) == (3.0, True)
    assert "In the trials a row took 3 ms to predict, within the limit of 3.5; there was no time" in found.sentence
    assert PredictionTime.from_json(found.to_json()) == found
    assert PredictionTime.from_json({"limit": 1.0, "measured": 2.0}) == PredictionTime(1.0, 2.0)


@pytest.mark.parametrize("hurry", ["stop", "deadline"])
def test_a_fit_that_must_end_measures_nothing(tmp_path, monkeypatch, hurry):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    conclude = fit_table.finalize

    def hurried(fitted, objective, frame, calibrate, limit, pool):
        if hurry == "stop":
            pool.budget.stop.ask("SIGTERM")
        else:
            pool = replace(pool, budget=replace(pool.budget, deadline=time.monotonic() + 0.5))
        monkeypatch.setattr(prediction_time, "milliseconds", None)
        return conclude(fitted, objective, frame, calibrate, limit, pool)

    monkeypatch.setattr(fit_table, "finalize", hurried)
    X = np.random.default_rng(0).normal(size=(200, 3))
    settings = SearchSettings(models=["linear", "tree"], folds=2, predict_limit=1e6)
    found = estimator("regression", ["linear", "tree"], search=settings).fit(X, X[:, 0] + X[:, 1] ** 2).fitted_
    trials = [t for t in found.trials if (t.model, t.config) in [(m.name, m.config) for m in found.members]]
    assert found.pace.estimated
    assert found.pace.measured > sum(trial.predict_ms for trial in trials) > 0  # and what comes before any model


def test_slow_trials_are_given_up_once_there_is_a_quick_one(tmp_path):
    objective = CrossValidation(Arrays(tmp_path), None, RMSE, predict_limit=1.0)
    np.savez(tmp_path / "folds.npz", t0=[0], v0=[1], t1=[1], v1=[0])
    objective.check_pace(100.0)  # the first of all goes on, whatever it takes
    (tmp_path / "quick.json").write_text("0.5")
    with pytest.raises(Pruned, match="its predictions take too long, 100 ms a row"):
        objective.check_pace(100.0)
    objective.check_pace(1.2)
    replace(objective, predict_limit=None).check_pace(100.0)


@pytest.mark.parametrize("limit", [1e-6, 1e6])
def test_a_whole_fit_under_a_limit_that_nothing_meets_or_everything(tmp_path, monkeypatch, caplog, limit):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    settings = SearchSettings(models=["linear", "tree", "neighbours"], folds=2, predict_limit=limit)
    model = estimator("regression", ["linear", "tree", "neighbours"], search=settings).fit(X, X[:, 0] + X[:, 1] ** 2)
    found = model.fitted_.pace
    assert found.limit == limit
    assert found.measured > 0
    assert ("it predicts alone" in caplog.text) == (limit < 1)
    assert len(model.fitted_.members) == 1 or limit > 1
    assert found.sentence in model.leaderboard().attrs["finish"]
    model.save(tmp_path / "model.seasoned")
    assert load(tmp_path / "model.seasoned").fitted_.pace == found


@pytest.mark.parametrize("limit", [0, -1.0])
def test_what_is_no_limit(limit):
    with pytest.raises(InvalidInput, match="predict_limit is"):
        SearchSettings(predict_limit=limit)


def test_a_pace_survives():
    assert PredictionTime.from_json(PredictionTime(1.0, 0.25).to_json()) == PredictionTime(1.0, 0.25)
    assert PredictionTime.from_json(None) is None


def test_the_best_of_each_family_may_be_chosen_however_many_of_one_are_better():
    many = [TrialRow(n, "catboost", {}, loss=n / 100) for n in range(60)]
    few = [TrialRow(60 + n, name, {}, loss=1.0 + n) for n, name in enumerate("abbbbbb")]
    found = diverse_trials([*many, *few])
    assert len(found) == 40
    assert [row.number for row in found] == [*range(35), 60, 61, 62, 63, 64]
    assert diverse_trials([*many[:10], *few]) == [*many[:10], *few]


def test_who_keeps_the_limit_is_not_thrown_out_before_who_cannot(clock, plan):
    """The one of little weight is the only one that is quick enough."""
    frame, columns = plan
    weights = (0.8, 0.05, 0.15)
    given = [replace(one, weight=w) for one, w in zip(members(clock, 0.003, 0.001, 0.002), weights, strict=True)]
    kept, found = members_within_limit(given, columns, RMSE, frame, limit=1.5)
    assert [member.config["n"] for member in kept] == [1]
    assert found.measured == pytest.approx(1.0)
