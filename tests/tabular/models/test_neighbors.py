"""Nearest neighbors: threads, votes and stored rows."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from seasoned.errors import InvalidInput
from seasoned.tabular.models import neighbors
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import find
from seasoned.tabular.safe_files import npz


def test_neighbor_search_uses_one_thread(monkeypatch):
    """With several threads the choice among equally near rows depends on the number of threads."""
    rng = np.random.default_rng(0)
    X, family = rng.integers(0, 2, size=(300, 20)).astype(float), find("neighbours")
    model = family.build(family.space("regression").default, Job("regression", 0, 0, threads=2))
    family.fit(model, (X, X[:, 0]), None)
    seen = []

    def looked(*given):
        seen.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp")
        return found(*given)

    found = model.index.kneighbors
    monkeypatch.setattr(model.index, "kneighbors", looked)
    with threadpool_limits(3, user_api="openmp"):
        model.predict(X)
    assert seen
    assert set(seen) == {1}


def test_neighbor_votes_include_the_shares_of_the_classes():
    model = find("neighbours")
    X, y = np.arange(6.0)[:, None], np.array([0, 0, 0, 0, 1, 1])
    estimator = model.build({"neighbours": 2, "power": 2, "weights": "uniform"}, Job("binary", 2, 0))
    model.fit(estimator, (X, y), None)
    np.testing.assert_allclose(estimator.predict_proba(np.array([[5.2]])), [[(0 + 4 / 6) / 3, (2 + 2 / 6) / 3]])


def test_neighbors_store_a_bounded_number_of_rows():
    model = find("neighbours")
    X = np.random.default_rng(0).normal(size=(20_500, 2))
    estimator = model.build(model.space("regression").default, Job("regression", 0, 0))
    model.fit(estimator, (X, X[:, 0]), None)
    assert estimator.X.shape == (20_000, 2)


@pytest.mark.parametrize("share", [0.0005, 0.2])
def test_sparse_neighbor_rows_are_stored_by_their_nonzero_cells(share):
    rng = np.random.default_rng(0)
    X = np.where(rng.random((500, 300)) < share, rng.normal(size=(500, 300)), 0.0)
    job, family = Job("regression", 0, seed=0), find("neighbours")
    model = family.build(family.space("regression").default, job)
    family.fit(model, (X, X.sum(axis=1)), None)
    data = family.dump(model)
    again = family.load(data)
    np.testing.assert_array_equal(again.X, model.X)
    np.testing.assert_array_equal(again.predict(X[:50]), model.predict(X[:50]))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert sum(member.file_size for member in archive.infolist()) < 200 * len(data)


@pytest.mark.parametrize("name", ["shape", "ends", "places", "cells"])
def test_forged_cells_of_a_neighbor_model_are_refused(name):
    family = find("neighbours")
    model = family.build(family.space("regression").default, Job("regression", 0, seed=0))
    family.fit(model, (np.eye(60), np.arange(60.0)), None)
    arrays = dict(np.load(io.BytesIO(family.dump(model))))
    whole = (lambda a: -a - 1, lambda a: a * 2**40)
    for change in (lambda a: a[:-1], *(whole if name != "cells" else ())):
        with pytest.raises(InvalidInput):
            family.load(npz.dump({**arrays, name: change(arrays[name])}))


def test_neighbor_predictions_do_not_depend_on_the_size_of_pieces(monkeypatch):
    rng = np.random.default_rng(0)
    X, family = rng.normal(size=(100, 3)), find("neighbours")
    for classes, y in ((0, X[:, 0]), (3, rng.integers(0, 3, 100))):
        task = "multiclass" if classes else "regression"
        model = family.build(family.space(task).default, Job(task, classes, 0))
        family.fit(model, (X, y), None)
        call = model.predict_proba if classes else model.predict
        with monkeypatch.context() as patched:
            whole = call(X)
            patched.setattr(neighbors, "PIECE", 7)
            np.testing.assert_array_equal(call(X), whole)
