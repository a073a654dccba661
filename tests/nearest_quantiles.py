"""Stand-in for a trained network of studies: quantiles of a normal distribution around the mean of near trials."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

NORMAL = np.array([NormalDist().inv_cdf(level / 100) for level in range(1, 100)])


class NearestQuantiles:
    """Network whose mean is a weighted mean of near losses, and whose spread grows with the distance to them."""

    def fit_context(self, X, y, categorical, n_classes):
        assert n_classes == 0
        assert np.isfinite(y).all()
        return NearestContext(np.asarray(X), np.asarray(y), np.asarray(categorical))


class NearestContext:
    def __init__(self, X, y, categorical):
        self.X, self.y, self.categorical = X, y, categorical

    def predict(self, X):
        apart = np.abs(X[:, None] - self.X)
        apart = np.where(self.categorical, (apart > 1e-9) * 1.0, apart)
        one_gap = np.isnan(X[:, None]) != np.isnan(self.X)
        distance = np.where(one_gap, 1.0, np.nan_to_num(apart)).sum(axis=2)
        nearest = distance.min(axis=1, keepdims=True)
        weights = np.exp(-(distance - nearest) / (0.02 + 0.5 * nearest))
        mean = weights @ self.y / weights.sum(axis=1)
        spread = (0.01 + 0.7 * nearest[:, 0]) * (self.y.std() + 1e-9)
        return (mean[:, None] + spread[:, None] * NORMAL).astype(np.float32)
