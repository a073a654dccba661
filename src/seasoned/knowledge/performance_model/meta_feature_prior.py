"""Meta-feature prior: a Gaussian prior of the factor weights of a new task, predicted from its meta-features.

    z = V' w + m + e,   w ~ N(w0, diag(v)),   e_j ~ N(0, noise_j)

`task_prior.py` predicts w0 and v. The prior is one hypothesis in addition to the past tasks, and trials update it in
the same way. The likelihood of the trials has the power `temper`, as in `task_mixture.py`. The posterior of w is
Gaussian, with the noise of the trials divided by `temper`. The level of the task is unknown; each level of the grid
(`score_scale.py`) is weighted by the likelihood of the trials, a multivariate t. The past tasks cover known tasks, and
this prior covers tasks between them.

The prior serves predictions for a new task (`Belief.standardised`). The search does not use it, because better average
predictions did not find the best configuration sooner (docs/decisions/0008-experience.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.knowledge.performance_model.regret import compress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.knowledge.performance_model.improvement_targets import Kinds
    from seasoned.knowledge.performance_model.low_rank import Factors
    from seasoned.knowledge.performance_model.score_scale import Hypotheses

__all__ = ["DEGREES", "WORST_Z", "MetaFeaturePrior"]

DEGREES: Final = 8.0
"""Degrees of freedom of the multivariate t."""
WORST_Z: Final = 3.0
"""Largest compressed score; worse scores are clipped to this value."""


@dataclass(frozen=True, slots=True)
class MetaFeaturePrior:
    """Gaussian distribution of the factor weights of one task.

    Attributes:
        share: Probability of this hypothesis, against all past tasks together, in [0, 1].
        latent: Expected factor weights, shape (rank,).
        covariance: Covariance of the factor weights, shape (rank, rank).
        goals: Improvement target of each kind, in expected compressed scores, shape (kinds,).
    """

    share: float
    latent: NDArray[np.float64]
    covariance: NDArray[np.float64]
    goals: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))

    def mean(self, factors: Factors, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Expected compressed scores of configurations, shape (m,)."""
        found: NDArray[np.float64] = factors.mean[columns] + self.latent @ factors.loadings[:, columns]
        return found

    def variance(self, factors: Factors, columns: NDArray[np.intp], luck: float = 1.0) -> NDArray[np.float64]:
        """Variance of the compressed scores of configurations, shape (m,).

        Args:
            factors: Low-rank model of the scores.
            columns: Indices of the configurations.
            luck: Share of the noise variance that is included.
        """
        v = factors.loadings[:, columns]
        own = np.einsum("rj,rj->j", v, self.covariance @ v)
        return np.asarray(np.maximum(own, 0.0) + luck * factors.noise[columns], dtype=np.float64)

    def evidence(self, grid: Hypotheses, rows: NDArray[np.intp], factors: Factors) -> NDArray[np.float64]:
        """Log density of the trials' scores under each level hypothesis, up to a constant, shape (h,).

        Args:
            grid: Level hypotheses, with the scores of the trials under each.
            rows: Configurations of the trials, shape (t,).
            factors: Low-rank model of the scores.
        """
        v = factors.loadings[:, rows]
        across = v.T @ self.covariance @ v + np.diag(factors.noise[rows])
        away = np.minimum(grid.z, WORST_Z) - self.mean(factors, rows)[:, None]
        square = np.einsum("ij,ij->j", away, np.linalg.solve(across, away))
        fit = -0.5 * (DEGREES + len(rows)) * np.log1p(np.maximum(square, 0.0) / DEGREES)
        found: NDArray[np.float64] = fit - 0.5 * np.linalg.slogdet(across)[1] + grid.slopes
        return found

    def bent(
        self,
        grid: Hypotheses,
        rows: NDArray[np.intp],
        factors: Factors,
        joint: NDArray[np.float64],
        *,
        temper: float,
        kinds: Kinds,
        outside: NDArray[np.float64],
    ) -> MetaFeaturePrior:
        """Return the posterior after the trials.

        Args:
            grid: Level hypotheses, with the scores of the trials under each.
            rows: Configurations of the trials, shape (t,).
            factors: Low-rank model of the scores.
            joint: Joint probability of each level hypothesis and this prior, shape (h,); the sum is the new share.
            temper: Power of the likelihood.
            kinds: Kinds of the configurations.
            outside: Lowest score among trials of other configurations, by kind; infinite for none, shape (kinds,).
        """
        share = float(joint.sum())
        levels = joint / max(share, 1e-300)
        v, z = factors.loadings[:, rows], np.minimum(grid.z, WORST_Z)
        spread = self.covariance @ v
        gain = np.linalg.solve(v.T @ spread + np.diag(factors.noise[rows] / temper), spread.T).T
        expected = z @ levels
        wandering = gain @ ((z - expected[:, None]) * np.sqrt(levels))
        others = np.full(kinds.count, np.inf)
        for kind in np.flatnonzero(np.isfinite(outside)):
            others[kind] = levels @ compress((outside[kind] - grid.level.median) / grid.level.gap)
        return replace(
            self,
            share=share,
            latent=self.latent + gain @ (expected - self.mean(factors, rows)),
            covariance=self.covariance - gain @ spread.T + wandering @ wandering.T,
            goals=kinds.goals(expected, rows, others),
        )
