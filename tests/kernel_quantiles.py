"""Stand-in for a network that has learned to read past tasks: quantiles of a kernel regression over all columns."""

from __future__ import annotations

import numpy as np

from nearest_quantiles import NORMAL


class KernelQuantiles:
    """Network whose mean is a kernel mean of the context; another category costs little, a gap on one side much.

    Attributes:
        contexts: (X, y, categorical) of each context that was read.
    """

    def __init__(self):
        self.contexts = []

    def fit_context(self, X, y, categorical, n_classes):
        assert n_classes == 0
        assert np.isfinite(y).all()
        assert len(X) == len(y)
        self.contexts.append((X, y, categorical))
        return KernelReading(X, y, categorical)


class KernelReading:
    def __init__(self, X, y, categorical):
        self.X, self.y, self.categorical = X, y, categorical

    def predict(self, X):
        apart = np.abs(X[:, None] - self.X)
        apart = np.where(self.categorical, 0.2 * (apart > 1e-9), apart)
        one_gap = np.isnan(X[:, None]) != np.isnan(self.X)
        distance = np.where(one_gap, 1.0, np.nan_to_num(apart)).sum(axis=2)
        nearest = distance.min(axis=1, keepdims=True)
        weights = np.exp((nearest - distance) / 0.03)
        weights /= weights.sum(axis=1, keepdims=True)
        mean = weights @ self.y
        spread = np.sqrt(weights @ self.y**2 - mean**2 + 0.01 + nearest[:, 0] ** 2)
        return (mean[:, None] + spread[:, None] * NORMAL).astype(np.float32)
