"""Seed averages: the weighted mean of the predictions of several fits."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss

from seasoned.tabular.postprocessing.postprocessor import Postprocessor
from seasoned.tabular.trial.seed_average import Repeated, predict_matrices


class Sure:
    def predict_proba(self, X):
        return np.tile([1.0, 0.0], (len(X), 1))


@pytest.mark.parametrize("folds", [6, 9, 10])
def test_weighted_averages_of_sure_predictions_stay_at_most_one(folds, monkeypatch):
    each = 0.5 / folds
    shares = (0.5, *([each] * folds))
    monkeypatch.setattr("seasoned.tabular.trial.seed_average.predict", lambda fit, X, _: fit.predict_proba(X))
    repeated = Repeated(tuple(Sure() for _ in shares), shares)
    found = predict_matrices(repeated, {"dense": np.zeros((3, 1))}, "dense", 2)
    assert found.max() == 1.0
    assert log_loss([0, 1, 0], found) > 0
    together = Postprocessor().together([np.tile([1.0, 0.0], (3, 1))] * len(shares), shares)
    assert together.max() == 1.0
    numbers = Postprocessor().together([np.full(3, 7.0)] * 2, (0.5, 0.5))
    assert numbers.tolist() == [7.0] * 3
