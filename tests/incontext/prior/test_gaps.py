from __future__ import annotations

import numpy as np

from seasoned.incontext.prior.columns import with_gaps


def test_gaps_only_remove_values():
    X = np.random.default_rng(0).standard_normal((200, 5)).astype(np.float32)
    before = X.copy()
    gapped = with_gaps(np.random.default_rng(1), X)
    np.testing.assert_array_equal(X, before)
    kept = ~np.isnan(gapped)
    np.testing.assert_array_equal(gapped[kept], X[kept])


def test_every_table_has_a_gap_and_every_column_some_values():
    X = np.random.default_rng(0).standard_normal((100, 3)).astype(np.float32)
    for seed in range(50):
        gap = np.isnan(with_gaps(np.random.default_rng(seed), X))
        assert gap.any()
        assert gap.mean(axis=0).max() <= 0.61


def test_some_gaps_are_caused_by_a_value_and_some_by_nothing():
    X = np.random.default_rng(0).standard_normal((1000, 2)).astype(np.float32)
    effects = []
    for seed in range(60):
        gap = np.isnan(with_gaps(np.random.default_rng(seed), X))
        for column in np.flatnonzero(gap.any(axis=0)):
            missing = gap[:, column]
            sizes = np.sqrt(1 / missing.sum() + 1 / (~missing).sum())
            effects.append(np.abs(X[missing].mean(axis=0) - X[~missing].mean(axis=0)) / sizes)
    caused = np.array(effects) > 4
    assert 0.3 < caused.any(axis=1).mean() < 0.85
    assert caused[:, 0].mean() > 0.1
    assert caused[:, 1].mean() > 0.1
