"""Task prior: a Gaussian process from meta-features to the factor weights of a new task, before any trial.

    w_r ~ GP(0, k + lam I),   k(x, x') = exp(-|x - x'|^2 / (2 d l^2)) + c x.x' / d

All factors r of the learned metric (`low_rank.py`) have the same kernel. x are d meta-features, each replaced by its
rank among the past tasks, less 1/2. l, c and lam minimise the leave-one-out error, where each factor is weighted by the
variance that it explains (Rasmussen and Williams 2006, eqs. 5.10-5.12).

So two tasks are similar if their meta-features predict similar results of the configurations. Plain distances between
meta-features cannot express this. The weights of the past tasks are

    share_s  ~  (1 - trust)/T + trust exp(-tau/2 sum_r (w_sr - E w_r)^2 / v_r).

v_r is the leave-one-out error of factor r. Meta-features re-weight tasks and never exclude a task. Tasks without
meta-features have equal weights. The best trust differs between sets of tasks; `meta_feature_trust.py` determines it on
the past tasks.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.performance_model.meta_feature_prior import MetaFeaturePrior

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.knowledge.performance_model.low_rank import Factors

__all__ = ["TaskPrior", "fit_task_prior"]

_LENGTHS: Final = (0.07, 0.1, 0.14, 0.28)  # grid of l
_SLOPES: Final = (1.2, 3.6, 12.0)  # grid of c
_NOISES: Final = (0.3, 1.0, 3.0)  # grid of lam
_MIN_TASKS: Final = 10  # least number of past tasks with meta-features
_TAU: Final = 0.3  # tau, the sharpness of the task weights
_BESIDE: Final = 0.5  # prior probability of the meta-feature prior, against all past tasks together


@dataclass(frozen=True, slots=True)
class TaskPrior:
    """Fitted task prior (`fit_task_prior`), for D past tasks with meta-features.

    Attributes:
        described: True for past tasks with meta-features, shape (T,).
        columns: Meta-features of these tasks, each column sorted, NaN last, shape (D, d).
        ranks: Centred ranks x of these tasks, shape (D, d).
        length: Length scale l.
        slope: Weight c of the linear kernel.
        weights: Factor weights of these tasks, shape (D, rank).
        alpha: (k + lam I)^-1 (w - mean), shape (D, rank).
        errors: Leave-one-out errors v, shape (rank,).
        left_out: Leave-one-out predictions of the factor weights, shape (D, rank).
        trust: Share of the task weights that depends on meta-features, in [0, 1].
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
            metafeatures: Meta-features of the task, NaN where missing, shape (d,).
        """
        new = _ranks(self.columns, metafeatures[None])
        across = _kernel(new, self.ranks, self.length, self.slope)
        found: NDArray[np.float64] = self.weights.mean(axis=0) + (across @ self.alpha)[0]
        return found

    def shares(self, metafeatures: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weights of the past tasks for a new task, summing to 1, shape (T,); equal without meta-features."""
        count = len(self.described)
        if not np.isfinite(metafeatures).any():
            return np.full(count, 1.0 / count)
        shares = np.full(count, (1.0 - self.trust) / count)
        shares[self.described] += self.trust * self.alike(self.latent(metafeatures))
        return shares

    def foretold(self, metafeatures: NDArray[np.float64]) -> MetaFeaturePrior | None:
        """Meta-feature prior of a new task; None if all meta-features are missing.

        The result does not depend on `trust`. Trust is about the choice of configurations; meta-features without a
        benefit for the choice may still predict the order of all configurations.
        """
        if not np.isfinite(metafeatures).any():
            return None
        return MetaFeaturePrior(_BESIDE, self.latent(metafeatures), np.diag(np.minimum(self.errors, 1.0)))

    def alike(self, latent: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weights of the D described tasks by their fit to expected factor weights, summing to 1, shape (D,)."""
        square = np.square(self.weights - latent) @ (1.0 / self.errors)
        fit: NDArray[np.float64] = np.exp(-0.5 * _TAU * (square - square.min()))
        fit /= fit.sum()
        return fit


def fit_task_prior(metafeatures: NDArray[np.float64], factors: Factors) -> TaskPrior | None:
    """Fit a task prior to past tasks; None if fewer than 10 past tasks have meta-features.

    Args:
        metafeatures: Meta-features of the past tasks, NaN where missing, shape (T, d).
        factors: Low-rank model of the learned metric.

    Raises:
        InvalidInput: If `metafeatures` and `factors` differ in the number of tasks.

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
    if described.sum() < _MIN_TASKS:
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
    """Relative rank of each meta-feature among the sorted past values, less 1/2, shape of `values`; 0 if missing."""
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
