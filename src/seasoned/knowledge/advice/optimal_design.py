"""Which trials tell most about all other configurations: a greedy A-optimal design in the space of factors.

    z = V' w + m + e,   w ~ N(w0, S),   e_j ~ N(0, noise_j)

is what is believed of a new task (`factors.py`). A trial of configuration j lowers the sum of the variances of all
expected scores by

    |V' S v_j|^2 / (v_j' S v_j + noise_j),

and leaves S - S v_j v_j' S / (v_j' S v_j + noise_j). In turn the configuration is taken that lowers it most. What does
well on past tasks, as a portfolio does, is no such design: the best configurations may be much alike, and say little of
the others. It is for learning what a task is like, not for finding its best configuration soonest.

Source: Chaloner and Verdinelli (1995), Bayesian experimental design: a review, section 2.2; Yang et al. (2019), OBOE,
section 4.2, choose by a D-optimal one.
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
    """The configurations to try to learn most of a task, in order, shape (count,).

    Args:
        factors: Of the past tasks' scores, such as `MetricFunction.factors`.
        open_: Which configurations can be tried, shape (n,).
        count: How many.
        covariance: S, what is believed of the task's factors, shape (rank, rank), such as
            `TaskPrior.foretold(...).covariance`; the identity if left out.

    Raises:
        InvalidInput: If fewer configurations are open, or a shape is another.

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
