"""Sum of acquisition functions of fitted models, as a score to maximise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.surrogates.acquisition import functions
from seasoned.surrogates.gp.process import posterior

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from seasoned.surrogates.acquisition.functions import Value
    from seasoned.surrogates.cost import Cost
    from seasoned.surrogates.gp.prior_mean import ScaledPrior
    from seasoned.surrogates.gp.process import GaussianProcess, Moments

__all__ = ["ACQUISITIONS", "AcquisitionSum", "AcquisitionTerm"]


ACQUISITIONS: Final[dict[str, Callable[..., Value]]] = {
    "log_ei": functions.log_expected_improvement,
    "ei": functions.expected_improvement,
    "log_pi": functions.log_probability_of_improvement,
    "pi": functions.probability_of_improvement,
    "ucb": functions.upper_confidence_bound,
}
"""Name -> function of mean, standard deviation and a reference: the best value so far, or kappa for `ucb`."""


@dataclass(frozen=True, slots=True)
class AcquisitionTerm:
    """Term of an acquisition sum: a fitted model and an acquisition function.

    Attributes:
        gp: Model with the features (features - origin) / unit.
        acquisition: Name of one of `ACQUISITIONS`.
        reference: Last argument of the acquisition function.
        origin: Origin of the features, shape (p,); None for the features themselves.
        unit: Unit of the features, shape (p,); None for the features themselves.
        lean: Prior mean, if `gp` is a model of residuals; otherwise None.
    """

    gp: GaussianProcess
    acquisition: str
    reference: float
    origin: NDArray[np.float64] | None = None
    unit: NDArray[np.float64] | None = None
    lean: ScaledPrior | None = None

    def _own(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return features if self.origin is None or self.unit is None else (features - self.origin) / self.unit

    def _moments(self, features: NDArray[np.float64], *, gradient: bool) -> Moments:
        moments = posterior(self.gp, self._own(features), gradient=gradient)
        return moments if self.lean is None else self.lean.added(moments, features)

    def _at(self, moments: Moments) -> Value:
        return ACQUISITIONS[self.acquisition](moments.mean, moments.std, self.reference)

    def value(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Acquisition at features of shape (m, p), shape (m,)."""
        return self._at(self._moments(features, gradient=False)).value

    def gradient(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Acquisition, shape (m,), and derivatives by the numeric features, shape (m, numeric)."""
        moments = self._moments(features, gradient=True)
        assert moments.mean_gradient is not None
        assert moments.std_gradient is not None
        found = self._at(moments)
        slopes = found.by_mean[:, None] * moments.mean_gradient + found.by_std[:, None] * moments.std_gradient
        return found.value, slopes if self.unit is None else slopes / self.unit[: slopes.shape[1]]


@dataclass(frozen=True, slots=True)
class AcquisitionSum:
    """Sum of several acquisitions.

    For log EI and log probabilities of satisfied constraints, the sum is the log of the acquisition of Gardner et al.
    (2014), Bayesian optimization with inequality constraints, eq. 5.

    Attributes:
        parts: Terms of the sum, with at least one `AcquisitionTerm`.
    """

    parts: tuple[AcquisitionTerm | Cost, ...]

    def value(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score at features of shape (m, p), shape (m,)."""
        return np.asarray(np.sum([part.value(features) for part in self.parts], axis=0))

    def gradient(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Score, shape (m,), and derivatives by the numeric features, shape (m, numeric)."""
        found = [part.gradient(features) for part in self.parts]
        width = min(slopes.shape[1] for _, slopes in found)
        slopes = np.sum([slopes[:, :width] for _, slopes in found], axis=0)
        return np.sum([value for value, _ in found], axis=0), slopes
