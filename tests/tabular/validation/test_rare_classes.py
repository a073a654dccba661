"""Rare classes: row samples that contain all classes."""

from __future__ import annotations

import numpy as np

from seasoned.tabular.validation.rare_classes import with_rare


def test_a_row_sample_with_rare_classes_misses_no_class():
    truth = np.zeros(200_000, dtype=np.int64)
    truth[[7, 90_000]] = 1
    for seed in range(5):
        drawn = np.sort(np.random.default_rng(seed).permutation(200_000)[:50_000])
        rows = np.sort(with_rare(drawn, truth))
        assert truth[rows].any()
        assert set(drawn.tolist()) <= set(rows.tolist())
        assert len(rows) <= 50_002
        assert (np.diff(rows) > 0).all()
