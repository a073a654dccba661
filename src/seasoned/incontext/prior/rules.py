"""Rules: XOR, parity, shallow trees, lookup tables, products, AND and OR over a few columns.

A driver is a uniform number u; a column shows it as a number, or its level `floor(levels u)` as a category. Under XOR,
parity, lookup and product, the outcome is independent of every single driver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.incontext.prior.choices import gaussian, log_uniform, one_of, standardise
from seasoned.incontext.prior.targets import with_label_noise

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RULES", "draw_classes_of_rule", "draw_driver_column", "draw_numbers_of_rule", "draw_rule"]

Rule = tuple[np.ndarray, tuple[int, ...]]
"""Outcomes, (rows,), and the number of levels of each driver in use; 0 levels: a driver that is shown as a number."""


def xor(rng: np.random.Generator, u: np.ndarray) -> Rule:  # noqa: ARG001
    """Return the parity of two drivers of two levels."""
    return _levels(u, 2)[:, :2].sum(axis=1) % 2, (2, 2)


def parity(rng: np.random.Generator, u: np.ndarray) -> Rule:
    """Return the parity of three or four drivers of two levels; fewer in a table of fewer columns."""
    count = min(int(rng.integers(3, 5)), u.shape[1])
    return _levels(u, 2)[:, :count].sum(axis=1) % 2, (2,) * count


def shallow_tree(rng: np.random.Generator, u: np.ndarray) -> Rule:
    """Return the label of a leaf of a tree of depth 2 or 3, whose inner nodes ask random drivers."""
    depth, bits = int(rng.integers(2, 4)), _levels(u, 2)
    leaf = np.zeros(len(u), dtype=np.int64)
    for level in range(depth):
        asked = rng.integers(u.shape[1], size=1 << level)
        leaf = 2 * leaf + bits[np.arange(len(u)), asked[leaf]]
    labels = rng.permutation(np.arange(1 << depth) % rng.integers(2, 5))
    return labels[leaf], (2,) * u.shape[1]


def lookup(rng: np.random.Generator, u: np.ndarray) -> Rule:
    """Return the entry of a table over the levels of two drivers; every row and column has all labels equally often."""
    labels = int(rng.integers(2, 5))
    levels = labels * int(rng.integers(1, 3))
    first, second = (rng.permutation(levels)[_levels(u[:, driver], levels)] for driver in range(2))
    return (first + second) % labels, (levels, levels)


def product(rng: np.random.Generator, u: np.ndarray) -> Rule:  # noqa: ARG001
    """Return the product of two symmetric numbers."""
    return (2 * u[:, 0] - 1) * (2 * u[:, 1] - 1), (0, 0)


def conjunction(rng: np.random.Generator, u: np.ndarray) -> Rule:
    """Return AND of two or three drivers of two levels."""
    count = min(int(rng.integers(2, 4)), u.shape[1])
    return _levels(u, 2)[:, :count].min(axis=1), (2,) * count


def disjunction(rng: np.random.Generator, u: np.ndarray) -> Rule:
    """Return OR of two or three drivers of two levels."""
    count = min(int(rng.integers(2, 4)), u.shape[1])
    return _levels(u, 2)[:, :count].max(axis=1), (2,) * count


RULES: Final[dict[Callable[[np.random.Generator, np.ndarray], Rule], float]] = {
    xor: 0.25,
    parity: 0.2,
    shallow_tree: 0.2,
    lookup: 0.1,
    product: 0.1,
    conjunction: 0.075,
    disjunction: 0.075,
}
"""Rules and their probabilities."""

_DRIVERS: Final = 4
_LABELS: Final = 4
"""Largest numbers of drivers and of labels of a rule."""


def draw_rule(rng: np.random.Generator, rows: int, columns: int) -> tuple[np.ndarray, Rule]:
    """Return independent uniform drivers, (rows, at most 4), and a random rule's outcomes and levels."""
    u = rng.random((rows, min(columns, _DRIVERS)))
    return u, one_of(rng, list(RULES), list(RULES.values()))(rng, u)


def draw_driver_column(rng: np.random.Generator, u: np.ndarray, levels: int) -> tuple[np.ndarray, bool]:
    """Return the column that shows a driver, (rows,), and its mark of categories.

    Numbers are uniform, logistic or skewed. A level has one to three categories of its own.
    """
    if levels and rng.random() < 0.5:
        copies = int(rng.integers(1, 4))
        return rng.permutation(levels * copies)[_levels(u, levels * copies)].astype(np.float32), True
    kind = rng.integers(3)
    if kind == 0:
        return u.astype(np.float32), False
    return (np.log((u + 1e-6) / (1 - u + 1e-6)) if kind == 1 else u ** log_uniform(rng, 0.3, 4)).astype(
        np.float32
    ), False


def draw_classes_of_rule(rng: np.random.Generator, outcome: np.ndarray, levels: tuple[int, ...]) -> np.ndarray:
    """Return labels, (rows,): the outcomes, or whether a product is large; up to 15 % are shuffled."""
    labels = outcome if levels[0] else outcome > np.quantile(outcome, rng.uniform(0.3, 0.7))
    return with_label_noise(rng, labels.astype(np.int64))


def draw_numbers_of_rule(rng: np.random.Generator, outcome: np.ndarray, levels: tuple[int, ...]) -> np.ndarray:
    """Return numbers, (rows,): a random height for each label, or the product; with noise."""
    if levels[0]:
        outcome = rng.permutation(np.arange(_LABELS) + 0.2 * rng.standard_normal(_LABELS))[outcome]
    return standardise(standardise(outcome) + rng.uniform(0.02, 0.6) * gaussian(rng, len(outcome)))


def _levels(u: np.ndarray, levels: int) -> np.ndarray:
    return np.asarray((u * levels).astype(np.int64))
