"""Score scale of a new task: a grid of hypotheses about its median and gap, which few trials cannot determine.

Under a hypothesis (m, g), the median of the task is m and its best score is m - g (`regret.py`). The trials y become
z = (y - m)/g, and `task_mixture.py` computes their likelihood under each past task. The grid is over log g and the
regret v of the best trial, with m = y_min + g (1 - v). The prior is a kernel density over (m, log g) of the past tasks,
mixed with a flat density. So scores on a new scale are unlikely, and not impossible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.knowledge.performance_model.regret import Level, compress

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Hypotheses", "hypotheses"]

_GAPS: Final = 15  # grid points of log g
_REGRETS: Final = np.concatenate([np.linspace(0.0, 1.0, 17) ** 1.5, [1.15, 1.4, 1.8, 2.5, 4.0]])
_NARROWEST: Final = 0.1  # least standard deviation of the medians in the prior, in median gaps
_FLAT: Final = 0.02  # share of the flat prior


@dataclass(frozen=True, slots=True)
class Hypotheses:
    """Grid of h level hypotheses, with the scores of t trials under each.

    Attributes:
        level: Median and gap of each hypothesis, each of shape (h,).
        prior: Log prior masses, shape (h,).
        z: Compressed scores of the trials, shape (t, h).
        slopes: log |dz/dy|, summed over the trials, shape (h,).
    """

    level: Level
    prior: NDArray[np.float64]
    z: NDArray[np.float64]
    slopes: NDArray[np.float64]


def hypotheses(scores: NDArray[np.float64], past: Level) -> Hypotheses:
    """Build the grid for at least one trial.

    Args:
        scores: Finite scores of the trials, shape (t,).
        past: Levels of the past tasks.
    """
    level, prior = _grid(float(scores.min()), past)
    raw = (scores[:, None] - level.median) / level.gap
    slopes = -len(scores) * np.log(level.gap) - np.log1p(np.maximum(raw, 0.0)).sum(axis=0)
    return Hypotheses(level, prior, compress(raw), slopes)


def _grid(best: float, past: Level) -> tuple[Level, NDArray[np.float64]]:
    """Levels of the grid, and log prior masses, shape (h,)."""
    logs = np.log(past.gap)
    spread = max(float(logs.std()), 0.3)
    gaps = np.exp(np.linspace(logs.min() - 0.5 * spread, logs.max() + 0.5 * spread, _GAPS))
    gap, v = (side.ravel() for side in np.meshgrid(gaps, _REGRETS, indexing="ij"))
    level = Level(best + gap * (1.0 - v), gap)
    width = np.gradient(_REGRETS)
    mass = np.log(np.broadcast_to(width, (_GAPS, len(width))).ravel()) + np.log(gap)  # dm = gap dv
    return level, mass + np.log(_density(level, past))


def _density(level: Level, past: Level) -> NDArray[np.float64]:
    """Prior density at each hypothesis, shape (h,): kernel density of (median, log gap) by Scott's rule, plus flat."""
    bandwidth = len(past.gap) ** (-1.0 / 6.0)
    wide = bandwidth * max(float(past.median.std()), _NARROWEST * float(np.median(past.gap)))
    tall = bandwidth * max(float(np.log(past.gap).std()), 0.1)
    a = (level.median[:, None] - past.median) / wide
    b = (np.log(level.gap)[:, None] - np.log(past.gap)) / tall
    kernel = np.exp(-0.5 * (a * a + b * b)).mean(axis=1) / (2.0 * np.pi * wide * tall)
    flat = 1.0 / (50.0 * wide * tall)
    density: NDArray[np.float64] = (1.0 - _FLAT) * kernel + _FLAT * flat
    return density
