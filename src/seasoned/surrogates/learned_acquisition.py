"""A learned acquisition: log-EI and a correction that a small network has learned from whole searches.

    a(x) = log EI(x) + w2' tanh(W1 z(x) + b1),   z = (u / 3, log(std / prior std), left, log n / 3)

with u = (best - mean) / std, `left` the share of the trials that is still to come, and n the trials so far. Log-EI
looks one trial ahead; how much more a wide candidate is worth early, and a safe one late, is what whole searches can
teach. With w2 = 0 it is log-EI. The network is trained on samples of Gaussian processes
(`knowledge/acquisition_training.py`) in the manner of Volpp et al. (2020), Meta-learning acquisition functions for
transfer learning in Bayesian optimization, by an evolution strategy in the place of reinforcement learning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.surrogates.acquisition import log_expected_improvement

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Correction", "Progress", "learned_acquisition"]

_INPUTS: Final = 4
_FAR: Final = 12.0  # |u| beyond which candidates are alike to the network


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is.

    Attributes:
        done: Trials so far, at least 1.
        total: Trials in all.
    """

    done: int
    total: int


@dataclass(frozen=True, slots=True)
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

    def vector(self) -> NDArray[np.float64]:
        """All weights in one row; the inverse of `of_vector`."""
        return np.concatenate([self.inner.ravel(), self.bias, self.outer])


def learned_acquisition(
    correction: Correction,
    mean: NDArray[np.float64],
    std: NDArray[np.float64],
    best: NDArray[np.float64] | float,
    prior_std: NDArray[np.float64] | float,
    progress: Progress,
) -> NDArray[np.float64]:
    """What each candidate is worth; larger is better, shape of `mean`.

    Args:
        correction: The trained network.
        mean: Expected objective, to be minimised, shape (..., n).
        std: Its standard deviation, positive, shape (..., n).
        best: Best value so far, broadcast against `mean`.
        prior_std: Standard deviation before any trial, broadcast against `mean`.
        progress: How far the search is.

    Example:
        >>> nothing = Correction.of_vector(np.zeros(12))
        >>> value = learned_acquisition(nothing, np.array([0.0]), np.array([1.0]), 0.0, 1.0, Progress(3, 20))
        >>> bool(np.isclose(np.exp(value[0]), 0.398942))
        True
    """
    u = np.clip((best - mean) / std, -_FAR, _FAR)
    value = np.asarray(log_expected_improvement(best - u * std, std, best).value, dtype=np.float64)  # type: ignore[arg-type]
    left = 1.0 - progress.done / max(progress.total, progress.done)
    fixed = correction.bias + correction.inner[:, 2] * left + correction.inner[:, 3] * (math.log(progress.done) / 3.0)
    wide = np.log(std / prior_std)
    for weight, offset, by_u, by_width in zip(
        correction.outer, fixed, correction.inner[:, 0] / 3.0, correction.inner[:, 1], strict=True
    ):
        value += weight * np.tanh(by_u * u + by_width * wide + offset)
    return value
