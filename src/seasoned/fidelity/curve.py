"""Early stopping by learning-curve extrapolation: a trial ends when it is unlikely to reach the best result.

An ensemble of shapes that fall from the first step to the last is fitted to the reported part of the curve:

    y(t) = a + b psi(t) + e,    psi(1) = 1,  psi(T) = 0,    e ~ N(0, s^2).

Here a is the value at the last step T, and b is the total gain from the first step to the last. psi is a power law
t^-c, a stretched exponential exp(-(k t)^d) (Weibull, Janoschek), a logarithm, or 0 (no gain). The constants c, k and d
lie on a grid. Given psi the model is linear. With a normal-inverse-gamma prior, the posterior of a is a Student t in
closed form. The shapes are weighted by their evidence (Bayesian model averaging). A shape with b <= 0 would rise and
gets weight 0. The trial is stopped when P(y(T) < best) < delta.

Sources: Domhan, Springenberg and Hutter (2015), Speeding up automatic hyperparameter optimization of deep neural
networks by extrapolation of learning curves, IJCAI. Shapes: table 1. Rule: section 3.2; the paper samples all constants
by MCMC. The conjugate linear model is from Bishop (2006), exercise 3.12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.fidelity.base import Decision, Fidelity, as_whole, check_count, check_steps, ladder
from seasoned.fidelity.reports import Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from seasoned.trials import Event, StudySpec

__all__ = ["Curve", "Forecast", "forecast"]

_POWERS: Final = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)  # grid of c
_RATES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)  # grid of k, in units of 1 / T
_STRETCHES: Final = (0.5, 1.0)  # grid of d
_PRECISION: Final = 0.01  # prior precision of a and b relative to the noise: the prior is ten times as wide
_NOISE: Final = 0.03  # prior guess of the noise s, as a share of the curve's range
_TINY: Final = 1e-150  # largest range or absolute value of a curve that counts as 0
_WEIGHT: Final = 1.0  # shape parameter of the inverse-gamma prior of s^2


@dataclass(frozen=True, slots=True)
class Curve(Fidelity[Record]):
    """Early stopping of trials that are unlikely to become the best.

    Attributes:
        min: The first step at which a trial may be stopped; a curve of fewer than four reports is not extrapolated.
        max: Steps of a complete trial.
        delta: Probability of becoming the best below which a trial is stopped.
        startup: Number of complete trials before any trial is stopped.

    Raises:
        InvalidInput: Unless 1 <= min <= max, 0 < delta < 1 and startup >= 1.

    Example:
        >>> Curve(min=4, max=52).levels
        (4, 6, 9, 14, 21, 31, 46, 52)
    """

    min: int = 4
    max: int = 81
    delta: float = 0.05
    startup: int = 3

    def __post_init__(self) -> None:
        as_whole(self, "min", "max", "startup")
        check_steps(self.min, self.max)
        if not 0 < self.delta < 1:
            raise InvalidInput(f"delta is {self.delta}; give a probability between 0 and 1.")
        check_count("startup", self.startup)

    @property
    def levels(self) -> tuple[int, ...]:
        """Steps at which curves are extrapolated, each about 1.5 times the previous one."""
        return ladder(self.min, self.max, 1.5)

    def init(self, spec: StudySpec) -> Record:  # noqa: ARG002 - the rule needs nothing of it
        """Return an empty record."""
        return Record()

    def tell(self, state: Record, events: Sequence[Event]) -> Record:
        """Fold the events in; curves that reach a level are extrapolated."""
        return state.tell(events, self._judge)

    def _judge(self, record: Record, number: int, step: int) -> Decision:
        curve = record.curves[number]
        before = max((at for at in curve if at != step), default=0)
        reached = any(before < level <= step for level in self.levels[:-1])
        if not reached or record.best is None or len(record.results) < self.startup or step >= self.max:
            return Decision.GO_ON
        if not math.isfinite(curve[step]):
            return Decision.STOP
        if curve[step] <= min(record.at_step.get(step, (math.inf,))):
            return Decision.GO_ON  # law 3: no complete trial was better at this step
        found = forecast(curve, self.max)
        hopeless = found is not None and found.probability_below(record.results[record.best]) < self.delta
        return Decision.STOP if hopeless else Decision.GO_ON

    def decide(self, state: Record, number: int, step: int) -> Decision:  # noqa: ARG002 - `tell` has judged it
        """See `Fidelity.decide`."""
        return state.verdict(number)

    def budget(self, state: Record, number: int) -> int:  # noqa: ARG002 - no trial pauses
        """Return `max`: no trial pauses."""
        return self.max


@dataclass(frozen=True, slots=True)
class Forecast:
    """Predicted value at the last step: a mixture of Student t distributions, one per shape psi.

    Attributes:
        weights: Mixture weights with sum 1, shape (m,).
        centres: Location of each component, shape (m,).
        scales: Scale of each component, shape (m,).
        freedom: Degrees of freedom of all components.
    """

    weights: NDArray[np.float64]
    centres: NDArray[np.float64]
    scales: NDArray[np.float64]
    freedom: float

    @property
    def mean(self) -> float:
        """Mean of the mixture."""
        return float(self.weights @ self.centres)

    def probability_below(self, value: float) -> float:
        """Return the probability that the value at the last step is smaller than `value`."""
        from scipy.special import stdtr

        return float(self.weights @ stdtr(self.freedom, (value - self.centres) / self.scales))


def forecast(curve: Mapping[int, float], last: int) -> Forecast | None:
    """Extrapolate a falling curve, step -> value, to step `last`; return None for fewer than four finite values.

    Example:
        >>> found = forecast({step: 0.2 + step**-0.5 for step in range(1, 20)}, 100)
        >>> abs(found.mean - 0.3) < 0.02, found.probability_below(0.2) < 0.05
        (True, True)
    """
    known = [(step, value) for step, value in curve.items() if math.isfinite(value) and 1 <= step <= last]
    if len(known) < 4:
        return None
    steps = np.array([step for step, _ in known])
    values = np.array([value for _, value in known])
    centre = float(values[-1])
    units = float(np.ptp(values)), abs(centre), 1.0  # a flat curve is scaled by its absolute value
    width = next(unit for unit in units if unit > _TINY)
    y = (values - centre) / width
    psi = _shapes(steps, last)
    n = len(y)
    # posterior precision of (a, b) for each shape: [[n + p, sum psi], [sum psi, sum psi^2 + p]]; all arrays (m,)
    one, cross, two = n + _PRECISION, psi.sum(axis=1), (psi**2).sum(axis=1) + _PRECISION
    determinant = one * two - cross**2
    sum_y, sum_psi_y = y.sum(), psi @ y
    a = (two * sum_y - cross * sum_psi_y) / determinant
    b = (one * sum_psi_y - cross * sum_y) / determinant
    shape = _WEIGHT + n / 2
    rest = _WEIGHT * _NOISE**2 + 0.5 * (y @ y - a * sum_y - b * sum_psi_y)
    evidence = -0.5 * np.log(determinant) - shape * np.log(rest)
    evidence[(b <= 0) & psi.any(axis=1)] = -np.inf  # a rising shape
    weights = np.exp(evidence - evidence.max())
    scales = np.sqrt(rest / shape * (1 + two / determinant))
    return Forecast(weights / weights.sum(), centre + width * a, width * scales, 2 * shape)


def _shapes(steps: NDArray[np.int64], last: int) -> NDArray[np.float64]:
    """Shapes psi at `steps`, as an array (m, n); psi is 1 at step 1 and 0 at step `last`."""
    at = np.concatenate([[1.0], steps, [last]])
    raw = [at**-power for power in _POWERS]
    raw += [np.exp(-((rate * at / last) ** stretch)) for rate in _RATES for stretch in _STRETCHES]
    raw.append(-np.log(at))
    whole = np.array([(shape - shape[-1]) / (shape[0] - shape[-1] or 1.0) for shape in raw] + [np.zeros(len(at))])
    return whole[:, 1:-1]
