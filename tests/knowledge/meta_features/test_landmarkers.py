"""Landmarkers: skills of simple models on tables of known structure."""

from __future__ import annotations

import numpy as np

from seasoned.knowledge.meta_features.landmarkers import skills
from seasoned.knowledge.meta_features.row_sample import Table, canonical


def test_landmarkers_tell_structures_apart():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, size=(800, 2))
    none = np.empty((800, 0), int)
    line = skills(canonical(Table(x, none, (x.sum(axis=1) > 0).astype(float), 2), 800))
    xor = skills(canonical(Table(x, none, (x.prod(axis=1) > 0).astype(float), 2), 800))
    noise = skills(canonical(Table(x, none, rng.integers(2, size=800).astype(float), 2), 800))
    assert line["linear"] > 0.9 > line["stump"]
    assert xor["tree"] > 0.8
    assert xor["linear"] < 0.3
    assert max(noise.values()) < 0.25  # luck of 800 coins: 3.5 standard deviations
