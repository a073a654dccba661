"""Task mixture: past tasks as hypotheses about a new task, a Gaussian mixture conditioned on trials in closed form.

    z = V' w + m + e,   w ~ sum_s share_s N(a w_s, (1 - a^2) I),   e_j ~ N(0, noise_j)

w_s are the factor weights of past task s (`low_rank.py`). The mixture is a kernel density in the space of factors,
shrunk so that it keeps the covariance of the factors (Silverman 1986, section 6.1). With a = 0, it is the single
Gaussian of probabilistic matrix factorisation. Near a = 1, the new task is one of the past tasks.

Trials weight the hypotheses (s, h). h is a level, a median and gap from the grid in `score_scale.py`:

    weight_sh  ~  share_s prior_h (p(z_h | s) |dz_h/dy|)^temper.

p is a multivariate t, so that outliers among the trials do little harm. Trials also update the mean of each past task.
A meta-feature prior is one more hypothesis (`meta_feature_prior.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from seasoned.knowledge.performance_model.improvement_targets import Kinds
from seasoned.knowledge.performance_model.meta_feature_prior import DEGREES, WORST_Z
from seasoned.knowledge.performance_model.regret import compress
from seasoned.knowledge.performance_model.score_scale import hypotheses
from seasoned.surrogates.acquisition.functions import expected_improvement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from seasoned.knowledge.performance_model.low_rank import Factors
    from seasoned.knowledge.performance_model.meta_feature_prior import MetaFeaturePrior
    from seasoned.knowledge.performance_model.regret import Level
    from seasoned.knowledge.performance_model.settings import MetricSettings

__all__ = ["Mixture", "condition"]


@dataclass(frozen=True, slots=True)
class Mixture:
    """Posterior mixture after at least one trial.

    Attributes:
        factors: Low-rank model of the scores.
        rows: Configurations of the trials, shape (t,).
        weights: Posterior weights of the past tasks, summing to 1, shape (T,).
        goals: Improvement target of each kind under each past task, in compressed scores, shape (T, kinds).
        outside: Lowest compressed score among trials of other configurations, by kind; infinite for none, shape
            (T, kinds).
        latent: Expected w under each past task, shape (T, rank).
        wandering: Matrix root M of the covariance M M' of w due to the unknown level, shape (rank, h).
        width: 1 - a^2, the prior variance of w around each past task.
        inverse: Inverse of the covariance of the trials, shape (t, t).
        foretold: Posterior of the meta-feature prior; None without a prior. The other attributes describe only the past
            tasks.
        kinds: Kinds of the configurations.
    """

    factors: Factors
    rows: NDArray[np.intp]
    weights: NDArray[np.float64]
    goals: NDArray[np.float64]
    outside: NDArray[np.float64]
    latent: NDArray[np.float64]
    wandering: NDArray[np.float64]
    width: float
    inverse: NDArray[np.float64]
    foretold: MetaFeaturePrior | None = None
    kinds: Kinds = field(default_factory=Kinds)

    def mean(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Expected compressed scores of configurations, shape (m,)."""
        of_past = self._mean_of_past(columns)
        if self.foretold is None:
            return of_past
        share = self.foretold.share
        return (1.0 - share) * of_past + share * self.foretold.mean(self.factors, columns)

    def by_task(self, columns: NDArray[np.intp], luck: float = 1.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Means under each past task, shape (T, m), and the common variance, shape (m,).

        Args:
            columns: Indices of the configurations.
            luck: Share of the noise variance that is included.
        """
        v = self.factors.loadings[:, columns]
        return self.factors.mean[columns] + self.latent @ v, self._own_variance(v) + luck * self.factors.noise[columns]

    def expected_gain(self, columns: NDArray[np.intp], luck: float = 1.0) -> NDArray[np.float64]:
        """Expected improvement of configurations on the target of their kind, shape (m,).

        Args:
            columns: Indices of the configurations.
            luck: Share of the noise variance that is included.
        """
        means, variance = self.by_task(columns, luck)
        kinds = self.kinds.at(columns)
        gains = self.weights @ _gain(means, variance, self.goals[:, kinds])
        if self.foretold is None:
            return gains
        told, share = self.foretold, self.foretold.share
        variance = told.variance(self.factors, columns, luck)
        return (1.0 - share) * gains + share * _gain(told.mean(self.factors, columns), variance, told.goals[kinds])

    def variance(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Variance of the compressed scores: noise, within and between past tasks, and unknown level, shape (m,)."""
        v = self.factors.loadings[:, columns]
        apart = (self.latent - self.weights @ self.latent) * np.sqrt(self.weights)[:, None]
        between = np.square(apart @ v).sum(axis=0) + np.square(self.wandering.T @ v).sum(axis=0)
        found: NDArray[np.float64] = self._own_variance(v) + self.factors.noise[columns] + between
        if self.foretold is None:
            return found
        share, told = self.foretold.share, self.foretold.variance(self.factors, columns)
        gap = self.foretold.mean(self.factors, columns) - self._mean_of_past(columns)
        return (1.0 - share) * found + share * told + share * (1.0 - share) * np.square(gap)

    def _mean_of_past(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        expected: NDArray[np.float64] = (
            self.factors.mean[columns] + (self.weights @ self.latent) @ self.factors.loadings[:, columns]
        )
        return expected

    def _own_variance(self, v: NDArray[np.float64]) -> NDArray[np.float64]:
        across = self.width * (v.T @ self.factors.loadings[:, self.rows])
        own = self.width * np.einsum("ij,ij->j", v, v)
        left: NDArray[np.float64] = own - np.einsum("ij,ij->i", across @ self.inverse, across)
        return np.maximum(left, 0.0)


def condition(
    scores: NDArray[np.float64],
    rows: NDArray[np.intp],
    factors: Factors,
    past: Level,
    shares: NDArray[np.float64],
    settings: MetricSettings,
    *,
    outside: Mapping[int, float] | None = None,
    foretold: MetaFeaturePrior | None = None,
    kinds: Kinds | None = None,
) -> Mixture:
    """Compute the posterior after at least one trial.

    Args:
        scores: Finite scores of the trials, shape (t,).
        rows: Configurations of the trials, shape (t,).
        factors: Low-rank model of the scores.
        past: Levels of the past tasks.
        shares: Prior task weights, summing to 1, shape (T,).
        settings: Settings of the metric.
        outside: Kind -> lowest score among trials of other configurations.
        foretold: Meta-feature prior; None without meta-features.
        kinds: Kinds of the configurations; one kind if None.
    """
    kinds = kinds or Kinds()
    least = kinds.least(outside or {})
    grid = hypotheses(scores, past)
    z = np.minimum(grid.z, WORST_Z)
    a, count = settings.closeness, len(scores)
    width = 1.0 - a * a
    v = factors.loadings[:, rows]
    across = width * (v.T @ v) + np.diag(factors.noise[rows])
    inverse = np.asarray(np.linalg.inv(across), dtype=np.float64)
    means = factors.mean[rows] + a * (factors.weights @ v)
    solved = inverse @ z
    square = np.einsum("ij,ij->j", z, solved) - 2.0 * means @ solved
    square += np.einsum("ij,ij->i", means @ inverse, means)[:, None]
    fit = -0.5 * (DEGREES + count) * np.log1p(np.maximum(square, 0.0) / DEGREES) + grid.slopes
    with np.errstate(divide="ignore"):  # the log of weight 0 excludes a past task
        log = settings.temper * fit + grid.prior + np.log(shares)[:, None]
    if foretold is not None:
        told = foretold.evidence(grid, rows, factors) + 0.5 * np.linalg.slogdet(across)[1]
        told = settings.temper * told + grid.prior + math.log(foretold.share / (1.0 - foretold.share))
        foretold = foretold.bent(
            grid, rows, factors, _shared(told, log), temper=settings.temper, kinds=kinds, outside=least
        )
    joint = np.exp(log - log.max())
    joint /= joint.sum()
    weights, levels = joint.sum(axis=1), joint.sum(axis=0)
    expected = _by_task(joint, z)
    others = np.full((len(weights), kinds.count), math.inf)
    for kind in np.flatnonzero(np.isfinite(least)):
        others[:, kind] = _by_task(joint, compress((least[kind] - grid.level.median) / grid.level.gap)[None])[:, 0]
    gain = width * (inverse @ v.T)
    spread = (z - (z @ levels)[:, None]) * np.sqrt(levels)
    return Mixture(
        factors,
        rows,
        weights,
        kinds.goals(expected, rows, others),
        others,
        a * factors.weights + (expected - means) @ gain,
        gain.T @ spread,
        width,
        inverse,
        foretold,
        kinds,
    )


def _shared(one: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of the log masses `one`, normalised together with the log masses `others`."""
    top = max(float(one.max()), float(others.max()))
    masses = np.exp(one - top)
    return np.asarray(masses / (masses.sum() + np.exp(others - top).sum()), dtype=np.float64)


def _gain(means: NDArray[np.float64], variance: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected improvement on `best`, for minimised scores."""
    std = np.sqrt(np.maximum(variance, 1e-12))
    return expected_improvement(means, std, best).value  # type: ignore[arg-type]


def _by_task(joint: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected scores under each past task, shape (T, n).

    Args:
        joint: Weights of task and level, summing to 1, shape (T, h). A task of weight 0 has the overall mean.
        z: Scores under each level, shape (n, h).
    """
    weights = joint.sum(axis=1, keepdims=True)
    found: NDArray[np.float64] = np.where(
        weights > 0.0, joint @ z.T / np.maximum(weights, 1e-300), z @ joint.sum(axis=0)
    )
    return found
