"""What meta-features say about a new task before any trial: a Gaussian process from them to the factors' weights.

    w_r ~ GP(0, k + lam I),   k(x, x') = exp(-|x - x'|^2 / (2 d l^2)) + c x.x' / d,

one kernel for all factors r of the learned metric (`factors.py`), d meta-features, each replaced by its rank among the
past tasks, less 1/2; l, c and lam minimise the leave-one-out error, each factor weighted by what it explains (Rasmussen
and Williams 2006, eqs. 5.10-5.12). So the meta-features that tell how tasks differ *in what does well on them* decide
which tasks are alike, which plain distances cannot do. The past tasks count for a new one by how well they fit w,

    share_s  ~  (1 - trust)/T + trust exp(-tau/2 sum_r (w_sr - E w_r)^2 / v_r),

v_r being the leave-one-out error of factor r: meta-features weight tasks, and never exclude any. Tasks without
meta-features count alike. How far to trust them differs from one set of tasks to the next, and is determined on the
past tasks (`trusting.py`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.performance_model.meta_feature_prior import Foretold

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.knowledge.performance_model.low_rank import Factors

__all__ = ["TaskPrior", "fit_task_prior"]

_LENGTHS: Final = (0.07, 0.1, 0.14, 0.28)
_SLOPES: Final = (1.2, 3.6, 12.0)
_NOISES: Final = (0.3, 1.0, 3.0)
_LEAST: Final = 10  # tasks with meta-features from which something is learned
_TAU: Final = 0.3
_BESIDE: Final = 0.5  # share of this hypothesis, beside all past tasks


@dataclass(frozen=True, slots=True)
class TaskPrior:
    """A fitted prior.

    Attributes:
        described: Which past tasks have meta-features, shape (T,).
        columns: Their meta-features, sorted one by one, NaN last, shape (described, d).
        ranks: Of the described tasks, shape (described, d).
        length: l.
        slope: c.
        weights: Of the described tasks, shape (described, rank).
        alpha: (k + lam I)^-1 (w - mean), shape (described, rank).
        errors: v, shape (rank,).
        left_out: Weights of each described task as predicted from the others, shape (described, rank).
        trust: Share of the past tasks' weights for a new task that goes by its meta-features.
    """

    described: NDArray[np.bool_]
    columns: NDArray[np.float64]
    ranks: NDArray[np.float64]
    length: float
    slope: float
    weights: NDArray[np.float64]
    alpha: NDArray[np.float64]
    errors: NDArray[np.float64]
    left_out: NDArray[np.float64]
    trust: float = 0.8

    def latent(self, metafeatures: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected factor weights of a new task, shape (rank,).

        Args:
            metafeatures: NaN where missing, shape (d,).
        """
        new = _ranks(self.columns, metafeatures[None])
        across = _kernel(new, self.ranks, self.length, self.slope)
        found: NDArray[np.float64] = self.weights.mean(axis=0) + (across @ self.alpha)[0]
        return found

    def shares(self, metafeatures: NDArray[np.float64]) -> NDArray[np.float64]:
        """How much each past task counts for a new one, shape (T,), summing to 1; equally if nothing is known of it."""
        count = len(self.described)
        if not np.isfinite(metafeatures).any():
            return np.full(count, 1.0 / count)
        shares = np.full(count, (1.0 - self.trust) / count)
        shares[self.described] += self.trust * self.alike(self.latent(metafeatures))
        return shares

    def foretold(self, metafeatures: NDArray[np.float64]) -> Foretold | None:
        """The expected weights as one hypothesis beside the past tasks; None where the task has no meta-features.

        It does not depend on `trust`, which is about choosing: on recorded tables, meta-features that lead to no better
        picks (oboe) predict the order of all configurations all the same.
        """
        if not np.isfinite(metafeatures).any():
            return None
        return Foretold(_BESIDE, self.latent(metafeatures), np.diag(np.minimum(self.errors, 1.0)))

    def alike(self, latent: NDArray[np.float64]) -> NDArray[np.float64]:
        """How well each described task fits expected weights, shape (described,), summing to 1."""
        square = np.square(self.weights - latent) @ (1.0 / self.errors)
        fit: NDArray[np.float64] = np.exp(-0.5 * _TAU * (square - square.min()))
        fit /= fit.sum()
        return fit


def fit_task_prior(metafeatures: NDArray[np.float64], factors: Factors) -> TaskPrior | None:
    """Learn which meta-features tell what does well; None where fewer than 10 past tasks have any.

    Args:
        metafeatures: Of the past tasks, NaN where missing, shape (T, d).
        factors: Of the learned metric.

    Raises:
        InvalidInput: If they are not of the same tasks.

    Example:
        >>> from seasoned.knowledge.performance_model.low_rank import fit_factors
        >>> rng = np.random.default_rng(0)
        >>> size = rng.normal(size=(40, 1))
        >>> prior = fit_task_prior(size, fit_factors(size @ rng.normal(size=(1, 9)), 1))
        >>> shares = prior.shares(size[3])
        >>> bool(np.argmax(shares) == 3)
        True
    """
    if len(metafeatures) != len(factors.weights):
        raise InvalidInput(f"there are meta-features of {len(metafeatures)} tasks, and {len(factors.weights)} tasks.")
    described: NDArray[np.bool_] = np.asarray(np.isfinite(metafeatures).any(axis=1))
    if described.sum() < _LEAST:
        return None
    columns = np.sort(metafeatures[described], axis=0)
    ranks = _ranks(columns, metafeatures[described])
    weights = factors.weights[described]
    centred = weights - weights.mean(axis=0)
    explains = np.square(factors.loadings).sum(axis=1)
    least, best = np.inf, None
    for length, slope in itertools.product(_LENGTHS, _SLOPES):
        kernel = _kernel(ranks, ranks, length, slope)
        for noise in _NOISES:
            inverse = np.linalg.inv(kernel + noise * np.eye(len(ranks)))
            missed = (inverse @ centred) / np.diag(inverse)[:, None]
            errors = np.square(missed).mean(axis=0)
            loss = float(errors @ explains)
            if loss < least:
                least, best = loss, (length, slope, inverse @ centred, errors, missed)
    assert best is not None, "the grid is not empty"
    length, slope, alpha, errors, missed = best
    return TaskPrior(
        described, columns, ranks, length, slope, weights, alpha, np.maximum(errors, 1e-9), weights - missed
    )


def _ranks(columns: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each meta-feature's relative rank among the sorted past ones, less 1/2; 0 where it is missing."""
    found = np.zeros(values.shape)
    for place, (column, asked) in enumerate(zip(columns.T, values.T, strict=True)):
        known = column[np.isfinite(column)]
        if known.size:
            both = np.searchsorted(known, asked, "left") + np.searchsorted(known, asked, "right")
            found[:, place] = np.where(np.isfinite(asked), 0.5 * both / known.size - 0.5, 0.0)
    return found


def _kernel(left: NDArray[np.float64], right: NDArray[np.float64], length: float, slope: float) -> NDArray[np.float64]:
    inner = left @ right.T
    squared = np.square(left).sum(axis=1)[:, None] + np.square(right).sum(axis=1) - 2.0 * inner
    columns = left.shape[1]
    found: NDArray[np.float64] = (
        np.exp(-0.5 * np.maximum(squared, 0.0) / (columns * length**2)) + slope * inner / columns
    )
    return found
