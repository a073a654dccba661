"""Filter: a check that the columns of a drawn table say something about its target."""

from __future__ import annotations

from typing import Final

import numpy as np
import sklearn
from sklearn.tree import ExtraTreeRegressor

from seasoned.incontext.prior.choices import ranks, standardise

__all__ = ["is_learnable"]

TREES: Final = 4
ROWS: Final = 320
DEVIATIONS: Final = 3.5
"""Smallest mean agreement in its standard errors."""


def is_learnable(rng: np.random.Generator, X: np.ndarray, y: np.ndarray, n_classes: int) -> bool:
    """Return whether predictions of random trees for rows that they have not seen agree with the target.

    Each of four trees of depth 6 learns a random half of the rows and predicts the other half. The covariance of
    prediction and target, both centred and each class in units of its deviation, must exceed 3.5 of its standard
    errors over the rows. Numbers count by their ranks, so that no outlier decides. At most 320 rows are read.

    Args:
        rng: Generator.
        X: Columns without gaps, (rows, columns).
        y: Target, (rows,).
        n_classes: Number of classes, 0 for numbers.
    """
    X, y = np.ascontiguousarray(X[:ROWS], dtype=np.float32), y[:ROWS]
    target = np.eye(n_classes)[y.astype(np.int64)] if n_classes else ranks(y).astype(np.float64)[:, None]
    if n_classes == 2:
        target = target[:, 1:]
    state = np.random.RandomState(rng.bit_generator)  # the generator's own stream, for scikit-learn
    predicted, times = np.zeros_like(target), np.zeros((len(X), 1))
    with sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        for _ in range(TREES):
            known, unknown = np.split(rng.permutation(len(X)), [len(X) // 2])
            tree = ExtraTreeRegressor(max_depth=6, min_samples_leaf=2, max_features=1.0, random_state=state)
            tree.fit(X[known], target[known], check_input=False)
            predicted[unknown] += tree.predict(X[unknown], check_input=False).reshape(len(unknown), -1)
            times[unknown] += 1
    seen = times[:, 0] > 0
    predicted, truth = predicted[seen] / times[seen], standardise(target[seen])
    agreement = ((predicted - predicted.mean(axis=0)) / target.std(axis=0) * truth).sum(axis=1)
    return bool(agreement.mean() > DEVIATIONS * agreement.std() / np.sqrt(len(agreement)))
