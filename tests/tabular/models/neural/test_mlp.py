"""Perceptron family: the range of its predictions."""

from __future__ import annotations

import numpy as np

from family_tables import fitted


def test_network_predictions_stay_in_the_range_of_the_targets():
    _, _, _, estimator, _, X, y = fitted("mlp", "regression")
    far = estimator.predict(1e6 * np.ones_like(X))
    assert y.min() <= far.min() <= far.max() <= y.max()
