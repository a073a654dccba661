"""Greedy A-optimal design: the trials that reduce the posterior variance of all configurations the most.

The model of a new task (`low_rank.py`) is

    z = V' w + m + e,   w ~ N(w0, S),   e_j ~ N(0, noise_j).

A trial of configuration j lowers the summed variance of all expected scores by

    |V' S v_j|^2 / (v_j' S v_j + noise_j),

and the posterior covariance is S - S v_j v_j' S / (v_j' S v_j + noise_j). Each step selects the configuration with the
largest decrease. The design explores a task; it does not search for the best configuration. A portfolio is no
substitute: its members are good on past tasks, and may be too similar to inform about the other configurations.

Source: Chaloner and Verdinelli (1995), Bayesian experimental design: a review, section 2.2. Yang et al. (2019), OBOE,
section 4.2, use a D-optimal design.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.knowledge.performance_model.low_rank import Factors

__all__ = ["informative"]


def informative(
    factors: Factors, open_: NDArray[np.bool_], count: int, covariance: NDArray[np.float64] | None = None
) -> NDArray[np.intp]:
    """Select the configurations of a greedy A-optimal design; return their indices in order, shape (count,).

    Args:
        factors: Low-rank model of the past tasks' scores, such as `MetricFunction.factors`.
        open_: True for configurations that can be tried, shape (n,).
        count: Number of configurations to select.
        covariance: Prior covariance S of the factor weights, shape (rank, rank), such as
            `TaskPrior.foretold(...).covariance`; the identity if None.

    Raises:
        InvalidInput: If fewer than `count` configurations are open, or a shape is wrong.

    Example:
        >>> from seasoned.knowledge.performance_model.low_rank import fit_factors
        >>> rng = np.random.default_rng(0)
        >>> factors = fit_factors(rng.normal(size=(60, 1)) @ np.array([[0.1, 0.2, 3.0]]), 1)
        >>> informative(factors, np.ones(3, dtype=bool), 1).tolist()  # the others follow it, on a smaller scale
        [2]
    """
    rank, n = factors.loadings.shape
    spread = np.eye(rank) if covariance is None else np.array(covariance, dtype=np.float64)
    if open_.shape != (n,) or spread.shape != (rank, rank):
        raise InvalidInput(
            f"open_ has shape {open_.shape} and covariance {spread.shape}; for {n} configurations and {rank} factors "
            f"give ({n},) and ({rank}, {rank})."
        )
    if not 0 < count <= open_.sum():
        raise InvalidInput(f"count is {count}, and {open_.sum()} configurations are open; give 1 to that many.")
    v, left = factors.loadings, open_.copy()
    gram = v @ v.T
    chosen = []
    for _ in range(count):
        across = spread @ v
        own = np.einsum("rj,rj->j", v, across) + factors.noise
        gains = np.where(left, np.einsum("rj,rj->j", across, gram @ across) / own, -np.inf)
        best = int(np.argmax(gains))
        chosen.append(best)
        left[best] = False
        spread = spread - np.outer(across[:, best], across[:, best]) / own[best]
    return np.array(chosen, dtype=np.intp)
