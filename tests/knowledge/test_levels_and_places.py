"""The scale of tasks where many configurations tie, and stores whose URLs say more than a file."""

from __future__ import annotations

import numpy as np

from seasoned.knowledge.experience.locations import store_exists
from seasoned.knowledge.performance_model.model import fit_metric
from seasoned.knowledge.performance_model.regret import levels_of, regret, standardise
from seasoned.storage import SqlStorage
from seasoned.storage.engine import file_of


def test_where_most_tie_at_the_best_the_others_are_the_scale():
    scores = np.array([[0.0, 0.0, 0.0, 1.0, 3.0], [1.0, 3.0, 2.0, 4.0, 5.0]])
    level = levels_of(scores)
    assert level.median.tolist() == [0.0, 3.0]
    np.testing.assert_allclose(level.gap, [0.2, 2.0])
    np.testing.assert_allclose(standardise(scores, level)[0], [0, 0, 0, 5, 15])
    assert regret(scores, level)[0].tolist() == [1.0] * 5, "there is nothing between the best and the median"
    alone = levels_of(np.array([[2.0, 2.0, 2.0]]))
    assert (alone.median.tolist(), alone.gap[0] > 0) == ([2.0], True)


def test_a_task_without_a_difference_upsets_no_other():
    """Its gap was next to nothing, and the grid of hypotheses went from there on: all gains were no numbers."""
    rng = np.random.default_rng(0)
    past = rng.random((19, 30))
    plain = levels_of(past)
    for same in (np.zeros((1, 30)), np.full((1, 30), 0.5)):
        level = levels_of(np.vstack([past, same]))
        np.testing.assert_array_equal(level.gap[:19], plain.gap)
        assert level.gap[19] == np.median(plain.gap)
        belief = fit_metric(np.vstack([past, same])).condition(np.array([3, 7]), past[0, [3, 7]])
        assert np.isfinite(belief.expected_gain(np.arange(30))).all()


def test_a_failure_in_large_numbers_is_no_scale():
    scores = np.array([[0.1, 0.2, 0.3, 0.4, 1e12]])
    assert levels_of(scores).gap.tolist() == [0.3 - 0.1]


def test_a_url_with_a_query_or_a_driver_names_its_file(tmp_path):
    for url in (f"sqlite:///{tmp_path}/t.db?timeout=30", f"sqlite+pysqlite:///{tmp_path}/t.db"):
        assert file_of(url) == tmp_path / "t.db"
    assert not store_exists(url)
    SqlStorage(f"sqlite:///{tmp_path}/t.db").close()
    assert store_exists(url)
    assert file_of("nothing of the kind") is None
