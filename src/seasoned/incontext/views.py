"""Views of one context: other orders of the columns and classes, samples of long contexts, subsets of many columns.

A network depends a little on the order of columns and classes. The mean over a few views depends less on it. Some views
read or correct the predictions of a linear model, which the network alone is slow to learn (`linear_part.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seasoned.incontext.encoding import CellEncoder
from seasoned.incontext.linear_part import LinearPart

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
    """Context of one view.

    Attributes:
        context: What the network has read.
        columns: Columns in the view's order; those of the linear part are the last before the ordering.
        slots: Slots of the classes; empty for numbers.
        added: Linear part whose outputs are further columns.
        offset: Linear part of a number, of which the network predicts the residuals.
    """

    context: Context
    columns: np.ndarray
    slots: np.ndarray
    added: LinearPart | None = None
    offset: LinearPart | None = None

    def predict(self, X: np.ndarray) -> np.ndarray:
        cells = X if self.added is None else np.concatenate([X, self.added.predict(X)], axis=1)
        predicted = self.context.predict(cells[:, self.columns])
        if self.offset is not None:
            return np.asarray(predicted + self.offset.predict(X))
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

        Every second view of a classification has the log-odds of a linear model as further columns. For numbers, views
        with the linear prediction as a column and views of the linear model's residuals alternate.

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
        views, linear = [], None
        for place in range(count):
            rng = np.random.default_rng([seed, place])
            rows = _sample(rng, y, limits.rows)
            cells, target, marks = X[rows], y[rows], categorical
            if place == 0 or len(rows) < len(y):
                linear = LinearPart.of(cells, target, CellEncoder.of(cells, marks), n_classes, rng)
            added, offset = _uses(linear, place, n_classes)
            if added is not None:
                cells = np.concatenate([cells, added.out_of_fold], axis=1)
                marks = np.append(marks, np.zeros(added.out_of_fold.shape[1], dtype=bool))
            if offset is not None:
                target = target - offset.out_of_fold[:, 0]
            columns, slots = _columns(rng, X.shape[1], cells.shape[1], limits.columns), np.arange(n_classes)
            if place:
                columns, slots = rng.permutation(columns), rng.permutation(slots)
            labels = slots[target] if n_classes else target
            context = network.fit_context(cells[:, columns], labels, marks[columns], n_classes)
            views.append(_View(context, columns, slots, added, offset))
        return cls(tuple(views))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the mean prediction over the views: probabilities or quantiles."""
        return np.asarray(np.mean([view.predict(X) for view in self.views], axis=0))


def _uses(linear: LinearPart | None, place: int, n_classes: int) -> tuple[LinearPart | None, LinearPart | None]:
    """Return the linear part whose outputs a view adds, and the one whose residuals it predicts."""
    odd = place % 2 == 1
    if n_classes:
        return (linear if odd else None), None
    return (None, linear) if odd else (linear, None)


def _columns(rng: np.random.Generator, count: int, total: int, most: int) -> np.ndarray:
    """Return at most so many columns: a subset of the first `count`, and all further ones up to `total`."""
    room = max(most - (total - count), 1)
    own = rng.permutation(count)[:room] if count > room else np.arange(count)
    return np.append(own, np.arange(count, total))


def _sample(rng: np.random.Generator, y: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many rows in their order, spread evenly over the ordered target."""
    if len(y) <= most:
        return np.arange(len(y))
    by_target = np.lexsort([rng.random(len(y)), y])
    picked = (np.arange(most) + rng.random()) * len(y) / most
    return np.sort(by_target[picked.astype(np.int64)])
