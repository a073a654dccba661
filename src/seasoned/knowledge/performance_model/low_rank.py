"""Low-rank covariance of configurations across tasks: probabilistic PCA of an incomplete table, by EM.

    z_t = mean + V' w_t + e_t,   w_t ~ N(0, I),   e_tj ~ N(0, noise_j)

z_t are the scores of task t on a common scale (`regret.py`). Configurations that are good on the same tasks are
correlated, so that a few trials inform about all configurations. Each EM round replaces a missing entry by its
expectation. An entry with a known lower bound is replaced by the expectation or the bound, whichever is larger.

Source: Tipping and Bishop (1999), Probabilistic principal component analysis. The model follows Fusi, Sheth and
Elibol (2018), Probabilistic matrix factorization for automated machine learning, without the latent-space mapping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Factors", "fit_factors"]

_LEAST_NOISE: Final = 1e-6  # smallest noise variance
_ROUNDING: Final = 1e-6  # share of the largest eigenvalue below which an eigenvalue is single-precision rounding error
_ROUNDS: Final = 12  # EM rounds of an incomplete table
_POOLED: Final = 10.0  # pseudo-count of tasks that shrinks the noise of a configuration to the pooled noise


@dataclass(frozen=True, slots=True)
class Factors:
    """Fitted low-rank model of n configurations and T tasks.

    Attributes:
        mean: Mean score of each configuration, shape (n,).
        loadings: Factor loadings V, shape (rank, n).
        noise: Residual variance of each configuration, shape (n,).
        completed: Table with missing entries replaced by their expectation, shape (T, n).
        weights: Factor weights w_t of the past tasks, shape (T, rank).
    """

    mean: NDArray[np.float64]
    loadings: NDArray[np.float64]
    noise: NDArray[np.float64]
    completed: NDArray[np.float64]
    weights: NDArray[np.float64]


def fit_factors(table: NDArray[np.float64], rank: int, *, bounds: NDArray[np.bool_] | None = None) -> Factors:
    """Fit a low-rank model by maximum likelihood with 12 rounds of EM; a complete table needs only one round.

    l_i are the eigenvalues of the T x T Gram matrix of centred tasks. Factor i is shrunk by 1 - f / l_i, where f is the
    mean of the T - rank smallest eigenvalues. This likelihood treats configurations as samples, because configurations
    outnumber tasks.

    Args:
        table: Scores, NaN where missing, shape (T, n); each row and each column has a value.
        rank: Number of factors, less than T.
        bounds: True where a value is only a lower bound, shape (T, n); None for no bounds.

    Example:
        >>> table = np.outer(np.array([1.0, -1.0, 2.0, -2.0]), np.array([1.0, 2.0, 3.0]))
        >>> table[0, 1] = np.nan
        >>> fit_factors(table, 1).completed[0].round(1).tolist()
        [1.0, 2.0, 3.0]
    """
    known = np.isfinite(table) if bounds is None else np.isfinite(table) & ~bounds
    sure = table if bounds is None else _sure(table, known)
    mean = np.nanmean(sure, axis=0)
    guess = mean + np.nanmean(sure - mean, axis=1, keepdims=True)
    filled = np.where(known, table, guess if bounds is None else np.fmax(guess, table))
    for _ in range(1 if known.all() else _ROUNDS):
        mean = filled.mean(axis=0)
        centred = (filled - mean).astype(np.float32)  # single precision suffices for the costly products
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
    """Known values, and also bounds in rows and columns that have no known value; NaN elsewhere, shape (T, n)."""
    alone = ~known.any(axis=0) | ~known.any(axis=1, keepdims=True)
    return np.where(known | alone, table, np.nan)


def _noise(residual: NDArray[np.float64], rank: int) -> NDArray[np.float64]:
    """Residual variance of each configuration, shrunk to the pooled variance, shape (n,).

    The residuals of a fit underestimate the variance by the factor 1 - rank/T, which is corrected.
    """
    lost = max(1.0 - rank / len(residual), 0.1)
    counts = np.isfinite(residual).sum(axis=0)
    sums = np.nansum(residual * residual, axis=0) / lost
    pooled = sums.sum() / max(int(counts.sum()), 1)
    noise: NDArray[np.float64] = (sums + _POOLED * pooled) / (counts + _POOLED)
    return np.maximum(noise, _LEAST_NOISE)
