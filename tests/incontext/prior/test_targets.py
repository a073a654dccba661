from __future__ import annotations

import numpy as np

from seasoned.incontext.prior.targets import FEWEST, draw_class_count, draw_target, tidy_classes


def values(rows=400, width=3):
    return np.random.default_rng(0).standard_normal((rows, width), dtype=np.float32)


def test_half_of_the_counts_of_classes_are_two():
    counts = [draw_class_count(np.random.default_rng(seed), 500) for seed in range(400)]
    assert 0.45 < np.mean(np.array(counts) == 2) < 0.65
    assert max(counts) == 10
    assert max(draw_class_count(np.random.default_rng(seed), 64) for seed in range(100)) == 5


def test_numbers_are_standardised_and_some_are_skewed():
    skews = []
    for seed in range(80):
        _, y = draw_target(np.random.default_rng(seed), values(width=1), 0)
        assert abs(y.mean()) < 1e-3
        assert abs(y.std() - 1) < 1e-2
        skews.append(np.mean(y**3))
    assert 0.1 < np.mean(np.array(skews) > 1) < 0.5


def test_labels_follow_the_values_and_children_may_see_the_class():
    causes = 0
    for seed in range(60):
        before = values()
        seen, labels = draw_target(np.random.default_rng(seed), before, 3)
        assert seen.shape == before.shape
        assert np.isfinite(seen).all()
        assert labels.min() >= 0
        assert labels.max() < 3
        causes += not np.array_equal(seen, before)
    assert 8 < causes < 30


def test_two_classes_are_imbalanced_in_about_half_of_tables():
    shares = []
    for seed in range(200):
        _, labels = draw_target(np.random.default_rng(seed), values(), 2)
        shares.append(np.bincount(labels, minlength=2).min() / 400)
    assert 0.4 < np.mean(np.array(shares) < 0.3) < 0.75
    assert min(shares) < 0.06


def test_rare_classes_join_the_most_frequent_one():
    labels = np.array([4] * 10 + [6] * 6 + [1] * (FEWEST - 1))
    tidy, count = tidy_classes(np.random.default_rng(0), labels)
    assert count == 2
    assert set(tidy[:10]) == set(tidy[16:])
    assert set(tidy) == {0, 1}
