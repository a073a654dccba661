"""The members' out-of-fold predictions together: what calibration, thresholds, intervals and the report learn from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["Pooled", "placed"]


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """Rows with their truth and the weighted mean of what the members' trials predicted without having seen them.

    Attributes:
        rows: Which rows of the table, shape (n,), ascending.
        truth: Class codes or numbers, shape (n,).
        predicted: Probabilities, shape (n, classes), or numbers, shape (n,).
        weights: How much each row counts, shape (n,); None if all count the same.
        parts: The part of each row, from 0 on, shape (n,): what is learned for a part is learned from the others. Rows
            that were validated together are in one part, which keeps groups and times apart; where fewer than three
            folds validate, five random parts are made, which keep groups apart, too.
        each: What each member's trial predicted, shape (n, members, classes) or (n, members); None where it was not
            asked for or would be too large, or there is one member.
        shares: The members' weights in the mean, shape (members,); None without `each`.
        groups: The group of each row, from 0 on, shape (n,): rows of one group belong together and have similar errors;
            None where there are no groups.
        drawn: Whether rows count differently only because some classes are overrepresented among these rows.
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
        """How much each row counts, 1 on average, shape (n,)."""
        return np.ones(len(self.truth)) if self.weights is None else self.weights / self.weights.mean()

    @property
    def worth(self) -> float:
        """Effective sample size, (sum w)^2 / sum w^2 (Kish 1965), of rows, or of groups where there are any."""
        mass = self._together(self.mass)
        return float(mass.sum() ** 2 / (mass**2).sum())

    def error_of(self, gain: Array, mean: float) -> float:
        """The standard error of the mean gain of rows; where rows belong together, from the sums over groups.

        Liang and Zeger (1986, Longitudinal data analysis using generalized linear models, Biometrika 73).
        """
        return float(np.sqrt(np.sum(self._together(self.mass * (gain - mean)) ** 2))) / float(self.mass.sum())

    def _together(self, values: Array) -> Array:
        """Sums over groups; the values themselves where there are none."""
        return values if self.groups is None else np.bincount(self.groups, values).astype(np.float64)

    def replaced(self, predicted: Array) -> Pooled:
        """The same rows with other predictions of all members together."""
        return replace(self, predicted=predicted, each=None, shares=None)


def placed(found: NDArray[np.floating], kept: NDArray[np.bool_]) -> NDArray[np.floating]:
    """Predictions of the rows that were fitted to, among all that were given; NaN for the others."""
    whole: NDArray[np.floating] = np.full((len(kept), *found.shape[1:]), np.nan, found.dtype)
    whole[kept] = found
    return whole
