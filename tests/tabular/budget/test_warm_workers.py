"""Warm workers and the early model: both are ready before they are needed."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from in_process import Here
from seasoned.errors import StorageError
from seasoned.execution import LocalExecutor
from seasoned.execution.workers.pool import POOL, release_workers
from seasoned.tabular.budget import worker_pool
from seasoned.tabular.budget.budget import Budget
from seasoned.tabular.budget.warm_workers import WarmWorkers
from seasoned.tabular.budget.worker_pool import WorkerPool
from seasoned.tabular.ensemble import refit_members
from seasoned.tabular.ensemble.early_model import EarlyModel
from seasoned.tabular.ensemble.fitted_model import Member
from seasoned.tabular.models.neural.epochs import watched
from seasoned.tabular.models.registry import choose, find
from seasoned.tabular.search import search
from seasoned.tabular.search.stopping_rule import StoppingRule
from seasoned.tabular.trial.trial_row import TrialRow
from seasoned.trials import Config, TrialState


def budget(workers=1, trials=None, left=600.0, most=10):
    return Budget(time.monotonic() + left, left, trials, workers, None, most)


def loaded(name):
    return name in sys.modules


def test_whoever_hires_next_finds_workers_that_have_loaded_what_fits_need():
    first = WarmWorkers(WorkerPool(budget()), choose(["linear", "lightgbm"]))
    assert first.ready() > 0.0
    assert first.ready() == first.ready()
    with LocalExecutor(1) as executor:
        for name in ("lightgbm", "seasoned.tabular.trial.cross_validation"):
            executor.submit(loaded, name)
        found = []
        while len(found) < 2:
            found += [outcome.value for outcome in executor.wait(60.0)]
    assert found == [True, True]


def test_no_more_workers_are_started_than_there_are_trials(monkeypatch):
    asked = []

    class Counted(Here):
        def submit(self, function, *args, **more):
            asked.append(args)
            return super().submit(function, *args, **more)

    monkeypatch.setattr(worker_pool, "LocalExecutor", Counted)
    WarmWorkers(WorkerPool(budget(workers=4, trials=2)), choose(["linear"])).ready()
    assert len(asked) == 2
    assert all("lightgbm" not in names for (names,) in asked), "families that do not take part are not loaded"


def test_a_disk_that_is_full_is_no_reason_to_fail(monkeypatch):
    class Full(Here):
        def submit(self, function, *args, **more):
            raise StorageError("the disk is full")

    monkeypatch.setattr(worker_pool, "LocalExecutor", Full)
    assert WarmWorkers(WorkerPool(budget()), choose(["linear"])).ready() == 0.0


def test_workers_are_warm_when_the_members_are_chosen(monkeypatch):
    """Those of the search were busy when it ended."""
    order = []

    class Noted(Here):
        def submit(self, function, *args, **more):
            order.append(args[0][-1])
            return super().submit(function, *args, **more)

    monkeypatch.setattr(worker_pool, "LocalExecutor", Noted)
    monkeypatch.setattr(search, "choose_members", lambda *_: order.append("chosen") or "members")
    objective = SimpleNamespace(fitter=SimpleNamespace(model=find))
    rows = [TrialRow(n, name, {}) for n, name in enumerate(("lightgbm", "linear", "lightgbm"))]
    assert search.select_members(objective, rows, WorkerPool(budget()), 1.0) == "members"
    assert order == ["lightgbm", "chosen"]
    order.clear()
    for nothing, left in (([], 600.0), (rows, -1.0)):  # no fits will come, or too late
        assert search.select_members(objective, nothing, WorkerPool(budget(left=left)), 1.0) == "members"
    assert order == ["chosen", "chosen"]
    order.clear()
    search.select_members(objective, rows, WorkerPool(budget(workers=4, trials=9, most=2)), 1.0)
    assert order == ["lightgbm"] * 2 + ["chosen"], "no more workers than there are fits"


def test_workers_that_take_too_long_are_not_waited_for(monkeypatch):
    """A fit of a second, and workers that never come to an end of their loading."""

    class Never(Here):
        def wait(self, timeout=None):
            time.sleep(timeout)
            return []

    monkeypatch.setattr(worker_pool, "LocalExecutor", Never)
    short = Budget(time.monotonic() + 1.0, 1.0, None, 1, None)
    assert WarmWorkers(WorkerPool(short), choose(["linear"])).ready() == 0.0
    stopped = budget()
    stopped.stop.ask("SIGINT")
    assert WarmWorkers(WorkerPool(stopped), choose(["linear"])).ready() == 0.0


@pytest.mark.parametrize("fresh", [0.0, 3.0])
def test_time_is_kept_for_workers_that_begin_anew_though_the_first_were_warm(fresh):
    """The first trial took no time beyond its fits; after the search others may have to load everything again."""
    objective = SimpleNamespace(
        folds=2, records=SimpleNamespace(of=lambda config: SimpleNamespace(fit_seconds=1.0, sample_seconds=0.0))
    )
    closing = StoppingRule.__new__(StoppingRule)
    closing._objective, closing._fresh = objective, fresh
    row = TrialRow(0, "linear", {}, loss=1.0, seconds=2.0)
    assert closing._measured_warm_up([row]) == max(fresh, 0.2)


# ---------------------------------------------------------------- the early model


def trial(number=0, penalty=1.0):
    config = Config({"model": {"linear": {"penalty": penalty}}})
    return SimpleNamespace(number=number, config=config, state=TrialState.COMPLETE)


def test_the_early_model_stays_and_its_worker_goes_back(monkeypatch):
    monkeypatch.setattr(worker_pool, "LocalExecutor", Here)
    objective = SimpleNamespace(refit=lambda config: ("fitted", config))
    with EarlyModel(objective, WorkerPool(budget())) as found:
        assert found.fitted is None
        found(None, trial())
        assert found.fitted == ("linear", {"penalty": 1.0})
        assert found._executor is not None
        found(None, trial(1, 2.0))  # the next trial finds it fitted
        assert found._executor is None
        assert found.member(0.0).estimator[0] == "fitted"
    assert found.member(0.0).config == {"penalty": 1.0}


def test_the_worker_of_the_early_model_ends_once_the_model_is_collected():
    release_workers()
    with LocalExecutor(1) as searching, EarlyModel(SimpleNamespace(refit=str), WorkerPool(budget())) as early:
        searching.submit(time.sleep, 0.0)
        searching.wait(60.0)
        early(None, trial())
        while early._executor is not None:
            early(None, trial(1, 2.0))
            time.sleep(0.05)
        assert not POOL.idle
        assert len(POOL.alive) == 1, "the worker of the search stays"
        assert early.member(0.0) is not None


def test_a_first_fit_that_failed_is_no_model(monkeypatch, caplog):
    def refit_(config):
        raise MemoryError("too large")

    monkeypatch.setattr(worker_pool, "LocalExecutor", Here)
    with EarlyModel(SimpleNamespace(refit=refit_), WorkerPool(budget())) as found:
        found(None, trial())
        assert found.member(0.0) is None
        assert found.fitted is None
        assert found.member(0.0) is None
    assert caplog.text.count("could not be fitted on all rows") == 1


def test_what_is_being_fitted_already_is_waited_for_and_not_fitted_twice(monkeypatch):
    rows = [TrialRow(n, "linear", {"penalty": float(n)}) for n in range(2)]
    first, asked = Member("linear", {"penalty": 0.0}, "the early one"), []
    answers = iter([None, None, None, first])
    still = SimpleNamespace(member=lambda seconds: next(answers), fitted=("linear", {"penalty": 0.0}))

    def fit_all(objective, waiting, limit):
        asked.append(sorted(waiting))
        return {place: Member("linear", row.config, "another", weight) for place, (row, weight) in waiting.items()}

    monkeypatch.setattr(refit_members, "fit_all", fit_all)
    monkeypatch.setattr(refit_members, "fit_more_seeds", lambda objective, ready, *_: ready)
    monkeypatch.setattr(refit_members, "predicted_refit_seconds", lambda objective, row: 1.0)
    monkeypatch.setattr(refit_members, "members_without_refit", lambda *_: set())
    found = refit_members.fit_members(None, [(rows[0], 0.6), (rows[1], 0.4)], WorkerPool(budget()), still)
    assert asked == [[1]]
    assert [(member.estimator, member.weight) for member in found] == [("the early one", 0.6), ("another", 0.4)]


class Lasting:
    """An early fit that goes on until its time; then it fails, or lasts for ever."""

    def __init__(self, ends=10**9):
        self.ends, self.asked = ends, []

    @property
    def fitted(self):
        return None if len(self.asked) >= self.ends else ("linear", {"penalty": 0.0})

    def member(self, seconds):
        self.asked.append(seconds)


def test_who_asks_to_stop_does_not_wait_for_the_early_fit():
    limit, still = budget(left=1e9), Lasting()
    limit.stop.ask("SIGINT")
    limit.stop.deadline = 0.0
    assert refit_members.await_early_model(still, limit) is None
    assert still.asked == [0.0]
    limit, still = budget(left=0.6), Lasting()
    still.member = time.sleep
    assert refit_members.await_early_model(still, limit) is None  # nor does the deadline


def test_what_failed_early_is_tried_again(monkeypatch):
    row = TrialRow(0, "linear", {"penalty": 0.0})
    again = Member("linear", row.config, "the second", 1.0)
    monkeypatch.setattr(refit_members, "fit_all", lambda objective, waiting, limit: dict.fromkeys(waiting, again))
    monkeypatch.setattr(refit_members, "fit_more_seeds", lambda objective, ready, *_: ready)
    monkeypatch.setattr(refit_members, "predicted_refit_seconds", lambda objective, row: 1.0)
    monkeypatch.setattr(refit_members, "members_without_refit", lambda *_: set())
    (found,) = refit_members.fit_members(None, [(row, 1.0)], WorkerPool(budget()), Lasting(ends=3))
    assert found.estimator == "the second"


# ---------------------------------------------------------------- rows that networks look at


def test_networks_look_at_validation_rows_of_all_kinds_though_these_come_in_order():
    y = np.repeat([0.0, 1.0], 20_000)
    X, seen, weight = watched((np.zeros((len(y), 2)), y, None))
    assert len(X) == len(seen) == 10_000
    assert seen.mean() == pytest.approx(0.5, abs=1e-3)
    assert weight is None


def test_what_takes_longest_is_fitted_first(monkeypatch):
    begun = []

    class Noting(Here):
        def submit(self, function, config, **_):
            begun.append(config["model"]["linear"]["number"])
            return super().submit(lambda: "a model")

    monkeypatch.setattr(worker_pool, "LocalExecutor", Noting)
    seconds = [3.0, 5.0, 4.0, 12.0]
    records = SimpleNamespace(
        of=lambda config: SimpleNamespace(fit_seconds=seconds[config["model"]["linear"]["number"]])
    )
    rows = [TrialRow(n, "linear", {"number": n}) for n in range(4)]
    objective = SimpleNamespace(refit=None, records=records)
    ready = refit_members.fit_all(objective, {n: (row, 0.25) for n, row in enumerate(rows)}, WorkerPool(budget()))
    assert begun == [3, 1, 2, 0]
    assert sorted(ready) == [0, 1, 2, 3]
