"""Heads: Gaussian models of seconds and failures of configurations on a new task, in addition to the learned metric.

A head is the low-rank model of `low_rank.py` for a table of any quantity, conditioned on the trials of a new task:

    x = mean + V' w + e,   w | trials ~ N,   with V and the noise of each configuration learned from past tasks.

Seconds are modelled as log10. A large task slows all configurations, so that the first factor is the size of the task,
and one trial informs about all configurations. Failures are modelled as 0 and 1. If most risks are small, a linear
model ranks risks as well as a logistic model, and needs no iteration. Task weights by similarity
(`portfolio.conditioned`) can replace the equal weights of the prior mean.
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

_MOST_RANK: Final = 10  # largest number of factors
_TASKS_PER_FACTOR: Final = 8  # least number of past tasks for each factor


@dataclass(frozen=True, slots=True)
class Head:
    """Low-rank Gaussian model of one quantity, fitted to past tasks.

    Attributes:
        factors: The low-rank model.
        low: Smallest predicted mean.
        high: Largest predicted mean.
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
        """Predict mean and standard deviation of configurations on a new task, each of shape (m,).

        Args:
            columns: Indices of the m configurations to predict.
            rows: Indices of the configurations tried on the new task, shape (t,).
            values: Observed values of these trials, shape (t,).
            weights: Task weights of the prior mean, shape (tasks,); equal if None.

        Raises:
            InvalidInput: If rows and values differ in number, or a value is not finite.
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
    """Fit a head to past tasks.

    Args:
        table: Observed values, NaN where missing, shape (tasks, n). Each task and each configuration has a value.
        bounds: True where a value is only a lower bound, such as the seconds of a stopped trial, shape (tasks, n);
            None for no bounds.

    Raises:
        InvalidInput: If there are fewer than 3 tasks, or a task or a configuration has no value.

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
    """Fit a head for log10 seconds; times below a millisecond count as a millisecond.

    Args:
        seconds: Observed seconds, NaN where missing, shape (tasks, n).

    Raises:
        InvalidInput: If there are fewer than 3 tasks, or a task or a configuration has no value.
    """
    return fit_head(np.log10(np.maximum(seconds, 1e-3)))


def fit_failures(failed: NDArray[np.bool_] | NDArray[np.floating]) -> Head:
    """Fit a head for the probability of failure, in [0, 1].

    Args:
        failed: 1 for a failure and 0 for a success, NaN where not tried, shape (tasks, n).

    Raises:
        InvalidInput: If there are fewer than 3 tasks, or a task or a configuration has no value.
    """
    head = fit_head(np.asarray(failed, dtype=np.float64))
    return Head(head.factors, 0.0, 1.0)
