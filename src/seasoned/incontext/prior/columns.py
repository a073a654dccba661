"""Columns of a drawn table as a user would see them: categories, warps, tails, ties, irrelevant columns and gaps."""

from __future__ import annotations

from typing import Final

import numpy as np

from seasoned.incontext.prior.choices import gaussian, log_integer, log_uniform, ranks, standardise
from seasoned.incontext.prior.matrices import draw_matrix, draw_weights

__all__ = ["convert", "draw_cardinalities", "draw_categories", "draw_width", "with_gaps", "with_irrelevant"]

MOST_CATEGORIES: Final = 100
_IRRELEVANT_TABLES: Final = 0.3


def draw_cardinalities(rng: np.random.Generator, columns: int) -> np.ndarray:
    """Return the number of categories of each column, 0 for a column of numbers, (columns,).

    The share of columns with categories is `clip(U(-.5, 1.2), 0, 1)`; the largest number of categories is log-uniform
    from 2 to 100, and each column's is log-uniform up to that.
    """
    categorical = round(columns * float(np.clip(rng.uniform(-0.5, 1.2), 0, 1)))
    most = log_integer(rng, 2, MOST_CATEGORIES)
    sizes = [log_integer(rng, 2, most) for _ in range(categorical)]
    return rng.permutation(np.array([0] * (columns - categorical) + sizes))


def draw_width(rng: np.random.Generator, cardinality: int) -> int:
    """Return the number of a node's values that one column reads: 1 for numbers, up to 8 for categories."""
    return log_integer(rng, 1, min(cardinality, 8)) if cardinality else 1


def convert(rng: np.random.Generator, values: np.ndarray, cardinality: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what children see of the values, (rows, width), and the column of the table, (rows,).

    Children of half of the columns with categories see a random vector for each category, so that the category and not
    the number behind it is their cause.
    """
    if not cardinality:
        return values, _number(rng, values[:, 0])
    codes = draw_categories(rng, values, cardinality)
    seen = values if rng.random() < 0.5 else gaussian(rng, cardinality, values.shape[1])[codes]
    return seen, codes.astype(np.float32)


def draw_categories(rng: np.random.Generator, values: np.ndarray, count: int) -> np.ndarray:
    """Return codes 0 ... count - 1 without order, (rows,), of values (rows, inputs); some codes may not occur."""
    return _nearest(rng, values, count) if rng.random() < 0.5 else _softmax(rng, values, count)


def _nearest(rng: np.random.Generator, values: np.ndarray, count: int) -> np.ndarray:
    """Return the nearest of centres that are rows of the data."""
    centres = values[rng.choice(len(values), size=min(count, len(values)), replace=False)]
    return np.asarray((np.square(centres).sum(axis=1) - 2 * values @ centres.T).argmin(axis=1))


def _softmax(rng: np.random.Generator, values: np.ndarray, count: int) -> np.ndarray:
    """Return draws with the probabilities `softmax(s z W + log w)`, by Gumbel's trick; s is the sharpness."""
    z = standardise(values) @ draw_matrix(rng, values.shape[1], count)
    logits = np.float32(log_uniform(rng, 0.3, 10)) * z + np.log(draw_weights(rng, count) + 1e-4)
    return np.asarray(
        (logits - np.log(rng.standard_exponential(logits.shape, dtype=np.float32) + 1e-30)).argmax(axis=1)
    )


def _number(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Return numbers as they are, or after one or more of the usual deformations."""
    x = standardise(x)
    for chance, deform in ((0.25, _kumaraswamy), (0.12, _heavy_tailed), (0.15, _rounded), (0.05, _censored)):
        if rng.random() < chance:
            x = deform(rng, x)
    return x


def _kumaraswamy(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Return `1 - (1 - u^a)^b` with u the column scaled to [0, 1]; a and b are log-uniform from .2 to 5."""
    a, b = log_uniform(rng, 0.2, 5), log_uniform(rng, 0.2, 5)
    low, high = x.min(), x.max()
    u = np.clip((x - low) / max(high - low, 1e-6), 0, 1)
    return np.asarray(1 - (1 - u**a) ** b)


def _heavy_tailed(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Return `exp(s x)`, as of prices and sizes, or `sinh(s x)` with two heavy tails."""
    scaled = np.clip(np.float32(log_uniform(rng, 0.5, 2)) * standardise(x), -12, 12)
    return np.asarray(np.exp(scaled) if rng.random() < 0.6 else np.sinh(scaled))


def _rounded(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Return multiples of a step: about 2 to 50 different values within two standard deviations."""
    step = max(4 * float(x.std()), 1e-6) / log_integer(rng, 2, 50)
    return np.asarray(np.round(x / step))


def _censored(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """Return values of which the smallest 5 to 60 % are one and the same, as of amounts that are often 0."""
    return np.asarray(np.maximum(x, np.quantile(x, rng.uniform(0.05, 0.6)).astype(x.dtype)))


def with_irrelevant(rng: np.random.Generator, X: np.ndarray) -> np.ndarray:
    """Return a table in which some columns say nothing: in three of ten tables, up to half of them are shuffled."""
    if rng.random() < _IRRELEVANT_TABLES:
        for column in np.flatnonzero(rng.random(X.shape[1]) < rng.uniform(0, 0.5)):
            X[:, column] = rng.permutation(X[:, column])
    return X


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
