"""The second look at the best trials: which splits count, what is averaged, and who is left to choose from."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import seasoned.tabular.second_look as look
from in_process import Here, estimator, stay_in_process
from seasoned.tabular import closing, fit, refit
from seasoned.tabular.folds import further_folds, make_folds
from seasoned.tabular.objective import _mean
from seasoned.tabular.records import Records, TrialRecord
from seasoned.tabular.runs import RunFolder
from seasoned.tabular.target import Target

ROWS = 12


def target(y, task="regression"):
    classes = np.unique(y) if task != "regression" else np.array([])
    return Target(task, y, classes, np.ones(len(y), bool))


def test_few_rows_are_dealt_in_other_ways_and_many_are_not():
    few = target(np.arange(60.0))
    folds = make_folds(5, few, 7)
    splits = further_folds(folds, few, 7, free=True)
    assert len(splits) == 3
    for split in [folds, *splits]:
        np.testing.assert_array_equal(np.sort(np.concatenate([valid for _, valid in split])), np.arange(60))
    first = [{frozenset(valid.tolist()) for _, valid in split} for split in [folds, *splits]]
    assert all(not one & other for place, one in enumerate(first) for other in first[:place])
    assert further_folds(folds, few, 7, free=False) == []
    assert further_folds(folds[:1], few, 7, free=True) == []
    many = target(np.arange(2_000.0))
    assert further_folds(make_folds(5, many, 7), many, 7, free=True) == []


def test_classes_stay_in_proportion():
    y = np.repeat([0, 1], [90, 10])
    few = target(y, "binary")
    for split in further_folds(make_folds(5, few, 0), few, 0, free=True):
        assert [int(y[valid].sum()) for _, valid in split] == [2] * 5


def test_a_row_that_several_folds_validate_gets_the_mean():
    held = [np.arange(2), np.arange(2, 4), np.arange(1)]
    found = _mean(np.array([3.0, 1.0, 2.0, 4.0]), held)
    np.testing.assert_array_equal(found, [1.5, 1.0, 2.0, 4.0])
    assert _mean(np.ones((4, 2)), held).tolist()[0] == [0.5, 0.5]


class Known:
    """An objective whose predictions are known: split s of trial i predicts 10 i + s, trial 3 fails on the second."""

    def __init__(self, splits=2, rounds=5):
        self.data = SimpleNamespace(splits=splits, target=np.zeros(ROWS))
        self.rounds, self.noted = rounds, {}
        self.records = SimpleNamespace(
            out_of_fold=lambda config: np.full(ROWS, 10.0 * self.number(config), dtype=np.float32),
            of=lambda _: TrialRecord(rounds, 1.0),
            write_mean=self.note,
        )

    @staticmethod
    def number(config):
        return config["model"]["linear"]["number"]

    def on_split(self, config, split):
        if (self.number(config), split) == (3, 2):
            raise ValueError("it cannot")
        return np.full(ROWS, 10.0 * self.number(config) + 3 * split), self.rounds and self.rounds + split

    @staticmethod
    def loss_of(predicted):
        return -float(predicted[0])

    def note(self, config, predicted, rounds):
        self.noted[self.number(config)] = float(predicted[0]), rounds


def rows(count=10, seconds=0.1):
    return [
        {
            "model": "linear",
            "config": {"number": i},
            "number": i,
            "loss": float(i),
            "seconds": seconds,
            "state": "complete",
        }
        for i in range(count)
    ]


def budget(left=60.0):
    now = time.monotonic()
    limits = {"trial_memory": None, "full": False, "stop": lambda: False, "explain": str}
    return SimpleNamespace(seconds=60.0, workers=2, remaining=left, deadline=now + left, **limits)


@pytest.fixture
def here(monkeypatch):
    monkeypatch.setattr(look, "LocalExecutor", Here)


def test_what_was_seen_on_all_splits_is_averaged_and_the_rest_may_not_be_chosen(here):
    objective, best = Known(), rows()
    found = look.look_again(objective, best, budget(), 1.0)
    assert [row["number"] for row in found] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert [row["loss"] for row in found[:2]] == pytest.approx(
        [-3.0, -13.0]
    )  # that of the mean; the leaderboard's stays
    assert best[1]["loss"] == 1.0
    assert objective.noted[1] == pytest.approx((13.0, 6.0))  # of 10, 13 and 16; rounds of 5, 6 and 7
    assert 3 not in objective.noted


def test_each_family_is_among_those_looked_at_again(here):
    """The best twenty could be of one family, and the ensemble had nothing else to choose from."""
    best = [{**row, "model": "linear"} for row in rows(30)]
    best[24]["model"] = best[27]["model"] = "other"
    order = look._families_early(best)
    assert [row["number"] for row in order[8:13]] == [8, 9, 24, 10, 11]
    assert sorted(row["number"] for row in order) == list(range(30))

    class Both(Known):
        @staticmethod
        def number(config):
            return next(iter(config["model"].values()))["number"]

    found = look.look_again(Both(), best, budget(), 1.0)
    assert [row["number"] for row in found] == [0, 1, 2, *range(4, 19), 24], "by their loss again; 3 failed"


def test_a_disk_that_is_full_leaves_the_first_look(here, caplog):
    objective, best, forgotten = Known(), rows(), []

    def full(*_):
        raise OSError(28, "No space left on device")

    objective.records.write_mean, objective.records.forget_means = full, lambda: forgotten.append(True)
    assert look.look_again(objective, best, budget(), 1.0) == best
    assert forgotten
    assert "left out, for it could not be written" in caplog.text


def test_without_rounds_there_are_none_after_it(here):
    objective = Known(rounds=None)
    look.look_again(objective, rows(), budget(), 1.0)
    assert objective.noted[0] == (3.0, None)


def test_a_split_that_is_not_ready_for_all_does_not_count(here):
    objective, best = Known(), rows()
    assert look.look_again(objective, best, budget(left=1.0), 1.0) == best  # no time at all
    assert objective.noted == {}


@pytest.mark.parametrize(
    ("seconds", "foreseen"),
    [(0.1, (20, 2)), (1.0, (20, 1)), (2.0, (11, 1)), (4.0, (0, 0))],  # 23 seconds of two workers are there
)
def test_as_many_trials_and_splits_as_there_is_time_for(seconds, foreseen):
    assert look._foreseen(Known(), rows(30, seconds), 2, 17.0) == foreseen


@pytest.mark.parametrize(("count", "left"), [(7, 60.0), (30, 2.0), (30, -5.0)])
def test_few_trials_or_no_time_need_none(count, left):
    assert look._foreseen(Known(), rows(count), 2, left) == (0, 0)


def test_what_a_second_look_left_is_gone_where_a_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    run = RunFolder.open("run", {}, resume=False)
    config, records = {"model": {"linear": {}}}, Records(run.path)
    records.write(config, np.zeros(ROWS), TrialRecord(5, 1.0))
    records.write_mean(config, np.ones(ROWS), 8.4)
    assert records.of(config).rounds == 8
    assert records.mean_out_of_fold(config).mean() == 1.0
    records.forget_means()
    assert records.of(config).rounds == 5
    assert records.mean_out_of_fold(config).mean() == 0.0
    records.write_mean(config, np.ones(ROWS), 8.4)
    run.release()
    RunFolder.open("run", {}, resume=True)
    assert records.of(config) == TrialRecord(5, 1.0)
    assert records.mean_out_of_fold(config).mean() == 0.0


def test_without_further_splits_all_may_be_chosen():
    assert look.look_again(Known(splits=0), rows(), budget(), 1.0) == rows()


def test_a_whole_fit_predicts_by_models_that_were_looked_at_again(monkeypatch):
    stay_in_process(monkeypatch)
    monkeypatch.setattr(closing, "_SPARING", 0.0)  # members are chosen after every trial, however long that took
    monkeypatch.setattr(look, "_foreseen", lambda _, best, *__: (len(best), 2))
    dealt, noted = fit._dealt, []
    monkeypatch.setattr(fit, "_dealt", lambda *some, **_: dealt(*some, timed=True))
    write = Records.write_mean
    monkeypatch.setattr(Records, "write_mean", lambda *some: noted.append(some[2]) or write(*some))
    seen = []
    select = refit.select
    monkeypatch.setattr(
        refit, "select", lambda found, *rest, **more: seen.append(found) or select(found, *rest, **more)
    )
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(80, 2)), columns=["a", "b"])
    y = X["a"] + 0.5 * rng.normal(size=80)
    model = estimator("regression", ["linear", "lightgbm"], trials=4).fit(X, y)
    assert len(noted) == (model.leaderboard()["state"] == "complete").sum() > 1
    for chosen_from in seen[-1]:
        assert any(np.allclose(chosen_from, mean, rtol=1e-6) for mean in noted)
        assert not any(np.allclose(chosen_from, one_split) for one_split in seen[-2])  # what the search knew
    assert np.isfinite(model.predict(X)).all()


def test_a_metric_that_refuses_a_mean_leaves_the_trial_out(here):
    objective = Known()
    loss_of = objective.loss_of

    def strict(predicted):
        if predicted[0] > 50:
            raise ValueError("the metric failed")
        return loss_of(predicted)

    objective.loss_of = strict
    found = look.look_again(objective, rows(), budget(), 1.0)
    assert [row["number"] for row in found] == [0, 1, 2, 4]
    assert set(objective.noted) == {0, 1, 2, 4}
    objective.loss_of, objective.noted = lambda predicted: strict(predicted + 1e3), {}
    assert look.look_again(objective, rows(), budget(), 1.0) == rows()
    assert objective.noted == {}
