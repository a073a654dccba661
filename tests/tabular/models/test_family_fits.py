"""Single fits of model families: learning, files, threads, time limits and wrong widths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from family_tables import BOOSTERS, NAMES, TASKS, fitted, prepared
from optional import FAMILIES
from seasoned.errors import InvalidInput
from seasoned.tabular.models._common.base import predict
from seasoned.tabular.models.registry import EXTRAS


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", NAMES)
def test_a_family_learns_and_its_file_predicts_the_same_bits(name, task):
    model, config, job, estimator, rounds, X, y = fitted(name, task)
    found = predict(estimator, X, job.n_classes)
    held_out, truth = found[200:], y[200:]
    if job.n_classes:
        np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-6)
        assert (held_out.argmax(axis=1) == truth).mean() > np.bincount(truth).max() / len(truth) + 0.05
    else:
        assert np.mean((held_out - truth) ** 2) < 0.75 * truth.var()
    loaded = model.load(model.dump(estimator))
    np.testing.assert_array_equal(predict(loaded, X, job.n_classes), found)
    if rounds is not None:
        refit = model.build(model.with_rounds(config, rounds), job)
        assert model.fit(refit, (X, y), None) is None
        assert np.isfinite(predict(refit, X, job.n_classes)).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_threads_changes_no_prediction(name):
    model, config, job, X, y = prepared(name, "multiclass")
    found = []
    for threads in (1, 2):
        estimator = model.build(config, replace(job, threads=threads))
        model.fit(estimator, (X[:200], y[:200]), (X[200:], y[200:]))
        found.append(predict(estimator, X, 3))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("name", NAMES)
def test_a_class_without_training_rows_has_hardly_any_probability(name):
    model, config, job, X, y = prepared(name, "multiclass")
    rows = np.flatnonzero(y != 1)
    estimator = model.build(config, job)
    model.fit(estimator, (X[rows], y[rows]), (X[200:], y[200:]))
    found = predict(estimator, X, 3)
    assert (found[:, 1] < 0.02).all()
    np.testing.assert_array_equal(predict(model.load(model.dump(estimator)), X, 3), found)


@pytest.mark.parametrize("name", ["mlp", *BOOSTERS])
def test_family_fits_stop_at_their_time_limit(name):
    slow = {"mlp": {"width": 256, "epochs": 256}, "xgboost": {"eta": 0.005, "max_depth": 12}}
    model, config, job, X, y = prepared(name, "regression")
    config |= slow.get(name, {"learning_rate": 0.005, "depth": 9})
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 20))
    y = X[:, 0] * X[:, 1] + rng.normal(size=3000)
    estimator = model.build(config, replace(job, categorical=()))
    rounds = model.fit(estimator, (X[:2000], y[:2000]), (X[2000:], y[2000:]), 0.3)
    assert 0 < rounds < (256 if name == "mlp" else 1000)
    assert np.isfinite(estimator.predict(X)).all()


def test_prediction_of_a_table_of_another_width_is_an_error():
    for name in EXTRAS.keys() & set(FAMILIES):
        *_, estimator, _, X, _ = fitted(name, "binary", rounds=2)
        with pytest.raises((InvalidInput, ValueError)):
            estimator.predict(X[:, :2])
