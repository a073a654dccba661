"""Columns of a drawn table as a user would see them: categories, warps, ties, irrelevant columns and gaps."""

from __future__ import annotations

import numpy as np

from seasoned.incontext.prior.choices import log_integer, log_uniform, standardise

__all__ = ["columns_of", "with_gaps"]

IRRELEVANT = 0.2
"""Largest probability with which a column of a table is independent noise."""


def columns_of(
    rng: np.random.Generator, pool: np.ndarray, weights: np.ndarray, columns: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return columns drawn from a pool of values, (rows, columns), and marks of categories, (columns,).

    Args:
        rng: Generator.
        pool: Values, (rows, available).
        weights: Weight of each value in the draw, (available,).
        columns: Number of columns.
    """
    X = pool[:, _places(rng, weights, columns)]
    noise = rng.random(columns) < rng.uniform(0, IRRELEVANT)
    X[:, noise] = rng.standard_normal((len(X), int(noise.sum())))
    categorical = rng.random(columns) < np.clip(rng.uniform(-0.5, 1.2), 0, 1)
    for place in range(columns):
        X[:, place] = _category(rng, X[:, place]) if categorical[place] else _number(rng, X[:, place])
    return X, categorical


def _places(rng: np.random.Generator, weights: np.ndarray, columns: int) -> np.ndarray:
    """Return places without repetition as long as there are some, heavy ones first (Gumbel's trick)."""
    rounds = -(-columns // len(weights))
    keys = np.log(weights) + rng.gumbel(size=(rounds, len(weights)))
    return rng.permutation(np.concatenate(list(np.argsort(-keys, axis=1)))[:columns])


def _number(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Return a column as it is, or warped, or rounded."""
    kind = rng.random()
    if kind < 0.15:
        x = _kumaraswamy(rng, x)
    elif kind < 0.25:
        x = np.exp(np.clip(x * rng.uniform(0.5, 2), -6, 6))
    if rng.random() < 0.2:
        step = (x.max() - x.min() + 1e-9) / log_integer(rng, 2, 50)
        x = np.round(x / step)
    return x


def _kumaraswamy(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Return `1 - (1 - u^a)^b` with u the column scaled to [0, 1]."""
    a, b = log_uniform(rng, 0.2, 5), log_uniform(rng, 0.2, 5)
    u = (x - x.min()) / (x.max() - x.min() + 1e-9)
    return np.asarray(1 - (1 - u**a) ** b)


def _category(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Return codes without order: intervals of the value, in half of the columns blurred by noise."""
    levels = log_integer(rng, 2, 40)
    blurred = x + (rng.random() < 0.5) * rng.uniform(0, 1) * rng.standard_normal(len(x))
    cuts = rng.choice(blurred, size=levels - 1)
    return rng.permutation(levels)[np.searchsorted(np.sort(cuts), blurred)].astype(np.float64)


def with_gaps(rng: np.random.Generator, X: np.ndarray) -> np.ndarray:
    """Return the table with gaps in some columns: at random, by another column's value, or by the value itself."""
    share, kind = rng.beta(1, 4), rng.integers(3)
    columns = np.flatnonzero(rng.random(X.shape[1]) < rng.uniform(0.1, 1))
    X = X.copy()
    source = standardise(X)
    for place in columns:
        if kind == 0:
            gap = rng.random(len(X)) < share
        else:
            cause = source[:, place if kind == 1 else rng.integers(X.shape[1])]
            score = rng.choice([-1, 1]) * cause + 0.5 * rng.standard_normal(len(X))
            gap = score < np.quantile(score, share)
        X[gap, place] = np.nan
    return X
