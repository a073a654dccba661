"""Global model of few-shot learning beside the adapted one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from few_shot_data import stores
from seasoned.tabular.few_shot.global_model import fit_global, fold_models
from seasoned.tabular.few_shot.meta_training import split_tasks
from seasoned.tabular.few_shot.model import Scaling
from seasoned.tabular.input.target import read_target


def test_held_out_predictions_come_from_models_that_have_not_seen_the_task():
    frame, y, store = stores(tasks=8, rows=10)
    X = frame.drop(columns="store")
    found = fit_global(X, read_target(y, "regression"), store, 0, math.inf)
    assert len(found.task_folds) == 8
    for fold in np.unique(found.task_folds):
        rows = found.task_folds[store] == fold
        own = fold_models(found.fitted, found.member_folds, int(fold))
        np.testing.assert_allclose(own.predict(X[rows]), found.held_out[rows], rtol=1e-6)
    together = np.mean(
        [fold_models(found.fitted, found.member_folds, fold).predict(X) for fold in range(found.task_folds.max() + 1)],
        axis=0,
    )
    np.testing.assert_allclose(found.fitted.predict(X), together, rtol=1e-6)


def test_a_class_of_one_task_only_is_no_obstacle():
    frame, _, store = stores(tasks=6, rows=10)
    y = np.where(store == 0, "rare", "common")
    found = fit_global(frame.drop(columns="store"), read_target(y, "classification"), store, 0, math.inf)
    assert {member.name for member in found.fitted.members} == {"baseline"}
    assert np.isfinite(found.held_out).all()


def test_the_unit_is_robust():
    rng = np.random.default_rng(0)
    y = rng.normal(size=1000)
    clean = Scaling.fit(y, np.zeros(1000), "regression")
    assert abs(clean.unit - 1) < 0.1
    y[0] = 1e3
    assert Scaling.fit(y, np.zeros(1000), "regression").unit < 15
    assert np.abs(clean.errors(y, np.zeros(1000))).max() == 10
    assert Scaling.fit(np.ones(5), np.ones(5), "regression").unit == 1


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 0.999])
def test_some_tasks_are_left_to_train_on(share):
    groups = [np.arange(4) + 4 * task for task in range(6)]
    train, held = split_tasks(groups, share, 0)
    assert train
    assert held
    assert sorted(np.concatenate([*train, *held])) == list(range(24))
