"""A learned acquisition: log-EI and a correction that a small network has learned from whole searches.

    a(x) = log EI(x) + left w2' tanh(W1 z(x) + b1),   z = (u / 3, log(std / prior std), left, log n / 3)

with u = (best - mean) / std, n the trials so far, and `left` the share of all trials that come after the next one.
Log-EI looks one trial ahead, which is right for the last one, where the correction is 0; how much more an uncertain
candidate, or a safe one, is worth earlier is what whole searches can teach. With w2 = 0 it is log-EI. The network is
trained on samples of Gaussian processes and on stored studies (`knowledge/acquisition_training.py`) in the manner of
Volpp et al. (2020), Meta-learning acquisition functions for transfer learning in Bayesian optimization, by an evolution
strategy in the place of reinforcement learning.
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

_INPUTS: Final = 4
_FAR: Final = 12.0  # |u| beyond which candidates look alike to the network


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is.

    Attributes:
        done: Trials so far, at least 1.
        total: Trials in all.
    """

    done: int
    total: int

    @property
    def left(self) -> float:
        """The share of all trials that come after the next one.

        Example:
            >>> Progress(5, 20).left, Progress(19, 20).left
            (0.7, 0.0)
        """
        return max(self.total - self.done - 1, 0) / max(self.total, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """The network's weights.

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
        """From all weights in one row, as an optimiser has them; shape (6 hidden,).

        Raises:
            InvalidInput: If their number is no multiple of 6, or one is not finite.

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
        """All weights in one row; the inverse of `of_vector`."""
        return np.concatenate([self.inner.ravel(), self.bias, self.outer])


@dataclass(frozen=True, slots=True)
class LearnedAcquisition:
    """Log-EI with a correction, as a function of mean, standard deviation and the best value so far.

    Attributes:
        correction: The trained network.
        progress: How far the search is.
        prior_std: Standard deviation of the objective before any trial, positive.
    """

    correction: Correction
    progress: Progress
    prior_std: float = 1.0

    def __call__(self, mean: NDArray[np.float64], std: NDArray[np.float64], best: NDArray[np.float64] | float) -> Value:
        """What each candidate is worth, and its derivatives; larger is better, all of the shape of `mean`.

        Args:
            mean: Expected objective, to be minimised, shape (..., n).
            std: Its standard deviation, positive, shape (..., n).
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
        u, wide = np.clip(far, -_FAR, _FAR), np.log(std / self.prior_std)
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
        by_u = np.where(np.abs(far) < _FAR, by_u, 0.0)
        return Value(usual.value + value, usual.by_mean - by_u / std, usual.by_std + (by_wide - by_u * u) / std)
