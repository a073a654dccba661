"""Past tasks as hypotheses about a new one: a mixture of Gaussians, conditioned on trials in closed form.

    z = V' w + m + e,   w ~ sum_s share_s N(a w_s, (1 - a^2) I),   e_j ~ N(0, noise_j),

w_s being the factors of past task s (`factors.py`): a kernel density in the space of factors, shrunk so that the
mixture keeps the factors' covariance (Silverman 1986, section 6.1). With a = 0 it is the one Gaussian of probabilistic
matrix factorisation; near a = 1 the new task is one of the past ones. Trials weigh the hypotheses (s, level), level
being a median and gap of the grid in `scaling.py`,

    weight_sh  ~  share_s prior_h (p(z_h | s) |dz_h/dy|)^temper,

p a multivariate t, so that a few trials may be far off, and pull each past task's mean towards what was seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.knowledge.regret import compress
from seasoned.knowledge.scaling import hypotheses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.knowledge.factors import Factors
    from seasoned.knowledge.regret import Level
    from seasoned.knowledge.settings import MetricSettings

__all__ = ["Mixture", "condition"]

_DEGREES: Final = 8.0  # of the multivariate t
_WORST_Z: Final = 3.0


@dataclass(frozen=True, slots=True)
class Mixture:
    """The posterior after at least one trial.

    Attributes:
        factors: What scores go together.
        rows: Configurations tried, shape (t,).
        weights: Of the past tasks, summing to 1, shape (T,).
        best: The least compressed score of a trial, as each past task has it, at most 0, shape (T,).
        outside: That of trials of other configurations; infinite without any, shape (T,).
        latent: Expected w under each past task, shape (T, rank).
        wandering: Columns that, times their transpose, are the covariance of w from not knowing the level, (rank, h).
        width: 1 - a^2, of w's variance before any trial.
        inverse: Of the trials' covariance, shape (t, t).
    """

    factors: Factors
    rows: NDArray[np.intp]
    weights: NDArray[np.float64]
    best: NDArray[np.float64]
    outside: NDArray[np.float64]
    latent: NDArray[np.float64]
    wandering: NDArray[np.float64]
    width: float
    inverse: NDArray[np.float64]

    def mean(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Expected compressed scores of some configurations, shape (m,)."""
        expected: NDArray[np.float64] = (
            self.factors.mean[columns] + (self.weights @ self.latent) @ self.factors.loadings[:, columns]
        )
        return expected

    def by_task(self, columns: NDArray[np.intp], luck: float = 1.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Means under each past task, shape (T, m), and the variance that they share, shape (m,).

        Args:
            columns: Which configurations.
            luck: Share of the noise in that variance.
        """
        v = self.factors.loadings[:, columns]
        return self.factors.mean[columns] + self.latent @ v, self._own_variance(v) + luck * self.factors.noise[columns]

    def variance(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Of the compressed scores, noise included: within past tasks, between them, and of the level; shape (m,)."""
        v = self.factors.loadings[:, columns]
        apart = (self.latent - self.weights @ self.latent) * np.sqrt(self.weights)[:, None]
        between = np.square(apart @ v).sum(axis=0) + np.square(self.wandering.T @ v).sum(axis=0)
        found: NDArray[np.float64] = self._own_variance(v) + self.factors.noise[columns] + between
        return found

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
    outside: float = math.inf,
) -> Mixture:
    """The posterior after at least one trial.

    Args:
        scores: Of the trials, finite, shape (t,).
        rows: Their configurations, shape (t,).
        factors: What scores go together.
        past: Levels of the past tasks.
        shares: How much each past task counts, summing to 1, shape (T,).
        settings: How they are believed.
        outside: The least score of trials of other configurations; infinite without any.
    """
    grid = hypotheses(scores, past)
    z = np.minimum(grid.z, _WORST_Z)
    a, count = settings.closeness, len(scores)
    width = 1.0 - a * a
    v = factors.loadings[:, rows]
    inverse = np.asarray(np.linalg.inv(width * (v.T @ v) + np.diag(factors.noise[rows])), dtype=np.float64)
    means = factors.mean[rows] + a * (factors.weights @ v)
    solved = inverse @ z
    square = np.einsum("ij,ij->j", z, solved) - 2.0 * means @ solved
    square += np.einsum("ij,ij->i", means @ inverse, means)[:, None]
    fit = -0.5 * (_DEGREES + count) * np.log1p(np.maximum(square, 0.0) / _DEGREES) + grid.slopes
    with np.errstate(divide="ignore"):  # a past task of no weight at all stays out
        log = settings.temper * fit + grid.prior + np.log(shares)[:, None]
    joint = np.exp(log - log.max())
    joint /= joint.sum()
    weights, levels = joint.sum(axis=1), joint.sum(axis=0)
    expected = _by_task(joint, z)
    others = np.full(len(weights), math.inf)
    if math.isfinite(outside):
        others = _by_task(joint, compress((outside - grid.level.median) / grid.level.gap)[None])[:, 0]
    gain = width * (inverse @ v.T)
    spread = (z - (z @ levels)[:, None]) * np.sqrt(levels)
    return Mixture(
        factors,
        rows,
        weights,
        np.minimum(np.minimum(expected.min(axis=1), others), 0.0),
        others,
        a * factors.weights + (expected - means) @ gain,
        gain.T @ spread,
        width,
        inverse,
    )


def _by_task(joint: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected scores as each past task has them, shape (T, n), from those under each level, (n, h).

    Args:
        joint: Weights of task and level, shape (T, h), summing to 1; what a task of no weight expects, all expect.
        z: The scores.
    """
    weights = joint.sum(axis=1, keepdims=True)
    found: NDArray[np.float64] = np.where(
        weights > 0.0, joint @ z.T / np.maximum(weights, 1e-300), z @ joint.sum(axis=0)
    )
    return found
