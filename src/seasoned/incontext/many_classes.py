"""Classification with more classes than the network has slots: a tree of groups of classes.

The probability of a class is that of its group times that of the class within the group, where the context of a group
holds the rows of its classes only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from seasoned.incontext.encoding import MAX_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ClassTree", "Predictor", "classify"]


class Predictor(Protocol):
    """Context of labelled rows."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities, (rows, classes)."""


@dataclass(frozen=True)
class ClassTree:
    """Groups of classes.

    Attributes:
        groups: Probabilities of the groups.
        inside: For each group, the probabilities of its classes; None for a group of one class.
    """

    groups: Predictor
    inside: tuple[Predictor | None, ...]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return probabilities, (rows, classes)."""
        group = self.groups.predict(X)
        parts = [
            group[:, [place]] if inside is None else group[:, [place]] * inside.predict(X)
            for place, inside in enumerate(self.inside)
        ]
        return np.concatenate(parts, axis=1)


def classify(
    fit: Callable[[np.ndarray, np.ndarray, int], Predictor], X: np.ndarray, y: np.ndarray, n_classes: int
) -> Predictor:
    """Return a predictor of any number of classes.

    Args:
        fit: Function of rows, classes and their number, at most 10, to a predictor.
        X: Rows, (rows, columns).
        y: Classes 0 ... n_classes - 1, the most frequent first, (rows,).
        n_classes: Number of classes.
    """
    if n_classes <= MAX_CLASSES:
        return fit(X, y, n_classes)
    members = np.array_split(np.arange(n_classes), MAX_CLASSES)
    group_of = np.repeat(np.arange(MAX_CLASSES), [len(part) for part in members])
    inside: list[Predictor | None] = []
    for part in members:
        rows = (y >= part[0]) & (y <= part[-1])
        inside.append(classify(fit, X[rows], y[rows] - part[0], len(part)) if len(part) > 1 else None)
    return ClassTree(fit(X, group_of[y], MAX_CLASSES), tuple(inside))
