"""Rules: tables of which single columns say little or nothing, such as XOR and parity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.incontext.prior.choices import one_of, standardise
from seasoned.incontext.prior.columns import columns_of
from seasoned.incontext.prior.node_functions import trees

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["draw_rule"]


def _parity(rng: np.random.Generator, drivers: np.ndarray) -> np.ndarray:
    """Return the parity of two to four signs; with two it is XOR."""
    count = min(int(rng.choice([2, 2, 3, 4])), drivers.shape[1])
    return np.asarray(np.prod(np.sign(drivers[:, :count]), axis=1))


def _lookup(rng: np.random.Generator, drivers: np.ndarray) -> np.ndarray:
    """Return a random entry for each cell of a grid over two columns."""
    bins = int(rng.integers(2, 6))
    places = (np.argsort(np.argsort(drivers[:, :2], axis=0), axis=0) * bins) // len(drivers)
    return np.asarray(rng.standard_normal((bins, bins))[places[:, 0], places[:, 1]])


def _product(_rng: np.random.Generator, drivers: np.ndarray) -> np.ndarray:
    return np.asarray(drivers[:, 0] * drivers[:, 1])


def _conjunction(rng: np.random.Generator, drivers: np.ndarray) -> np.ndarray:
    """Return AND, or its mirror OR, of two or three conditions."""
    count = min(int(rng.integers(2, 4)), drivers.shape[1])
    return np.asarray(rng.choice([-1, 1]) * (drivers[:, :count] > np.median(drivers[:, :count], axis=0)).all(axis=1))


def _shallow_tree(rng: np.random.Generator, drivers: np.ndarray) -> np.ndarray:
    return trees(rng, drivers[:, :3], 1)[:, 0]


_RULES: Final[tuple[Callable[[np.random.Generator, np.ndarray], np.ndarray], ...]] = (
    _parity,
    _parity,
    _parity,
    _shallow_tree,
    _lookup,
    _product,
    _conjunction,
)


def draw_rule(rng: np.random.Generator, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return columns (rows, columns), marks of categories and values of a random rule, (rows, 1).

    The drivers of the rule are independent columns; the others are independent noise or noisy copies of drivers.
    """
    count = max(min(columns, 4), 2)
    drivers = rng.standard_normal((rows, count))
    value = standardise(one_of(rng, _RULES)(rng, drivers))
    value = value + rng.uniform(0, 0.4) * rng.standard_normal(rows)
    further = max(columns - count, 1)
    others, marks = columns_of(rng, rng.standard_normal((rows, further)), np.ones(further), further)
    two_valued = rng.random(count) < 0.3
    shown = np.where(two_valued, drivers > 0, drivers)
    X, categorical = np.hstack([shown, others]), np.concatenate([two_valued, marks])
    order = rng.permutation(X.shape[1])
    kept = order[:columns] if X.shape[1] <= columns else np.arange(columns)
    return X[:, kept], categorical[kept], value[:, None]
