"""Out-of-fold predictions of the ensemble: the data for calibration, thresholds, intervals and the report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["OutOfFold", "placed"]


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Rows with their truth and the weighted mean of the members' out-of-fold predictions.

    Attributes:
        rows: Row indices in the table, shape (n,), ascending.
        truth: Class codes or numbers, shape (n,).
        predicted: Probabilities, shape (n, classes), or numbers, shape (n,).
        weights: Row weights, shape (n,); None for equal weights.
        parts: Cross-fitting part of each row, from 0 on, shape (n,). Rows of one fold are in one part, which keeps
            groups and times apart. Fewer than three folds give five random parts, which keep groups apart as well.
        each: Out-of-fold predictions of each member, shape (n, members, classes) or (n, members). None if not
            requested, too large, or of a single member.
        shares: Weights of the members in the mean, shape (members,); None without `each`.
        groups: Group of each row, from 0 on, shape (n,); rows of one group have similar errors. None without groups.
        drawn: True if row weights differ only because some classes are overrepresented in these rows.
    """

    rows: NDArray[np.int64]
    truth: NDArray[Any]
    predicted: Array
    weights: Array | None
    parts: NDArray[np.int64]
    each: NDArray[np.floating] | None = None
    shares: Array | None = None
    groups: NDArray[np.int64] | None = None
    drawn: bool = False

    @property
    def mass(self) -> Array:
        """Row weights, 1 on average, shape (n,)."""
        return np.ones(len(self.truth)) if self.weights is None else self.weights / self.weights.mean()

    @property
    def worth(self) -> float:
        """Effective sample size (sum w)^2 / sum w^2 (Kish 1965), of groups if there are any, otherwise of rows."""
        mass = self._together(self.mass)
        return float(mass.sum() ** 2 / (mass**2).sum())

    def error_of(self, gain: Array, mean: float) -> float:
        """Return the standard error of the mean gain of rows, shape (n,); with groups, from the sums over groups.

        Source: Liang and Zeger (1986, Longitudinal data analysis using generalized linear models, Biometrika 73).
        """
        return float(np.sqrt(np.sum(self._together(self.mass * (gain - mean)) ** 2))) / float(self.mass.sum())

    def _together(self, values: Array) -> Array:
        """Return the sums over groups; without groups, the values themselves."""
        return values if self.groups is None else np.bincount(self.groups, values).astype(np.float64)

    def replaced(self, predicted: Array) -> OutOfFold:
        """Return the same rows with other predictions of the ensemble."""
        return replace(self, predicted=predicted, each=None, shares=None)


def placed(found: NDArray[np.floating], kept: NDArray[np.bool_]) -> NDArray[np.floating]:
    """Return predictions for all rows: `found` where the mask `kept` is true, otherwise NaN."""
    whole: NDArray[np.floating] = np.full((len(kept), *found.shape[1:]), np.nan, found.dtype)
    whole[kept] = found
    return whole
