"""A thousand classes in a fit as a user has it: all default families, a time limit, worker processes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seasoned import AutoClassifier, load

CLASSES, EACH = 1_000, 5


@pytest.mark.slow
def test_a_thousand_classes(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(CLASSES), EACH)
    X = pd.DataFrame({"place": codes + 0.2 * rng.normal(size=len(codes)), "rest": codes % 7})
    y = np.array([f"class {code:04}" for code in codes])
    model = AutoClassifier(time_limit=40, random_state=0, experience=None).fit(X, y)
    assert set(model.predict(X)) <= set(y)
    probabilities = model.predict_proba(X.head(50))
    assert probabilities.shape == (50, CLASSES)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    model.save(tmp_path / "model.seasoned")
    np.testing.assert_array_equal(load(tmp_path / "model.seasoned").predict_proba(X.head(50)), probabilities)
