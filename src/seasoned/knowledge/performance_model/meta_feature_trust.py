"""Whether meta-features are trusted: if they have helped to choose on past tasks, each judged by the others.

For each past task s with meta-features, the first picks of the greedy portfolio of the other tasks are made twice: with
equal weights, and with weights by what meta-features say about s (`task_prior.py`). They are trusted if

    mean_s d_s  >  std_s(d_s) / sqrt(S),    d_s = regret_s (equal weights) - regret_s (by meta-features),

because within one standard error the simpler rule is chosen, the portfolio's (Breiman et al. 1984, section 3.4.3).
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

_PICKS: Final = 5


def trusted(prior: TaskPrior | None, metric: MetricFunction) -> TaskPrior | None:
    """The same prior, with no trust in it if it has not earned any; None if there is none.

    Args:
        prior: Of the tasks of the metric, with the trust that it may have; None where too few tasks are described.
        metric: What the past tasks teach.

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
    """How much the past tasks count for one of them, which does not count itself."""
    shares = np.full(len(prior.described), (1.0 - trust) / len(prior.described))
    shares[prior.described] += trust * prior.alike(prior.left_out[place])
    shares[np.flatnonzero(prior.described)[place]] = 0.0
    shares /= shares.sum()
    return shares


def _regret(reached: NDArray[np.float64], open_: NDArray[np.bool_], shares: NDArray[np.float64], task: int) -> float:
    """Mean regret of a past task after the first, the first two, ... picks; `reached` is configurations x tasks."""
    best, own, free, total = np.zeros(len(shares)), 0.0, open_.copy(), 0.0
    for _ in range(_PICKS):
        if free.any():
            rows = np.flatnonzero(free)
            pick = rows[np.argmax(np.maximum(best - reached[rows], 0.0) @ shares)]
            free[pick] = False
            best, own = np.minimum(best, reached[pick]), min(own, float(reached[pick, task]))
        total += 1.0 + own
    return total / _PICKS
