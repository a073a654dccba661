"""Dataset of the deep metric: lessons, failure risks and thinned tables."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge.deep_metric.dataset import Lessons, deck_of, frame_of
from seasoned.knowledge.deep_metric.settings import DeepMetricSettings


def test_inconsistent_lessons_are_refused():
    scores, points = np.zeros((12, 4)), np.zeros((4, 2))
    with pytest.raises(InvalidInput, match="at least 10"):
        Lessons(scores[:9], points)
    with pytest.raises(InvalidInput, match="a point"):
        Lessons(scores, points[:3])
    with pytest.raises(InvalidInput, match="one for each"):
        Lessons(scores, points, seconds=np.zeros((12, 3)))
    with pytest.raises(InvalidInput, match="a row for each"):
        Lessons(scores, points, about=np.zeros((11, 2)))
    with pytest.raises(InvalidInput, match="at least 2"):
        Lessons(np.where(np.arange(4) == 0, 1.0, np.nan) * np.ones((12, 1)), points)
    with pytest.raises(InvalidInput, match="members must be at least 2"):
        DeepMetricSettings(members=1)


def test_base_columns_of_a_task_leave_out_its_own_scores():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(20, 8))
    lessons = Lessons(
        scores, rng.random((8, 2)), seconds=10.0 ** rng.normal(size=(20, 8)), failed=rng.random((20, 8)) < 0.3
    )
    deck = deck_of(lessons, frame_of(lessons, 0), np.random.default_rng(1))
    other = scores.copy()
    other[3] = scores[3, ::-1]
    changed = Lessons(other, lessons.points, seconds=lessons.seconds, failed=lessons.failed)
    again = deck_of(changed, frame_of(changed, 0), np.random.default_rng(1))
    assert np.allclose(deck.base[3], again.base[3], atol=1e-6)
    assert not np.allclose(deck.base[4], again.base[4], atol=1e-6)


def test_large_table_of_lessons_is_thinned():
    rng = np.random.default_rng(0)
    scores = np.where(rng.random((12, 4000)) < 0.3, np.nan, rng.normal(size=(12, 4000)))
    lessons = Lessons(scores, rng.random((4000, 2)))
    deck = deck_of(lessons, frame_of(lessons, 4), rng)
    assert deck.columns.shape == (12, 1800)
    assert deck.plain == 1500
    assert (deck.counts[:, 0] == 1500).all()
    for task in range(12):
        cells = np.r_[: deck.counts[task, 0], deck.plain : deck.plain + deck.counts[task, 1]]
        assert np.isfinite(scores[task, deck.columns[task, cells]]).all()
        assert np.isin(np.argsort(scores[task])[:8], deck.columns[task, deck.plain :]).all()


def test_untried_configurations_keep_the_usual_failure_risk():
    rng = np.random.default_rng(0)
    scores, failed = np.full((20, 30), np.nan), np.zeros((20, 30), dtype=bool)
    scores[:, 1:6] = rng.random((20, 5))
    failed[:4, 0] = True
    frame = frame_of(Lessons(scores, rng.random((30, 4)), failed=failed), 0)
    risk = 1.0 / (1.0 + np.exp(-frame.known[:, -1].astype(np.float64)))
    assert risk[0] > 0.5, "it failed wherever it was tried"
    assert risk[1:6].max() < 0.05
    assert risk[6] == pytest.approx(1.0 / (1.0 + np.exp(-frame.new[2])), rel=1e-2), "nobody tried it"
