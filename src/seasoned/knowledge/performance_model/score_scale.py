"""Where the scores of a new task lie, when only a few are known: hypotheses about its median and gap.

A hypothesis (m, g) says that the task's median is m and its best lies g below (`regret.py`). It turns the trials y into
z = (y - m)/g, which the past tasks find likely or not (`mixture.py`). Hypotheses stand on a grid over log g and the
regret v of the best trial, m = y_min + g (1 - v); their prior is a kernel density over the past tasks' (m, log g),
mixed with a flat one, so that scores on another scale than all before are only unlikely, not impossible.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.knowledge.performance_model.regret import Level, compress

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Hypotheses", "hypotheses"]

_GAPS: Final = 15
_REGRETS: Final = np.concatenate([np.linspace(0.0, 1.0, 17) ** 1.5, [1.15, 1.4, 1.8, 2.5, 4.0]])
_NARROWEST: Final = 0.1  # least spread of the medians that is assumed, in gaps
_FLAT: Final = 0.02  # share of the flat prior


@dataclass(frozen=True, slots=True)
class Hypotheses:
    """A grid of h hypotheses, and what each makes of t trials.

    Attributes:
        level: Median and gap, each of shape (h,).
        prior: Logarithms of prior masses, shape (h,).
        z: Compressed scores of the trials, shape (t, h).
        slopes: Logarithm of |dz/dy|, summed over the trials, shape (h,).
    """

    level: Level
    prior: NDArray[np.float64]
    z: NDArray[np.float64]
    slopes: NDArray[np.float64]


def hypotheses(scores: NDArray[np.float64], past: Level) -> Hypotheses:
    """The grid after at least one trial.

    Args:
        scores: Of the trials, finite, shape (t,).
        past: Levels of the past tasks.
    """
    level, prior = _grid(float(scores.min()), past)
    raw = (scores[:, None] - level.median) / level.gap
    slopes = -len(scores) * np.log(level.gap) - np.log1p(np.maximum(raw, 0.0)).sum(axis=0)
    return Hypotheses(level, prior, compress(raw), slopes)


def _grid(best: float, past: Level) -> tuple[Level, NDArray[np.float64]]:
    """Hypotheses and the logarithms of their prior masses."""
    logs = np.log(past.gap)
    spread = max(float(logs.std()), 0.3)
    gaps = np.exp(np.linspace(logs.min() - 0.5 * spread, logs.max() + 0.5 * spread, _GAPS))
    gap, v = (side.ravel() for side in np.meshgrid(gaps, _REGRETS, indexing="ij"))
    level = Level(best + gap * (1.0 - v), gap)
    width = np.gradient(_REGRETS)
    mass = np.log(np.broadcast_to(width, (_GAPS, len(width))).ravel()) + np.log(gap)  # dm = gap dv
    return level, mass + np.log(_density(level, past))


def _density(level: Level, past: Level) -> NDArray[np.float64]:
    """Kernel density of (median, log gap) over the past tasks by Scott's rule, and a share of a flat one."""
    bandwidth = len(past.gap) ** (-1.0 / 6.0)
    wide = bandwidth * max(float(past.median.std()), _NARROWEST * float(np.median(past.gap)))
    tall = bandwidth * max(float(np.log(past.gap).std()), 0.1)
    a = (level.median[:, None] - past.median) / wide
    b = (np.log(level.gap)[:, None] - np.log(past.gap)) / tall
    kernel = np.exp(-0.5 * (a * a + b * b)).mean(axis=1) / (2.0 * np.pi * wide * tall)
    flat = 1.0 / (50.0 * wide * tall)
    density: NDArray[np.float64] = (1.0 - _FLAT) * kernel + _FLAT * flat
    return density
