"""Seconds and failures of configurations on a new task: Gaussian heads beside the learned metric.

A head is the low-rank model of `factors.py` on a table of any numbers, conditioned on a new task's trials:

    x = mean + V' w + e,   w | trials ~ N,   with V and the noise per configuration learned from past tasks.

Seconds are modelled as log10: what makes a task slow makes all its configurations slower, so that the first factor is
the task's size and one trial tells much about all others. Failures are modelled as 0 and 1; a linear model of a
probability ranks risks as well as a logistic one where most are small, and needs no iteration. Without trials, and with
meta-features, the past tasks' mean is weighted by similarity (`portfolio.conditioned`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.performance_model.low_rank import Factors, fit_factors
from seasoned.knowledge.performance_model.model import Prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Head", "fit_failures", "fit_head", "fit_seconds"]

_MOST_RANK: Final = 10
_TASKS_PER_FACTOR: Final = 8


@dataclass(frozen=True, slots=True)
class Head:
    """What past tasks teach about one number.

    Attributes:
        factors: Which configurations go together.
        low: Least number that is predicted.
        high: Largest one.
    """

    factors: Factors
    low: float
    high: float

    def predict(
        self,
        columns: NDArray[np.intp],
        rows: NDArray[np.intp],
        values: NDArray[np.float64],
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Prediction:
        """Mean and spread for some configurations, each of shape (columns,).

        Args:
            columns: The configurations asked for.
            rows: Those tried on the new task.
            values: What was seen there, shape (rows,).
            weights: How much each past task counts for the prior mean; equal if left out.

        Raises:
            InvalidInput: If rows and values differ in number or a value is not finite.
        """
        if len(rows) != len(values) or not np.isfinite(values).all():
            raise InvalidInput(f"there are {len(rows)} rows and values {values}; give one finite value per row.")
        factors = self.factors
        mean = factors.mean if weights is None else weights @ factors.completed / weights.sum()
        loadings = factors.loadings[:, columns]
        own = np.einsum("ij,ij->j", loadings, loadings) + factors.noise[columns]
        middle = mean[columns]
        if len(rows):
            v = factors.loadings[:, rows]
            across = loadings.T @ v
            inverse = np.linalg.inv(v.T @ v + np.diag(factors.noise[rows]))
            middle = middle + across @ inverse @ (values - mean[rows])
            own = own - np.einsum("ij,jk,ik->i", across, inverse, across, optimize=True)
        return Prediction(np.clip(middle, self.low, self.high), np.sqrt(np.maximum(own, 1e-12)))


def fit_head(table: NDArray[np.float64], bounds: NDArray[np.bool_] | None = None) -> Head:
    """Learn a head from past tasks.

    Args:
        table: NaN where not seen, shape (tasks, configurations); each task and each configuration has a value.
        bounds: Which values are only lower bounds, such as the seconds of what was cut off; none if left out.

    Raises:
        InvalidInput: If there are fewer than 3 tasks, or a task or configuration without any value.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> table = rng.normal(size=(30, 1)) + np.arange(5.0)
        >>> head = fit_head(table)
        >>> head.predict(np.array([0, 4]), np.array([2]), np.array([3.0])).mean.round(1).tolist()
        [1.0, 5.0]
    """
    known = np.isfinite(table)
    if len(table) < 3 or not known.any(axis=0).all() or not known.any(axis=1).all():
        raise InvalidInput(
            f"the table is {table.shape}; give at least 3 tasks, no task or configuration without a value."
        )
    rank = max(1, min(_MOST_RANK, len(table) // _TASKS_PER_FACTOR))
    whole = table if bounds is None else np.where(bounds, np.inf, table)
    high = float(np.nanmax(table))
    return Head(fit_factors(table, rank, bounds=bounds), min(float(np.nanmin(whole)), high), high)


def fit_seconds(seconds: NDArray[np.float64]) -> Head:
    """A head for log10 seconds; times below a millisecond count as one.

    Args:
        seconds: NaN where not seen, shape (tasks, configurations).
    """
    return fit_head(np.log10(np.maximum(seconds, 1e-3)))


def fit_failures(failed: NDArray[np.bool_] | NDArray[np.floating]) -> Head:
    """A head for the probability of failure, in [0, 1].

    Args:
        failed: Whether it failed, NaN where it was not tried, shape (tasks, configurations).
    """
    head = fit_head(np.asarray(failed, dtype=np.float64))
    return Head(head.factors, 0.0, 1.0)
