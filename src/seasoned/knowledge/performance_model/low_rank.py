"""The low-rank covariance of configurations over tasks: probabilistic PCA of a table with holes, by EM.

    z_t = mean + V' w_t + e_t,   w_t ~ N(0, I),   e_tj ~ N(0, noise_j),

z_t being the scores of task t on one scale (`regret.py`). So configurations that did well on the same tasks are
correlated, and a few trials tell about all others. Tipping and Bishop (1999), Probabilistic principal component
analysis, with missing entries replaced by their expectation in each round, and those of which only a bound is known by
their expectation or the bound, whichever is larger; the model of Fusi, Sheth and Elibol (2018),
Probabilistic matrix factorization for automated machine learning, without its map from the latent space.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Factors", "fit_factors"]

_LEAST_NOISE: Final = 1e-6
_ROUNDING: Final = 1e-6  # of the largest eigenvalue, below which one is rounding error in single precision
_POOLED: Final = 10.0  # pseudo-count of tasks that shrinks a configuration's noise to that of all


@dataclass(frozen=True, slots=True)
class Factors:
    """A fitted model of n configurations from T tasks.

    Attributes:
        mean: Shape (n,).
        loadings: V, shape (rank, n).
        noise: Variance of what the factors do not explain, shape (n,).
        completed: The table with missing entries filled in by their expectation, shape (T, n).
        weights: w_t of the past tasks, shape (T, rank).
    """

    mean: NDArray[np.float64]
    loadings: NDArray[np.float64]
    noise: NDArray[np.float64]
    completed: NDArray[np.float64]
    weights: NDArray[np.float64]


def fit_factors(
    table: NDArray[np.float64], rank: int, *, rounds: int = 12, bounds: NDArray[np.bool_] | None = None
) -> Factors:
    """Maximum likelihood by `rounds` of EM; one round suffices where nothing is missing.

    With l_i the eigenvalues of the T x T products of centred tasks, factor i is shrunk by 1 - f / l_i, f being the mean
    of the T - rank that are left: the likelihood that takes the configurations for draws, as there are more of them.

    Args:
        table: NaN where missing, shape (T, n); each row and each column has a value.
        rank: Number of factors, less than T.
        rounds: How often missing entries are filled in.
        bounds: Which values are only lower bounds, shape (T, n); none if left out.

    Example:
        >>> table = np.outer(np.array([1.0, -1.0, 2.0, -2.0]), np.array([1.0, 2.0, 3.0]))
        >>> table[0, 1] = np.nan
        >>> fit_factors(table, 1, rounds=200).completed[0].round(1).tolist()
        [1.0, 2.0, 3.0]
    """
    known = np.isfinite(table) if bounds is None else np.isfinite(table) & ~bounds
    sure = table if bounds is None else _sure(table, known)
    mean = np.nanmean(sure, axis=0)
    guess = mean + np.nanmean(sure - mean, axis=1, keepdims=True)
    filled = np.where(known, table, guess if bounds is None else np.fmax(guess, table))
    for _ in range(1 if known.all() else rounds):
        mean = filled.mean(axis=0)
        centred = (filled - mean).astype(np.float32)  # its products are most of the work, and this precision is enough
        values, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
        values, vectors = values[::-1], vectors[:, ::-1]
        leading = np.maximum(values[:rank], 1e-300)
        floor = max(float(values[rank:].sum()) / max(len(table) - rank, 1), 0.0)
        shrunk = np.where(leading > _ROUNDING * leading[0], np.maximum(1.0 - floor / leading, 0.0), 0.0)
        some = vectors[:, :rank].astype(np.float32)
        projected = some.T @ centred
        explained = ((some * shrunk.astype(np.float32)) @ projected).astype(np.float64)
        expected = mean + explained
        filled = np.where(known, table, expected if bounds is None else np.fmax(expected, table))
    scale = np.sqrt(len(table))
    loadings = np.sqrt(shrunk)[:, None] * projected.astype(np.float64) / scale
    weights = vectors[:, :rank] * np.sqrt(shrunk) * scale
    return Factors(mean, loadings, _noise(np.where(known, table - mean - explained, np.nan), rank), filled, weights)


def _sure(table: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What is known, and the bounds in rows and columns of which nothing else is known."""
    alone = ~known.any(axis=0) | ~known.any(axis=1, keepdims=True)
    return np.where(known | alone, table, np.nan)


def _noise(residual: NDArray[np.float64], rank: int) -> NDArray[np.float64]:
    """Variance per configuration, shrunk to that of all; a fit of this rank makes it 1 - rank/T too small."""
    lost = max(1.0 - rank / len(residual), 0.1)
    counts = np.isfinite(residual).sum(axis=0)
    sums = np.nansum(residual * residual, axis=0) / lost
    pooled = sums.sum() / max(int(counts.sum()), 1)
    noise: NDArray[np.float64] = (sums + _POOLED * pooled) / (counts + _POOLED)
    return np.maximum(noise, _LEAST_NOISE)
