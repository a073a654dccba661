"""Search settings: their stored form."""

from __future__ import annotations

import numpy as np

from seasoned.tabular import SearchSettings


def test_search_settings_store_numpy_numbers_as_plain_numbers():
    given = SearchSettings(["linear"], folds=np.int64(3), predict_limit=np.float32(0.5)).to_plain()
    assert given["folds"] == 3
    assert type(given["folds"]) is int
    assert given["predict_limit"] == 0.5
