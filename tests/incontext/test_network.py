"""In-context networks: cached context, independence of queries, order of rows, files."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.incontext import backend, network
from seasoned.incontext.network import LEVELS, Network
from seasoned.incontext.settings import NetworkSettings
from small_networks import random_network, random_table

NONE = np.zeros(4, dtype=bool)


@pytest.fixture
def net():
    return random_network()


def test_probabilities_of_the_classes(net):
    X, y = random_table(1, 40, 4)
    predicted = net.fit_context(X, y, NONE, 3).predict(X[:7])
    assert predicted.shape == (7, 3)
    assert predicted.dtype == np.float32
    np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-5)
    assert predicted.std(axis=0).min() > 1e-4, "queries are read"


def test_quantiles_are_in_order_and_in_units_of_the_target(net):
    X, y = random_table(1, 40, 4)
    predicted = net.fit_context(X, y, NONE, 0).predict(X[:7])
    assert predicted.shape == (7, len(LEVELS))
    assert (np.diff(predicted, axis=1) >= 0).all()
    larger = net.fit_context(X, 1000 * y + 5e4, NONE, 0).predict(X[:7])
    np.testing.assert_allclose(larger, 1000 * predicted + 5e4, rtol=1e-4)


def test_order_of_the_context_does_not_matter(net):
    X, y = random_table(2, 50, 4)
    order = np.random.default_rng(0).permutation(50)
    first = net.fit_context(X, y, NONE, 3).predict(X)
    np.testing.assert_allclose(net.fit_context(X[order], y[order], NONE, 3).predict(X), first, atol=1e-5)


def test_context_labels_matter(net):
    X, y = random_table(2, 50, 4)
    first = net.fit_context(X, y, NONE, 3).predict(X)
    assert np.abs(net.fit_context(X, 2 - y, NONE, 3).predict(X) - first).max() > 1e-3


def test_queries_do_not_see_each_other_and_chunks_are_seamless(net, monkeypatch):
    X, y = random_table(3, 60, 4)
    context = net.fit_context(X, y, NONE, 3)
    together = context.predict(X)
    np.testing.assert_allclose(np.concatenate([context.predict(row[None]) for row in X]), together, atol=1e-6)
    monkeypatch.setattr(network, "CHUNK", 20)
    np.testing.assert_allclose(context.predict(X), together, atol=1e-6)
    monkeypatch.setattr(backend, "SCORES", 100)
    np.testing.assert_allclose(net.fit_context(X, y, NONE, 3).predict(X), together, atol=1e-5)


def test_empty_columns_and_constant_targets_are_allowed(net):
    X, y = random_table(3, 30, 4)
    X[:, 0], X[:, 1] = np.nan, 7.0
    assert np.isfinite(net.fit_context(X, y, NONE, 3).predict(X)).all()
    assert np.isfinite(net.fit_context(X, np.full(30, 2.0), NONE, 0).predict(X)).all()


def test_category_mark_matters(net):
    X, y = random_table(3, 30, 4)
    first = net.fit_context(X, y, NONE, 3).predict(X)
    assert np.abs(net.fit_context(X, y, ~NONE, 3).predict(X) - first).max() > 1e-4


def test_file_keeps_the_network_in_half_precision(net, tmp_path):
    X, y = random_table(4, 30, 4)
    net.save(tmp_path / "n.npz")
    again = Network.load(tmp_path / "n.npz")
    assert again.settings == net.settings
    first, second = (n.fit_context(X, y, NONE, 3).predict(X) for n in (net, again))
    np.testing.assert_allclose(second, first, atol=0.02)
    again.save(tmp_path / "m.npz")
    third = Network.load(tmp_path / "m.npz").fit_context(X, y, NONE, 3).predict(X)
    np.testing.assert_array_equal(third, second)


def test_file_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "n.npz", a=np.ones(3))
    with pytest.raises(InvalidInput, match="no file"):
        Network.load(tmp_path / "n.npz")


@pytest.mark.parametrize("sizes", [{"heads": 4}, {"heads": 5, "cell_width": 4}])
def test_sizes_that_do_not_divide_are_refused(sizes):
    with pytest.raises(InvalidInput, match="must divide width"):
        NetworkSettings(width=30, **sizes)
