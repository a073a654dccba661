from __future__ import annotations

import numpy as np
import pytest

from seasoned.incontext.prior.learnable import is_learnable


def noise(seed):
    return np.random.default_rng(seed).standard_normal((200, 4), dtype=np.float32)


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_noise_does_not_pass(classes):
    """At 3.5 standard errors about none of 100 passes; 8 would be far beyond chance."""
    passed = 0
    for seed in range(100):
        rng = np.random.default_rng([1, seed])
        y = rng.integers(classes, size=200) if classes else rng.standard_normal(200)
        passed += is_learnable(rng, noise(seed), y, classes)
    assert passed < 8


def test_a_rare_class_a_number_and_many_classes_pass():
    X = noise(0)
    rng = np.random.default_rng(0)
    assert is_learnable(rng, X, (X[:, 1] > 1.2) * 1, 2)
    assert is_learnable(rng, X, X[:, 1], 0)
    assert is_learnable(rng, X, np.digitize(X[:, 1], [-1, -0.3, 0.3, 1]), 5)


def test_one_outlier_does_not_decide():
    X = noise(0)
    y = X[:, 1].copy()
    y[3] = 1e6
    assert is_learnable(np.random.default_rng(0), X, y, 0)


def test_same_generator_same_answer():
    X = noise(0)
    y = X[:, 0] + 2 * noise(1)[:, 0]
    streams = [np.random.default_rng(5) for _ in range(2)]
    assert len({is_learnable(rng, X, y, 0) for rng in streams}) == 1
    assert streams[0].random() == streams[1].random()
