"""Models of a trial's folds: kept while it runs, and in the place of a last fit that is not ready in time."""

from __future__ import annotations

import errno
import logging
import os
import time
from dataclasses import replace
from threading import Lock
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from in_process import estimator, stay_in_process
from optional import FAMILIES, needs
from seasoned import SearchSettings, load
from seasoned.errors import Pruned
from seasoned.tabular.budget.budget import Budget
from seasoned.tabular.budget.worker_pool import WorkerPool
from seasoned.tabular.ensemble import refit_members
from seasoned.tabular.ensemble.early_model import EarlyModel
from seasoned.tabular.ensemble.fitted_model import Member
from seasoned.tabular.input.target import read_target
from seasoned.tabular.metrics.registry import resolve
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models._common.log_target import Logarithm
from seasoned.tabular.models._common.target_transforms import SCALE
from seasoned.tabular.models.registry import find
from seasoned.tabular.trial import cross_validation as objective_module
from seasoned.tabular.trial import fold_models
from seasoned.tabular.trial.arrays import Arrays, write_arrays
from seasoned.tabular.trial.cross_validation import CrossValidation
from seasoned.tabular.trial.fold_models import FoldModelCache, largest_folds, load_fold_models
from seasoned.tabular.trial.run_folder import RunFolder
from seasoned.tabular.trial.seed_average import Repeated, fits_of, predict_matrices, shares_of
from seasoned.tabular.trial.trial_row import TrialRow
from seasoned.tabular.validation.folds import make_folds


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """However short a fit is, its model is kept; one thread, as in a worker."""
    monkeypatch.setattr(objective_module, "MIN_SECONDS", 0.0)
    monkeypatch.setenv("SEASONED_CPUS", "1")


def run(folder, y, *, classes=0, folds=3, scale=None):
    X = np.random.default_rng(0).normal(size=(len(y), 3)) + np.asarray(y, dtype=float)[:, None]
    (folder / "trials").mkdir()
    target = read_target(pd.Series(y), "classification" if classes else "regression")
    dealt = make_folds(None, target, 0, default=folds)
    write_arrays(folder, target.values, dealt, {"dense": X, "codes": X})
    job = Job(target.task, classes, 0, seconds=1e6, logarithm=scale)
    return CrossValidation(Arrays(folder), job, resolve("rmse" if scale else None, target.task, classes))


SLOW = {"realmlp", "tuned_mlp"}  # networks: they travel as `mlp` does


@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in SLOW])
def test_what_is_kept_of_every_family_is_what_validated(tmp_path, name):
    needs(name)
    objective = run(tmp_path, np.arange(120) % 2, classes=2)
    config = {"model": {name: find(name).space("binary").default}}
    objective(config)
    found = objective.fold_average(config)
    assert shares_of(found) == pytest.approx([1 / 3] * 3)
    known, X = objective.records.out_of_fold(config), objective.data.matrix(find(name).diet)
    for fit, (_, valid) in zip(fits_of(found), objective.data.folds, strict=True):
        np.testing.assert_allclose(predict(fit, X[valid], 2), known[valid], rtol=1e-5, atol=1e-6)


def test_models_of_logarithms_get_the_factor_of_all_folds(tmp_path):
    y = np.exp(np.linspace(0.0, 4.0, 90) + np.random.default_rng(1).normal(size=90))
    objective = run(tmp_path, y, scale=Logarithm(0.0, "squares"))
    config = {"model": {"linear": {"penalty": 1.0, SCALE.name: "log"}}}
    objective(config)
    factor = objective.records.of(config).factor
    assert factor != 1.0
    assert [fit.factor for fit in fits_of(objective.fold_average(config))] == [factor] * 3


def test_one_held_out_part_gives_one_model(tmp_path):
    objective = run(tmp_path, np.arange(60) % 2, classes=2, folds=1)
    config = {"model": {"linear": {"penalty": 1.0}}}
    objective(config)
    assert not isinstance(objective.fold_average(config), Repeated)


def test_what_is_not_needed_is_forgotten_but_not_what_a_member_shares_with_another_trial(tmp_path):
    objective = run(tmp_path, np.arange(60) % 2, classes=2)
    one, other = ({"model": {"linear": {"penalty": penalty}}} for penalty in (1.0, 2.0))
    objective(one)
    objective(other)
    objective.records.forget_models([one, one, other], but=[one])
    assert objective.fold_average(one) is not None
    assert objective.fold_average(other) is None


def test_under_a_limit_of_time_to_predict_one_model_predicts(tmp_path):
    objective = run(tmp_path, np.arange(60) % 2, classes=2)
    objective.predict_limit = 10.0
    config = {"model": {"linear": {"penalty": 1.0}}}
    objective(config)
    assert not isinstance(objective.fold_average(config), Repeated)


def test_of_a_split_by_time_the_models_of_the_past_have_no_say():
    assert largest_folds([100, 200, 300, 400], one=False) == [3]
    assert largest_folds([100, 200, 350, 400], one=False) == [2, 3]
    assert largest_folds([80] * 50, one=False) == [0, 1, 2, 3, 4]
    assert largest_folds([79, 80, 80], one=True) == [1]


def test_of_the_first_trials_all_are_kept_and_later_only_what_takes_long(tmp_path, monkeypatch):
    monkeypatch.setattr(objective_module, "MIN_SECONDS", 1e6)
    objective = run(tmp_path, np.arange(60) % 2, classes=2)
    first, second = ({"model": {"linear": {"penalty": penalty}}} for penalty in (1.0, 2.0))
    objective(first)
    objective(second)
    assert objective.fold_average(first) is not None
    assert objective.fold_average(second) is None


def test_what_is_stacked_on_others_is_not_kept(tmp_path):
    objective = run(tmp_path, np.arange(60) % 2, classes=2)
    config = {"model": {"linear": {"penalty": 1.0}}}
    objective.full_loss(config)
    assert objective.fold_average(config) is None


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_trial_that_does_not_end_leaves_nothing(tmp_path):
    def ends_early():
        with FoldModelCache(tmp_path / "one.models") as keeping:
            keeping.add("a model", 1.0)
            assert left(tmp_path)
            raise Pruned("too far behind")

    with pytest.raises(Pruned):
        ends_early()
    assert left(tmp_path) == []


@pytest.mark.parametrize("bad", [None, Lock(), np.zeros(2**24)], ids=["other family", "no pickle", "too large"])
def test_all_or_nothing(tmp_path, bad):
    with FoldModelCache(tmp_path / "one.models") as keeping:
        keeping.add("a model", 1.0)
        keeping.add(bad, 1.0)
        keeping.add("another", 1.0)
        keeping.done()
    assert left(tmp_path) == []
    assert load_fold_models(tmp_path / "one.models", [0], 1.0) is None


def test_a_full_disk_is_no_reason_for_a_trial_to_fail(tmp_path, monkeypatch):
    def full(self, *_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with FoldModelCache(tmp_path / "one.models") as keeping:
        keeping.add("a model", 1.0)
        monkeypatch.setattr(type(keeping._partial), "replace", full)
        keeping.done()
    assert left(tmp_path) == []
    monkeypatch.setattr(fold_models.shutil, "disk_usage", lambda _: SimpleNamespace(free=1e6))
    with FoldModelCache(tmp_path / "one.models") as keeping:
        keeping.add("a model", 1.0)
        assert left(tmp_path) == []
        keeping.done()


def test_what_cannot_be_read_is_not_there(tmp_path, caplog):
    path = tmp_path / "one.models"
    with FoldModelCache(path) as keeping:
        keeping.add(np.zeros(1_000), 1.0)
        keeping.done()
    path.write_bytes(path.read_bytes()[:100])
    assert load_fold_models(path, [0], 1.0) is None
    assert "cannot be read" in caplog.text


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners of files here")
def test_what_others_could_have_written_is_not_read(tmp_path, monkeypatch, caplog):
    path = tmp_path / "one.models"
    with FoldModelCache(path) as keeping:
        keeping.add("a model", 1.0)
        keeping.done()
    assert load_fold_models(path, [0], 1.0) == "a model"
    path.chmod(0o622)
    assert load_fold_models(path, [0], 1.0) is None
    path.chmod(0o600)
    monkeypatch.setattr(os, "getuid", lambda: -1)
    assert load_fold_models(path, [0], 1.0) is None
    assert caplog.text.count("somebody else's") == 2


def test_a_class_of_the_callers_own_travels(tmp_path):
    class Own:
        value = 3

    with FoldModelCache(tmp_path / "one.models") as keeping:
        keeping.add(Own(), 1.0)
        keeping.done()
    assert load_fold_models(tmp_path / "one.models", [0], 1.0).value == 3


def test_a_resumed_run_begins_without_models_and_without_what_was_half_written(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    folder = RunFolder.open("key", {}, resume=False)
    trials = folder.path / "trials"
    for name in ("a.json", "a.npy", "a.models", ".b.models.17"):
        (trials / name).write_bytes(b"")
    folder.release()
    RunFolder.open("key", {}, resume=True)
    assert left(trials) == ["a.json", "a.npy"]


def test_what_is_fitted_at_once_is_not_worth_it(tmp_path):
    with FoldModelCache(tmp_path / "one.models") as keeping:
        keeping.add("a model", 0.1)
        keeping.add("another", 1.0)
        keeping.done()
    assert left(tmp_path) == []


# ---------------------------------------------------------------- the last fits


def budget(memory=None):
    return Budget(deadline=float("inf"), seconds=60.0, trials=None, workers=1, memory=memory)


def late(monkeypatch, ready=(), light=()):
    """Last fits of which only the named places are ready, and what is fitted again afterwards.

    Those of little weight are not fitted at all.
    """
    again = []

    def fit_all(objective, waiting, limit):
        return {
            place: Member("linear", row.config, "on all", weight)
            for place, (row, weight) in waiting.items()
            if place in ready
        }

    def fit_again(objective, members, seconds, limit, places):
        again.extend(sorted(places))
        return members

    monkeypatch.setattr(refit_members, "fit_all", fit_all)
    monkeypatch.setattr(refit_members, "fit_more_seeds", fit_again)
    monkeypatch.setattr(refit_members, "predicted_refit_seconds", lambda objective, row: 1.0)
    monkeypatch.setattr(refit_members, "members_without_refit", lambda *_: set(light))
    return again


ROWS = [(TrialRow(n, "linear", {"penalty": float(n)}), weight) for n, weight in enumerate((0.6, 0.3, 0.1))]
NO_EARLY = SimpleNamespace(member=lambda seconds: None, fitted=None)


def test_what_is_not_ready_is_replaced_and_what_was_not_kept_is_left_out(monkeypatch, caplog):
    again = late(monkeypatch, ready={1})
    there = {0.0: "of folds", 1.0: "of folds"}
    objective = SimpleNamespace(fold_average=lambda config: there.get(config["model"]["linear"]["penalty"]))
    found = refit_members.fit_members(objective, ROWS, WorkerPool(budget()), NO_EARLY)
    assert [(one.estimator, pytest.approx(one.weight)) for one in found] == [("of folds", 2 / 3), ("on all", 1 / 3)]
    assert [one.whole for one in found] == [False, True]
    assert again == [1]
    assert "trial 0 (linear) was not fitted on all rows; the models of its folds predict instead" in caplog.text


def test_what_weighs_little_keeps_its_trial_s_model_unless_that_is_gone(monkeypatch, caplog):
    again = late(monkeypatch, ready={0, 1}, light={1, 2})
    objective = SimpleNamespace(
        fold_average=lambda config: "its trial's" if config["model"]["linear"]["penalty"] > 1 else None
    )
    found = refit_members.fit_members(objective, ROWS, WorkerPool(budget()), NO_EARLY)
    assert [(one.estimator, one.whole) for one in found] == [("on all", True), ("on all", True), ("its trial's", False)]
    assert [one.weight for one in found] == pytest.approx([0.6, 0.3, 0.1])
    assert again == [0, 1]
    assert not caplog.text


def test_where_memory_is_full_nothing_more_is_read(monkeypatch):
    late(monkeypatch, light={2})
    monkeypatch.setattr(Budget, "full", True)
    objective = SimpleNamespace(fold_average=lambda config: pytest.fail("read"), refit=lambda config: "a baseline")
    (found,) = refit_members.fit_members(objective, ROWS, WorkerPool(budget()), NO_EARLY)
    assert found.name == "baseline"


def test_what_is_read_late_is_the_heaviest_alone(monkeypatch):
    late(monkeypatch)
    objective = SimpleNamespace(fold_average=lambda config: "of folds")
    over = replace(budget(), deadline=time.monotonic() - 10.0)
    (found,) = refit_members.fit_members(objective, ROWS, WorkerPool(over), NO_EARLY)
    assert (found.estimator, found.config, found.weight) == ("of folds", {"penalty": 0.0}, 1.0)


def test_a_whole_fit_whose_last_fits_are_all_late(monkeypatch, tmp_path, caplog):
    stay_in_process(monkeypatch)
    monkeypatch.setattr(EarlyModel, "__call__", lambda *_: None)
    monkeypatch.setattr(refit_members, "fit_all", lambda *_: {})
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=300), "c": rng.choice(list("xyz"), 300)})
    y = X["a"] * 3 + (X["c"] == "x") + 0.1 * rng.normal(size=300)
    families = ["linear", "lightgbm"]
    with caplog.at_level(logging.WARNING):
        model = estimator("regression", search=SearchSettings(models=families, folds=2), trials=2).fit(X, y)
    assert "a simple one predicts" not in caplog.text
    assert all(isinstance(member.estimator, Repeated) for member in model.fitted_.members)
    assert np.sqrt(np.mean((model.predict(X) - y) ** 2)) < 0.5 * y.std()
    model.save(tmp_path / "model.seasoned")
    np.testing.assert_array_equal(load(tmp_path / "model.seasoned").predict(X), model.predict(X))
    again = model.refit(X, y)
    assert all(member.name in families for member in again.fitted_.members)


def test_mean_over_folds(tmp_path):
    objective = run(tmp_path, np.arange(90) / 10.0)
    config = {"model": {"linear": {"penalty": 1.0}}}
    objective(config)
    found, X = objective.fold_average(config), objective.data.matrix("dense")
    each = np.mean([predict(fit, X, 0) for fit in fits_of(found)], axis=0)
    np.testing.assert_allclose(predict_matrices(found, {"dense": X}, "dense", 0), each)
