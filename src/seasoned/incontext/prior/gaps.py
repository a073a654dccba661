"""Gaps of a drawn table."""

from __future__ import annotations

import numpy as np

from seasoned.incontext.prior.choices import gaussian, log_uniform, ranks

__all__ = ["with_gaps"]


def with_gaps(rng: np.random.Generator, X: np.ndarray) -> np.ndarray:
    """Return a table (rows, columns) with NaN in one or more columns, in 1 to 60 % of a column's rows.

    A column's gaps are completely at random, caused by another column, or caused by the value itself.
    """
    columns = X.shape[1]
    count = int(rng.integers(1, columns + 1))
    gapped = X.copy()
    for column in rng.choice(columns, size=count, replace=False):
        cause = _cause(rng, X, int(column))
        gapped[cause <= np.quantile(cause, log_uniform(rng, 0.01, 0.6)), column] = np.nan
    return gapped


def _cause(rng: np.random.Generator, X: np.ndarray, column: int) -> np.ndarray:
    """Return scores, (rows,); the rows with the smallest ones will have a gap in the column."""
    noise = gaussian(rng, len(X))
    kind = rng.integers(3)
    if kind == 0:
        return noise
    other = (column + int(rng.integers(1, X.shape[1]))) % X.shape[1]
    strength = np.float32(rng.choice([-1, 1]) * log_uniform(rng, 0.5, 10))
    return np.asarray(strength * ranks(X[:, column if kind == 1 else other]) + noise)
