"""Test of meta-features on past tasks: task weights by meta-features are used only if they reduced the regret.

The test is leave-one-task-out. For each past task s with meta-features, a greedy portfolio of the other tasks is built
twice: with equal weights, and with weights by the meta-features of s (`task_prior.py`). Meta-features are trusted if

    mean_s d_s  >  std_s(d_s) / sqrt(S),    d_s = regret_s (equal weights) - regret_s (by meta-features).

This is the one-standard-error rule, which prefers the simpler rule, equal weights (Breiman et al. 1984, section 3.4.3).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.knowledge.performance_model.model import MetricFunction
    from seasoned.knowledge.performance_model.task_prior import TaskPrior

__all__ = ["trusted"]

_PICKS: Final = 5  # portfolio members over which the regret is averaged


def trusted(prior: TaskPrior | None, metric: MetricFunction) -> TaskPrior | None:
    """Return the prior, with trust 0 if its task weights did not reduce the regret on past tasks.

    Args:
        prior: Task prior of the same tasks as `metric`; None (too few tasks with meta-features) is returned unchanged.
        metric: Learned metric of the past tasks.

    Example:
        >>> from seasoned.knowledge.performance_model.model import fit_metric
        >>> from seasoned.knowledge.performance_model.task_prior import fit_task_prior
        >>> rng = np.random.default_rng(0)
        >>> kind = rng.integers(2, size=60)
        >>> good = np.where(kind[:, None] == 0, np.arange(12), np.arange(12)[::-1])
        >>> metric = fit_metric(good + 0.1 * rng.normal(size=(60, 12)))
        >>> [
        ...     trusted(fit_task_prior(about, metric.factors), metric).trust > 0.0
        ...     for about in (kind[:, None] + 0.0, rng.normal(size=(60, 1)))
        ... ]
        [True, False]
    """
    if prior is None:
        return None
    columns = metric.promising()
    reached = metric.reached[columns]
    known = metric.known[:, columns]
    tasks: list[int] = np.flatnonzero(prior.described).tolist()
    regrets = np.array(
        [
            [_regret(reached, known[task], _shares(prior, place, trust), task) for trust in (0.0, prior.trust)]
            for place, task in enumerate(tasks)
        ]
    )
    gains = regrets[:, 0] - regrets[:, 1]
    proven = gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains))
    return prior if proven else replace(prior, trust=0.0)


def _shares(prior: TaskPrior, place: int, trust: float) -> NDArray[np.float64]:
    """Weights of the past tasks for a described task, which has weight 0 itself, shape (tasks,), summing to 1."""
    shares = np.full(len(prior.described), (1.0 - trust) / len(prior.described))
    shares[prior.described] += trust * prior.alike(prior.left_out[place])
    shares[np.flatnonzero(prior.described)[place]] = 0.0
    shares /= shares.sum()
    return shares


def _regret(reached: NDArray[np.float64], open_: NDArray[np.bool_], shares: NDArray[np.float64], task: int) -> float:
    """Mean regret of a past task over the first picks of a greedy portfolio; `reached` has shape (n, tasks)."""
    best, own, free, total = np.zeros(len(shares)), 0.0, open_.copy(), 0.0
    for _ in range(_PICKS):
        if free.any():
            rows = np.flatnonzero(free)
            pick = rows[np.argmax(np.maximum(best - reached[rows], 0.0) @ shares)]
            free[pick] = False
            best, own = np.minimum(best, reached[pick]), min(own, float(reached[pick, task]))
        total += 1.0 + own
    return total / _PICKS
