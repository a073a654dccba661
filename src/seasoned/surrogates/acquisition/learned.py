"""Learned acquisition function: log-EI plus the correction of a small network, meta-trained on whole searches.

    a(x) = log EI(x) + left w2' tanh(W1 z(x) + b1),   z = (u / 3, log(std / prior std), left, log n / 3)

u = (best - mean) / std, n is the number of trials so far, and `left` is the share of all trials after the next trial.
Log-EI looks one trial ahead, which is optimal for the last trial; the correction is then 0. For earlier trials, the
correction learns the additional value of uncertain or safe candidates. With w2 = 0, the function is log-EI.

The network is trained on samples of Gaussian processes and on stored studies
(`knowledge/transfer/acquisition_training.py`). Source: Volpp et al. (2020), Meta-learning acquisition functions for
transfer learning in Bayesian optimization; here with an evolution strategy instead of reinforcement learning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.surrogates.acquisition.functions import Value, log_expected_improvement

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Correction", "LearnedAcquisition", "Progress"]

_INPUTS: Final = 4  # inputs z of the network
_MAX_INPUT: Final = 12.0  # largest |u| as an input; larger values are clipped


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a search.

    Attributes:
        done: Number of trials so far, at least 1.
        total: Total number of trials.
    """

    done: int
    total: int

    @property
    def left(self) -> float:
        """Share of all trials after the next trial.

        Example:
            >>> Progress(5, 20).left, Progress(19, 20).left
            (0.7, 0.0)
        """
        return max(self.total - self.done - 1, 0) / max(self.total, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """Correction of log-EI: the weights of the network.

    Attributes:
        inner: W1, shape (hidden, 4).
        bias: b1, shape (hidden,).
        outer: w2, shape (hidden,).
    """

    inner: NDArray[np.float64]
    bias: NDArray[np.float64]
    outer: NDArray[np.float64]

    @classmethod
    def of_vector(cls, vector: NDArray[np.float64]) -> Correction:
        """Build a correction from a vector of all weights, shape (6 hidden,), such as the vector of an optimiser.

        Raises:
            InvalidInput: If the number of weights is not a positive multiple of 6, or a weight is not finite.

        Example:
            >>> Correction.of_vector(np.zeros(12)).inner.shape
            (2, 4)
        """
        hidden, rest = divmod(len(vector), _INPUTS + 2)
        if rest or not hidden or not np.isfinite(vector).all():
            raise InvalidInput(f"there are {len(vector)} weights; give {_INPUTS + 2} finite ones per hidden unit.")
        split = _INPUTS * hidden
        return cls(vector[:split].reshape(hidden, _INPUTS), vector[split : split + hidden], vector[split + hidden :])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Correction) and np.array_equal(self.vector(), other.vector())

    def __hash__(self) -> int:
        return hash(tuple(self.vector().tolist()))

    def vector(self) -> NDArray[np.float64]:
        """Vector of all weights, the inverse of `of_vector`, shape (6 hidden,)."""
        return np.concatenate([self.inner.ravel(), self.bias, self.outer])


@dataclass(frozen=True, slots=True)
class LearnedAcquisition:
    """Log-EI plus a correction, as a function of mean, standard deviation and the best value so far.

    Attributes:
        correction: Weights of the network.
        progress: Progress of the search.
        prior_std: Prior standard deviation of the objective, positive.
    """

    correction: Correction
    progress: Progress
    prior_std: float = 1.0

    def __call__(self, mean: NDArray[np.float64], std: NDArray[np.float64], best: NDArray[np.float64] | float) -> Value:
        """Acquisition of each candidate with its derivatives; larger is better.

        Args:
            mean: Posterior mean of the objective, to be minimised, shape (..., n).
            std: Posterior standard deviation, positive, shape (..., n).
            best: Best value so far, broadcast against `mean`.

        Example:
            >>> nothing = LearnedAcquisition(Correction.of_vector(np.zeros(12)), Progress(3, 20))
            >>> value = nothing(np.array([0.0]), np.array([1.0]), 0.0).value
            >>> bool(np.isclose(np.exp(value[0]), 0.398942))
            True
        """
        usual, left, correction = log_expected_improvement(mean, std, best), self.progress.left, self.correction
        if left == 0.0 or not correction.outer.any():
            return usual
        far = (best - mean) / std
        u, wide = np.clip(far, -_MAX_INPUT, _MAX_INPUT), np.log(std / self.prior_std)
        fixed = correction.bias + correction.inner[:, 2] * left
        fixed = fixed + correction.inner[:, 3] * (math.log(self.progress.done) / 3.0)
        value, by_u, by_wide = np.zeros_like(u), np.zeros_like(u), np.zeros_like(u)
        for weight, offset, to_u, to_wide in zip(
            left * correction.outer, fixed, correction.inner[:, 0] / 3.0, correction.inner[:, 1], strict=True
        ):
            bent = np.tanh(to_u * u + to_wide * wide + offset)
            slope = weight * (1.0 - bent * bent)
            value += weight * bent
            by_u += to_u * slope
            by_wide += to_wide * slope
        by_u = np.where(np.abs(far) < _MAX_INPUT, by_u, 0.0)
        return Value(usual.value + value, usual.by_mean - by_u / std, usual.by_std + (by_wide - by_u * u) / std)
