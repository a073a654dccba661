"""What meta-features foretell of a new task: one more hypothesis beside the past tasks, updated like them by trials.

    z = V' w + m + e,   w ~ N(w0, diag(v)),   e_j ~ N(0, noise_j),

w0 and v being what the meta-features tell of the factors' weights (`task_prior.py`). With the likelihood of the trials
to the power `temper`, as in `mixture.py`, w is Gaussian again, with the noise of the trials divided by that power; the
level of the task is unknown, and each level of the grid (`scaling.py`) is weighted by the likelihood of the trials, a
multivariate t. The past tasks tell what a task can be like; this tells of tasks that lie between them.

It is for predicting how configurations do on a new task (`Belief.standardised`). A search does without it: what
predicts better on the whole did not find the best configuration sooner (docs/decisions/0008-experience.md).
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

__all__ = ["DEGREES", "WORST_Z", "Foretold"]

DEGREES: Final = 8.0
"""Of the multivariate t."""
WORST_Z: Final = 3.0
"""The worst compressed score that tells anything."""


@dataclass(frozen=True, slots=True)
class Foretold:
    """A Gaussian belief about the factors' weights of one task.

    Attributes:
        share: How much it counts beside the past tasks together, in [0, 1].
        latent: Expected weights, shape (rank,).
        covariance: Of the weights, shape (rank, rank).
        goals: What a configuration of each kind must beat, in expected compressed scores, shape (kinds,).
    """

    share: float
    latent: NDArray[np.float64]
    covariance: NDArray[np.float64]
    goals: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))

    def mean(self, factors: Factors, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Expected compressed scores of some configurations, shape (m,)."""
        found: NDArray[np.float64] = factors.mean[columns] + self.latent @ factors.loadings[:, columns]
        return found

    def variance(self, factors: Factors, columns: NDArray[np.intp], luck: float = 1.0) -> NDArray[np.float64]:
        """Variance of these scores, shape (m,).

        Args:
            factors: The low-rank model of the scores.
            columns: Which configurations.
            luck: Share of the noise's variance that is included.
        """
        v = factors.loadings[:, columns]
        own = np.einsum("rj,rj->j", v, self.covariance @ v)
        return np.asarray(np.maximum(own, 0.0) + luck * factors.noise[columns], dtype=np.float64)

    def evidence(self, grid: Hypotheses, rows: NDArray[np.intp], factors: Factors) -> NDArray[np.float64]:
        """Logarithm of the density of the trials' scores under each hypothesis about the level, shape (h,).

        Args:
            grid: The hypotheses, and what each makes of the trials.
            rows: Configurations tried, shape (t,).
            factors: The low-rank model of the scores.
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
    ) -> Foretold:
        """This belief after the trials.

        Args:
            grid: Hypotheses about the level, and what each makes of the trials.
            rows: Configurations tried, shape (t,).
            factors: The low-rank model of the scores.
            joint: Joint probability of each hypothesis about the level and this belief, shape (h,); the sum is the
                new share.
            temper: Power of the likelihood.
            kinds: The kind of each configuration.
            outside: The least score of trials of other configurations, by kind; infinite where there is none, shape
                (kinds,).
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
