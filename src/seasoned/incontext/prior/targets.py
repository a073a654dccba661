"""Targets of drawn tables: numbers as they are or skewed, or classes."""

from __future__ import annotations

import numpy as np

from seasoned.incontext.prior.choices import log_uniform, standardise

__all__ = ["FEWEST", "classes_of", "numbers_of"]

FEWEST = 4
"""Smallest number of rows of a class."""
MOST = 10
BINARY = 0.55


def numbers_of(rng: np.random.Generator, value: np.ndarray) -> np.ndarray:
    """Return a regression target from a node's values: as it is, skewed, heavy-tailed or rounded, with noise."""
    value = value + log_uniform(rng, 0.01, 0.5) * rng.standard_normal(len(value))
    kind = rng.random()
    if kind < 0.2:
        value = np.exp(np.clip(rng.uniform(0.3, 1.2) * value, -5, 5))
    elif kind < 0.3:
        value = np.sign(value) * np.abs(value) ** rng.uniform(1, 2.5)
    elif kind < 0.4:
        value = np.round(value * rng.uniform(1, 5))
    return standardise(value)


def classes_of(rng: np.random.Generator, values: np.ndarray) -> tuple[np.ndarray, int]:
    """Return classes from a node's values (rows, outputs), and their number.

    Classes are intervals of one value in order, intervals with repeated and shuffled labels, or the largest of several
    linear scores.
    """
    count = 2 if rng.random() < BINARY else int(rng.integers(3, MOST + 1))
    kind = rng.random()
    value = values[:, 0]
    if kind < 0.45:
        labels = np.searchsorted(_cuts(rng, value, count), value)
    elif kind < 0.7:
        intervals = int(rng.integers(count, 3 * count + 1))
        names = rng.permutation(np.arange(intervals) % count)
        labels = names[np.searchsorted(_cuts(rng, value, intervals), value)]
    else:
        scores = standardise(values @ rng.standard_normal((values.shape[1], count)))
        scores = scores * rng.uniform(1, 6) + rng.normal(0, 0.7, count) + rng.gumbel(size=scores.shape)
        labels = scores.argmax(axis=1)
    flips = rng.random(len(labels)) < rng.beta(1, 12)
    labels = np.where(flips, rng.permutation(labels), labels)
    return _without_rare(labels)


def _cuts(rng: np.random.Generator, value: np.ndarray, intervals: int) -> np.ndarray:
    """Return borders of intervals whose shares are about equal or, in half of the cases, very different."""
    shares = rng.dirichlet(np.full(intervals, rng.choice([1.0, 8.0])))
    return np.asarray(np.quantile(value, np.cumsum(shares)[:-1]))


def _without_rare(labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Return labels 0, 1, ... in which rare classes have joined the most frequent one, and their number."""
    counts = np.bincount(labels)
    labels = np.where(counts[labels] < FEWEST, counts.argmax(), labels)
    names, labels = np.unique(labels, return_inverse=True)
    return labels, len(names)
