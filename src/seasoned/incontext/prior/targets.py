"""Targets of drawn tables: numbers, some of them skewed or of heavy tails, or classes."""

from __future__ import annotations

from typing import Final

import numpy as np

from seasoned.incontext.prior.choices import gaussian, log_integer, log_uniform, one_of, standardise
from seasoned.incontext.prior.columns import draw_categories

__all__ = ["FEWEST", "MOST", "draw_class_count", "draw_target", "draw_target_width", "tidy_classes", "with_label_noise"]

FEWEST: Final = 4
"""Smallest number of rows of a class."""
MOST: Final = 10
"""Largest number of classes."""
_BINARY: Final = 0.55
_IMBALANCED: Final = 0.5
_CAUSE: Final = 0.3
_LABEL_NOISE: Final = 0.3


def draw_class_count(rng: np.random.Generator, rows: int) -> int:
    """Return 2 in 55 % of tables, else 3 to 10; small tables have at most one class for each 12 rows."""
    return 2 if rng.random() < _BINARY else min(log_integer(rng, 3, MOST), max(rows // 12, 2))


def draw_target_width(rng: np.random.Generator, classes: int) -> int:
    """Return the number of a node's values that the target reads: 1 for numbers, up to 6 for classes."""
    return log_integer(rng, 1, 6) if classes else 1


def draw_target(rng: np.random.Generator, values: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what children see of the target's values, (rows, width), and the target, (rows,).

    In three of ten tables the children see a random vector for each class: the class is their cause, as a disease is of
    its symptoms.

    Args:
        rng: Generator.
        values: Values of a node, (rows, width).
        classes: Number of classes, 0 for numbers; fewer may come out.
    """
    noisy = standardise(values)
    if rng.random() < 0.5:
        noisy = noisy + np.float32(log_uniform(rng, 0.03, 1)) * gaussian(rng, *values.shape)
    if not classes:
        return values, standardise(_deformed(rng, standardise(noisy[:, 0])))
    labels = _draw_classes(rng, noisy, classes)
    if rng.random() < _LABEL_NOISE:
        labels = with_label_noise(rng, labels)
    return _effect(rng, labels, values) if rng.random() < _CAUSE else values, labels


def _effect(rng: np.random.Generator, labels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return a random vector for each class with noise, (rows, width), in the scale of the values."""
    strength = np.float32(log_uniform(rng, 0.3, 3))
    centres = gaussian(rng, labels.max() + 1, values.shape[1])
    effect = standardise(strength * centres[labels] + gaussian(rng, *values.shape))
    return np.asarray(effect * values.std(axis=0))


def _deformed(rng: np.random.Generator, z: np.ndarray) -> np.ndarray:
    """Return standard scores as they are, or skewed, of heavy tails, rounded, or censored from below."""
    scale = np.float32(log_uniform(rng, 0.3, 1.5))
    kind = one_of(rng, ("plain", "skewed", "heavy", "rounded", "censored"), (0.6, 0.2, 0.08, 0.08, 0.04))
    if kind == "skewed":
        return np.asarray(np.exp(np.clip(scale * z, -12, 12)))
    if kind == "heavy":
        return np.asarray(np.sinh(np.clip(2 * scale * z, -12, 12)))
    if kind == "rounded":
        return np.round(z * np.float32(log_uniform(rng, 1, 10)))
    return np.maximum(z, np.quantile(z, rng.uniform(0.05, 0.5)).astype(z.dtype)) if kind == "censored" else z


def _draw_classes(rng: np.random.Generator, values: np.ndarray, classes: int) -> np.ndarray:
    """Return labels, (rows,): intervals of a value, intervals with repeated labels, or categories of all values."""
    if classes == 2 and rng.random() < _IMBALANCED:
        share = max(log_uniform(rng, 0.03, 0.3), 1.5 * FEWEST / len(values))
        return np.asarray(values[:, 0] > np.quantile(values[:, 0], 1 - share), dtype=np.int64)
    kind = rng.integers(3)
    if kind == 0:
        return _intervals(rng, values[:, 0], classes)
    if kind == 1:
        intervals = int(rng.integers(classes + 1, 3 * classes + 1))
        return np.asarray(rng.permutation(np.arange(intervals) % classes)[_intervals(rng, values[:, 0], intervals)])
    return draw_categories(rng, values, classes)


def _intervals(rng: np.random.Generator, x: np.ndarray, count: int) -> np.ndarray:
    """Return the interval of each value; the shares of the intervals are about equal, or random."""
    shares = rng.dirichlet(np.full(count, one_of(rng, (30.0, 2.0))))
    return np.searchsorted(np.quantile(x, np.cumsum(shares)[:-1]), x)


def with_label_noise(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Return labels of which up to 15 % are shuffled."""
    noisy = rng.random(len(labels)) < rng.uniform(0, 0.15)
    return np.where(noisy, rng.permutation(labels), labels)


def tidy_classes(rng: np.random.Generator, labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Return labels 0, 1, ... in random order, and their number; rare classes have joined the most frequent one.

    Example:
        >>> labels, count = tidy_classes(np.random.default_rng(0), np.array([5] * 6 + [7] * 4 + [9]))
        >>> count, len(set(labels[[0, 10]].tolist()))
        (2, 1)
    """
    counts = np.bincount(labels)
    labels = np.where(counts[labels] < FEWEST, counts.argmax(), labels)
    names, labels = np.unique(labels, return_inverse=True)
    return rng.permutation(len(names))[labels], len(names)
