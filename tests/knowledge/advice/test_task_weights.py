"""Task weights: ranks of meta-features among the shipped tables."""

from __future__ import annotations

import numpy as np

from seasoned.knowledge.advice.similar_tasks import reference_meta_features
from seasoned.knowledge.advice.task_weights import weigh
from seasoned.knowledge.experience import maintenance


def test_small_store_recognises_a_table_that_returns():
    """Ranked by themselves a few tasks are all far apart; among those that ship other rows of one table are near."""
    features = maintenance.shipped().metafeatures
    rng = np.random.default_rng(0)
    some = features[rng.choice(len(features), 6, replace=False)]
    again = some[2] * (1.0 + 0.03 * rng.normal(size=features.shape[1]))
    tables = [f"table {place}" for place in range(6)]
    weights = weigh(tables, some, again, reference_meta_features(6))
    assert weights.argmax() == 2
    assert weights[2] > 0.4
    assert weights[2] > weigh(tables, some, again)[2]
    assert reference_meta_features(100) is None
