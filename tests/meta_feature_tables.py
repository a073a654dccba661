"""Random tables for the tests of meta-features, and the same tables in another order."""

from __future__ import annotations

import numpy as np

from seasoned.knowledge.meta_features.row_sample import Table

__all__ = ["permuted", "table"]


def table(rng, rows=80, numbers=3, categories=2, classes=3):
    X = np.where(rng.random((rows, numbers)) < 0.1, np.nan, rng.normal(size=(rows, numbers)))
    codes = rng.integers(-1, 4, size=(rows, categories))
    signal = np.nan_to_num(X[:, 0]) + codes[:, 0]
    target = np.digitize(signal, np.quantile(signal, np.linspace(0, 1, classes + 1)[1:-1])) if classes else signal
    return Table(X, codes, target.astype(float), classes)


def permuted(rng, one):
    rows, left, right = (rng.permutation(size) for size in (*one.numbers.shape, one.codes.shape[1]))
    return Table(one.numbers[rows][:, left], one.codes[rows][:, right], one.target[rows], one.classes)
