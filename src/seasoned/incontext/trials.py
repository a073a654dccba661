"""Surrogate of a study: an in-context network whose context is the study's trials.

Nothing is fitted. The network has been trained on drawn studies (`prior/objectives.py`), so reading the trials is one
forward pass, and predicting candidates another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import numpy as np

from seasoned.incontext.network import Network
from seasoned.incontext.quantile_function import QuantileFunction
from seasoned.incontext.shipped import shipped_network

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

__all__ = ["ContextReader", "Reading", "TrialsModel", "reader_of"]

_LEAST_SCALE: Final = 1e-6  # smallest scale of a predicted tail, in standard deviations of the context
_MEDIAN: Final = 49


class Reading(Protocol):
    """Context that a network has read."""

    def predict(self, X: np.ndarray, /) -> np.ndarray:
        """Return the quantiles 0.01 ... 0.99 of query rows, shape (queries, 99)."""


@runtime_checkable
class ContextReader(Protocol):
    """In-context network, such as `Network`."""

    def fit_context(self, X: np.ndarray, y: np.ndarray, categorical: np.ndarray, n_classes: int, /) -> Reading:
        """Return the context of labelled rows; `n_classes` is 0 for numbers."""


def reader_of(network: ContextReader | str | os.PathLike[str] | None) -> ContextReader:
    """Return a network, read from its file if a path is given; None stands for the shipped network of trials.

    Raises:
        InvalidInput: If the file is no network's.
    """
    if network is None:
        return shipped_network("trials")
    return network if isinstance(network, ContextReader) else Network.load(network)


@dataclass(frozen=True)
class TrialsModel:
    """Model of a study's loss, which is minimised.

    Attributes:
        network: In-context network.
        X: Trials in the unit cube, NaN where a coordinate is inactive, shape (n, d).
        y: Losses, finite, shape (n,).
        categorical: True for coordinates without an order, shape (d,).

    Example:
        >>> class Nearest:  # the loss of the nearest trial, in place of a trained network
        ...     def fit_context(self, X, y, categorical, n_classes):
        ...         self.X, self.y = X, y
        ...         return self
        ...     def predict(self, X):
        ...         near = self.y[np.abs(X[:, None] - self.X).sum(axis=2).argmin(axis=1)]
        ...         return near[:, None] + np.linspace(-0.1, 0.1, 99)
        >>> model = TrialsModel(Nearest(), np.array([[0.1], [0.9]]), np.array([1.0, 0.0]), np.array([False]))
        >>> candidates = np.array([[0.2], [0.8]])
        >>> model.mean(candidates).round(2).tolist()
        [1.0, 0.0]
        >>> bool(np.diff(model.log_expected_improvement(candidates, best=0.0))[0] > 0)
        True
    """

    network: ContextReader
    X: NDArray[np.float64]
    y: NDArray[np.float64]
    categorical: NDArray[np.bool_]

    @cached_property
    def _context(self) -> Reading:
        return self.network.fit_context(self.X, self.y, self.categorical, 0)

    def predict(self, X: NDArray[np.float64]) -> QuantileFunction:
        """Return the predicted distributions of the losses of points, shape (m, d)."""
        spread = float(self.y.std())
        return QuantileFunction(
            np.asarray(self._context.predict(X), dtype=np.float64), _LEAST_SCALE * (spread if spread > 0.0 else 1.0)
        )

    def quantiles(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the quantiles 0.01 ... 0.99 of points, shape (m, 99)."""
        return self.predict(X).values

    def mean(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the means of points, shape (m,)."""
        return self.predict(X).mean()

    def log_expected_improvement(self, X: NDArray[np.float64], best: float) -> NDArray[np.float64]:
        """Return log E[max(best - loss, 0)] of points, finite, shape (m,)."""
        return self.predict(X).log_expected_improvement(best)

    def log_probability_below(self, X: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
        """Return log P(loss <= limit) of points, finite, shape (m,)."""
        return self.predict(X).log_probability_below(limit)

    def with_pending(self, X: NDArray[np.float64]) -> TrialsModel:
        """Return the model with running trials in its context, each with its predicted median, shape (m, d).

        The context then holds what the trials are expected to give, so that the next candidate lies elsewhere.
        """
        if not len(X):
            return self
        medians = self.quantiles(X)[:, _MEDIAN]
        return TrialsModel(
            self.network, np.concatenate([self.X, X]), np.concatenate([self.y, medians]), self.categorical
        )
