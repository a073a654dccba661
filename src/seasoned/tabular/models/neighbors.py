"""k nearest neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned._util.blas_threads import one_thread
from seasoned.errors import InvalidInput
from seasoned.space import Categorical, Int, Space
from seasoned.tabular.models._common.quantile_regression import rows_to_know
from seasoned.tabular.models._common.row_sample import some_rows
from seasoned.tabular.safe_files import npz

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["PIECE", "Neighbours", "Vote"]

PIECE: Final = 4_096  # rows per block of predictions

# largest number of stored rows; more rows slow predictions and enlarge bundles for little accuracy
_MOST_ROWS: Final = 20_000
_MOST_NEIGHBOURS: Final = 1000  # largest number of neighbours in a file
_FILE: Final = {"y": ("float64", 1), "settings": ("int64", 1)}
_FULL: Final = {"X": ("float32", 2)}
_SPARSE: Final = {"shape": ("int64", 1), "ends": ("int64", 1), "places": ("int64", 1), "cells": ("float32", 1)}
_MAYBE: Final = {"weight": ("float64", 1), "quantile": ("float64", 1)}
# share of nonzero cells up to which a file stores only these cells, so that no file expands a thousandfold
_MAX_SPARSE_SHARE: Final = 0.05
_MAX_SPARSE_BYTES: Final = 2**31  # largest size of the matrix of a sparse file, in bytes


@dataclass(slots=True)
class Vote:
    """Training rows of k nearest neighbours, and the vote of the nearest rows.

    Class k has the probability (s_k + q_k) / (m + 1). s_k is the weight of the neighbours of class k, with all m
    weights scaled to the sum m. q_k is the share of class k among all rows. This additional vote gives every seen class
    a probability above 0, as the logarithmic loss requires. A number is the weighted mean of the neighbours' numbers. A
    quantile is the smallest neighbour value at or below which that share of the weight lies.

    Row weights multiply the weights of neighbours and apply to the class shares.

    Attributes:
        neighbours: Number of neighbours m; at most the number of rows.
        power: Power of the Minkowski distance, 1 or 2.
        by_distance: True for neighbour weights of 1 / distance, False for equal weights.
        n_classes: Number of classes; 0 for regression.
        seed: Random seed of the row sample of a large table.
        X: Stored rows, shape (n, p), float32.
        y: Class codes or numbers of the rows, shape (n,), float64.
        weight: Row weights, shape (n,); None for equal weights.
        quantile: Quantile to predict; None for the mean.
    """

    neighbours: int
    power: int
    by_distance: bool
    n_classes: int
    seed: int = 0
    X: NDArray[np.float32] | None = None
    y: NDArray[np.float64] | None = None
    weight: NDArray[np.float64] | None = None
    quantile: float | None = None
    index: Any = field(default=None, init=False)

    @property
    def classes_(self) -> NDArray[np.int64]:
        """All class codes, including classes absent from the training rows."""
        return np.arange(self.n_classes)

    def fit(self, X: NDArray[np.float64], y: NDArray[Any], weight: NDArray[np.float64] | None = None) -> None:
        """Store at most 20,000 rows, plus one row of each class that the sample lacks."""
        rows = some_rows(y, _MOST_ROWS, np.random.default_rng(self.seed), classes=self.n_classes > 0)
        kept = None if weight is None else weight[rows]
        self.remember(X[rows].astype(np.float32), np.asarray(y[rows], dtype=np.float64), kept)

    def remember(
        self, X: NDArray[np.float32], y: NDArray[np.float64], weight: NDArray[np.float64] | None = None
    ) -> None:
        """Store rows and build the index; the index itself is never serialised, so that no file can forge it."""
        from sklearn.neighbors import NearestNeighbors

        self.X, self.y, self.weight = X, y, weight
        self.index = NearestNeighbors(n_neighbors=min(self.neighbours, len(X)), p=self.power, n_jobs=1).fit(X)

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict numbers, shape (n,)."""
        return self._in_pieces(X, self._numbers)

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict probabilities, shape (n, n_classes)."""
        return self._in_pieces(X, self._shares)

    def _in_pieces(
        self, X: NDArray[np.float64], work: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Predict in blocks: a row takes 50 bytes per neighbour, so that a long table would take gigabytes."""
        parts = [work(X[start : start + PIECE]) for start in range(0, max(len(X), 1), PIECE)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _numbers(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        weights, values = self._neighbours(X)
        if self.quantile is not None:
            order = np.argsort(values, axis=1, kind="stable")
            reached = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
            place = (reached < self.quantile * reached[:, -1:] * (1 - 1e-12)).sum(axis=1)  # same rule as `quantile_of`
            return np.asarray(values[np.arange(len(X)), order[np.arange(len(X)), place]])
        return np.asarray((weights * values).sum(axis=1) / weights.sum(axis=1))

    def _shares(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        assert self.y is not None, "fitted or loaded first"
        weights, values = self._neighbours(X)
        votes = np.zeros((len(X), self.n_classes))
        for weight, value in zip(weights.T, values.T, strict=True):
            votes[np.arange(len(X)), value.astype(np.int64)] += weight
        count = weights.shape[1]
        shares = np.bincount(self.y.astype(np.int64), self.weight, minlength=self.n_classes)
        shares = shares / shares.sum()
        found: NDArray[np.float64] = (votes * count / weights.sum(axis=1, keepdims=True) + shares) / (count + 1)
        return found

    def _neighbours(self, X: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weights and target values of each row's neighbours, both of shape (n, m)."""
        assert self.y is not None, "fitted or loaded first"
        with one_thread("openmp"):  # with several threads, their schedule would decide between ties
            distance, place = self.index.kneighbors(X.astype(np.float32))
        values = self.y[place]
        own = np.ones(values.shape) if self.weight is None else self.weight[place]
        if not self.by_distance:
            return own, values
        same = distance <= 0
        weights = 1.0 / np.where(same, 1.0, np.maximum(distance, 1e-12))
        return own * np.where(same.any(axis=1, keepdims=True), same, weights), values


@dataclass(frozen=True, slots=True)
class Neighbours:
    """k nearest neighbours on scaled numbers and one-hot levels."""

    name: str = "neighbours"
    diet: Diet = "dense"
    quantiles: bool = True
    seeded: bool = False
    stores_rows: bool = True

    def space(self, task: Task) -> Space:  # noqa: ARG002 - the protocol's signature
        """Number of neighbours, power of the distance, and weights by distance."""
        return Space(
            neighbours=Int(1, 100, log=True, default=15),
            weights=Categorical(("distance", "uniform")),
            power=Categorical((2, 1)),
        )

    def build(self, config: dict[str, Any], job: Job) -> Vote:
        """Return an unfitted model, with enough neighbours to estimate a requested quantile."""
        by_distance, count = config["weights"] == "distance", config["neighbours"]
        if job.quantile is not None:
            count = min(max(count, rows_to_know(job.quantile)), _MOST_NEIGHBOURS)
        return Vote(count, config["power"], by_distance, job.n_classes, job.seed, quantile=job.quantile)

    def fit(
        self,
        estimator: Vote,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,  # noqa: ARG002 - the protocol's signature
        seconds: float | None = None,  # noqa: ARG002
        weights: Weights | None = None,
    ) -> None:
        """Store (X, y) and the row weights."""
        estimator.fit(*train, None if weights is None else weights[0])

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:  # noqa: ARG002
        """Return the configuration unchanged: the model has no rounds."""
        return config

    def dump(self, estimator: Vote) -> bytes:
        """Serialise the stored rows; `load` rebuilds the index."""
        assert estimator.X is not None, "only what was fitted is stored"
        assert estimator.y is not None
        settings = [estimator.neighbours, estimator.power, estimator.by_distance, estimator.n_classes]
        arrays: dict[str, NDArray[Any]] = {
            **_written(estimator.X),
            "y": estimator.y,
            "settings": np.array(settings, dtype=np.int64),
        }
        if estimator.weight is not None:
            arrays["weight"] = estimator.weight
        if estimator.quantile is not None:
            arrays["quantile"] = np.array([estimator.quantile])
        return npz.dump(arrays)

    def load(self, data: bytes) -> Vote:
        """Deserialise the stored rows after a check."""
        found = npz.load(data, _FILE, {**_FULL, **_SPARSE, **_MAYBE})
        X, y, weight = _read(found), found["y"], found.get("weight")
        quantiles = found.get("quantile", np.zeros(0)).tolist()
        weighs = weight is not None and (len(weight) != len(y) or not (weight > 0).all())
        if len(found["settings"]) != 4 or len(X) != len(y) or not X.size or weighs:
            raise InvalidInput("the arrays of the neighbours file do not fit together; get another copy.")
        neighbours, power, by_distance, n_classes = found["settings"].tolist()
        codes = (y >= 0) & (y < n_classes) & (y == np.round(y))
        if (
            not 1 <= neighbours <= _MOST_NEIGHBOURS
            or power not in {1, 2}
            or by_distance not in {0, 1}
            or (n_classes != 0 and not codes.all())
            or len(quantiles) > (n_classes == 0)
            or not all(0 < quantile < 1 for quantile in quantiles)
        ):
            raise InvalidInput("the neighbours file holds settings or classes outside their range; refused.")
        vote = Vote(neighbours, power, bool(by_distance), n_classes, quantile=quantiles[0] if quantiles else None)
        vote.remember(X, y, weight)
        return vote


def _written(X: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Arrays of a matrix; a sparse matrix is written as its nonzero cells, row by row."""
    filled = X != 0
    if np.count_nonzero(filled) > _MAX_SPARSE_SHARE * X.size:
        return {"X": X}
    ends = np.cumsum(filled.sum(axis=1), dtype=np.int64)
    return {"shape": np.array(X.shape), "ends": ends, "places": np.nonzero(filled)[1], "cells": X[filled]}


def _read(found: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Parse the arrays of `_written` into a matrix."""
    if set(found) & {*_FULL, *_SPARSE} == {*_FULL}:
        return np.ascontiguousarray(found["X"], dtype=np.float32)
    if set(found) & {*_FULL, *_SPARSE} != {*_SPARSE}:
        raise InvalidInput("the neighbours file holds its rows twice, or not at all; refused.")
    shape, ends, places, cells = (found[name] for name in _SPARSE)
    counts = np.diff(ends, prepend=0)
    if (
        len(shape) != 2
        or not (shape > 0).all()
        or int(shape[0]) * int(shape[1]) * 4 > _MAX_SPARSE_BYTES
        or len(ends) != shape[0]
        or (counts < 0).any()
        or not ends[-1] == len(places) == len(cells)
        or not ((places >= 0) & (places < shape[1])).all()
    ):
        raise InvalidInput("the arrays of the neighbours file do not fit together; get another copy.")
    X = np.zeros((int(shape[0]), int(shape[1])), dtype=np.float32)
    X[np.repeat(np.arange(len(ends)), counts), places] = cells
    return X
