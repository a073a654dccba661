"""Views of one context: other orders of the columns and classes, samples of long contexts, subsets of many columns.

A network depends a little on the order of columns and classes. The mean over a few views depends less on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from seasoned.incontext.network import Context, Network

__all__ = ["Limits", "Views"]


@dataclass(frozen=True)
class Limits:
    """Largest context of a network.

    Attributes:
        rows: Rows; of more rows each view has its own sample.
        columns: Columns; of more columns each view has its own subset.
    """

    rows: int = 2000
    columns: int = 100


@dataclass(frozen=True)
class _View:
    context: Context
    columns: np.ndarray
    slots: np.ndarray

    def predict(self, X: np.ndarray) -> np.ndarray:
        predicted = self.context.predict(X[:, self.columns])
        return predicted[:, self.slots] if self.slots.size else predicted


@dataclass(frozen=True)
class Views:
    """Contexts of several views, whose predictions are averaged."""

    views: tuple[_View, ...]

    @classmethod
    def of(
        cls,
        network: Network,
        X: np.ndarray,
        y: np.ndarray,
        categorical: np.ndarray,
        n_classes: int,
        *,
        count: int,
        seed: int,
        limits: Limits,
    ) -> Views:
        """Return views of labelled rows in canonical order; the first view keeps the order of columns and classes.

        Args:
            network: Network.
            X: Rows, (rows, columns).
            y: Classes 0 ... n_classes - 1 or numbers, (rows,).
            categorical: Marks of categories, (columns,).
            n_classes: Number of classes, 0 for numbers.
            count: Number of views.
            seed: Seed of the orders and samples.
            limits: Largest context.
        """
        views = []
        for place in range(count):
            rng = np.random.default_rng([seed, place])
            columns, slots = np.arange(X.shape[1]), np.arange(n_classes)
            if place or len(columns) > limits.columns:
                columns, slots = rng.permutation(columns)[: limits.columns], rng.permutation(slots)
            rows = _sample(rng, y, limits.rows)
            labels = slots[y[rows]] if n_classes else y[rows]
            context = network.fit_context(X[rows][:, columns], labels, categorical[columns], n_classes)
            views.append(_View(context, columns, slots))
        return cls(tuple(views))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the mean prediction over the views: probabilities or quantiles."""
        return np.asarray(np.mean([view.predict(X) for view in self.views], axis=0))


def _sample(rng: np.random.Generator, y: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many rows in their order, spread evenly over the ordered target."""
    if len(y) <= most:
        return np.arange(len(y))
    by_target = np.lexsort([rng.random(len(y)), y])
    picked = (np.arange(most) + rng.random()) * len(y) / most
    return np.sort(by_target[picked.astype(np.int64)])
