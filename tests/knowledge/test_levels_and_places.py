"""The scale of tasks where many configurations tie, and stores whose URLs say more than a file."""

from __future__ import annotations

import numpy as np

from seasoned.knowledge.places import store_exists
from seasoned.knowledge.regret import levels_of, regret, standardise
from seasoned.storage import SqlStorage
from seasoned.storage.engine import file_of


def test_where_most_tie_at_the_best_the_others_are_the_measure():
    scores = np.array([[0.0, 0.0, 0.0, 1.0, 3.0], [1.0, 3.0, 2.0, 4.0, 5.0]])
    level = levels_of(scores)
    assert level.median.tolist() == [2.0, 3.0]
    assert level.gap.tolist() == [2.0, 2.0]
    found = regret(scores, level)
    np.testing.assert_allclose(found[0], [0, 0, 0, 0.5, 1])
    assert np.abs(standardise(scores, level)).max() < 10


def test_a_url_with_a_query_or_a_driver_names_its_file(tmp_path):
    for url in (f"sqlite:///{tmp_path}/t.db?timeout=30", f"sqlite+pysqlite:///{tmp_path}/t.db"):
        assert file_of(url) == tmp_path / "t.db"
    assert not store_exists(url)
    SqlStorage(f"sqlite:///{tmp_path}/t.db").close()
    assert store_exists(url)
    assert file_of("nothing of the kind") is None
