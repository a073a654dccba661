"""Check that the columns of a drawn table say something about its target."""

from __future__ import annotations

from typing import Final

import numpy as np
import sklearn
from sklearn.tree import ExtraTreeRegressor

__all__ = ["is_learnable"]

TREES: Final = 4
ROWS: Final = 256
DEVIATIONS: Final = 2.0


def is_learnable(X: np.ndarray, y: np.ndarray, n_classes: int, seed: int) -> bool:
    """Return whether random trees on half of the rows predict the other half better than its mean does.

    The gain in squared error must exceed twice its standard error over the rows, so that about one in forty tables of
    pure noise passes.

    Args:
        X: Columns without gaps, (rows, columns).
        y: Target, (rows,).
        n_classes: Number of classes, 0 for numbers.
        seed: Seed of the trees.
    """
    X, y = np.ascontiguousarray(X[:ROWS], dtype=np.float32), y[:ROWS]
    target = np.eye(n_classes)[y.astype(np.int64)] if n_classes else y[:, None].astype(np.float64)
    half = len(X) // 2
    predicted = np.zeros_like(target[half:])
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        for tree in range(TREES):
            grown = ExtraTreeRegressor(max_depth=6, min_samples_leaf=2, max_features=1.0, random_state=seed + tree)
            grown.fit(X[:half], target[:half], check_input=False)
            predicted += grown.predict(X[half:], check_input=False).reshape(predicted.shape) / TREES
    truth = target[half:]
    gain = (np.square(truth - target[:half].mean(axis=0)) - np.square(truth - predicted)).sum(axis=1)
    return bool(gain.mean() > DEVIATIONS * gain.std() / np.sqrt(len(gain)))
