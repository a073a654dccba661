"""Global step by log-EI, or by the learned acquisition once it has proved better in this search.

Before each global step, both acquisitions propose a candidate, and one candidate is tried. Candidates are stored in the
trials' tags, so all drivers that read the log make the same decision.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.samplers.bayes.steps import global_step
from seasoned.surrogates.acquisition.learned import LearnedAcquisition, Progress
from seasoned.surrogates.gp.hyperpriors import SIGNAL
from seasoned.surrogates.gp.process import posterior

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from seasoned.samplers.bayes.steps import StepInputs
    from seasoned.surrogates.acquisition.learned import Correction
    from seasoned.surrogates.gp.regression import Regression

    Point = tuple[float, ...]

__all__ = ["AcquisitionTrial", "learned_step"]

_MIN_BLOCKS: Final = 4
_MARGIN: Final = 1.0
_TAG: Final = "named"
_DIGITS: Final = 6  # decimal places of stored candidates
_USUAL: Final = "log_ei"


@dataclass(frozen=True, slots=True)
class AcquisitionTrial:
    """Record of past rounds of the two acquisitions.

    The value of the candidate that was not tried is unknown. So both candidates of a round are judged by the posterior
    mean of the model of all trials so far (GP-Hedge: Hoffman, Brochu and de Freitas 2011, Portfolio allocation for
    Bayesian optimization, algorithm 2). The gain of a round is

        r = (E[f(x_ei)] - E[f(x_learned)]) / spread of the scores so far.

    The learned acquisition is trusted after at least `least` rounds with different candidates, if the mean of r exceeds
    `margin` standard errors.

    Attributes:
        named: Candidates of past rounds with two different candidates, in the unit cube: (log-EI's, the learned one's).
        least: Number of rounds before the learned acquisition may be used.
        margin: Number of standard errors by which the mean gain must exceed 0.

    Example:
        >>> proof = AcquisitionTrial((((0.1,), (0.2,)),) * 4)
        >>> proof.trusted(lambda points: 1.0 - points[:, 0], 1.0), proof.trusted(lambda points: points[:, 0], 1.0)
        (True, False)
    """

    named: tuple[tuple[Point, Point], ...] = ()
    least: int = _MIN_BLOCKS
    margin: float = _MARGIN

    def __post_init__(self) -> None:
        if self.least < 2 or self.margin < 0.0:
            raise InvalidInput(f"least is {self.least} and margin is {self.margin}; give least >= 2 and margin >= 0.")

    @classmethod
    def of(cls, tags: Iterable[Mapping[str, Any]]) -> AcquisitionTrial:
        """Return the record of the rounds in the trials' tags (`note`)."""
        pairs = (tag[_TAG] for tag in tags if _TAG in tag)
        return cls(tuple((tuple(usual), tuple(learned)) for usual, learned in pairs))

    @staticmethod
    def note(usual: NDArray[np.float64], learned: NDArray[np.float64]) -> dict[str, Any]:
        """Return a round as plain data for the trial's tag; empty if both candidates are equal.

        Example:
            >>> AcquisitionTrial.note(np.array([0.25]), np.array([0.5]))
            {'named': [[0.25], [0.5]]}
            >>> AcquisitionTrial.note(np.array([0.25]), np.array([0.25]))
            {}
        """
        pair = [usual.round(_DIGITS).tolist(), learned.round(_DIGITS).tolist()]
        return {} if pair[0] == pair[1] else {_TAG: pair}

    def trusted(self, expected: Callable[[NDArray[np.float64]], NDArray[np.float64]], spread: float) -> bool:
        """Return True if the learned acquisition is used in the next step.

        Args:
            expected: Posterior mean of the loss at points of shape (m, d), from all trials so far.
            spread: Standard deviation of the trials' scores, in the model's units.
        """
        if len(self.named) < self.least:
            return False
        usual, learned = (np.array([pair[side] for pair in self.named]) for side in (0, 1))
        gains = (expected(usual) - expected(learned)) / max(spread, 1e-12)
        error = float(gains.std(ddof=1)) / math.sqrt(len(gains))
        return bool(gains.mean() > self.margin * error and gains.mean() > 0.0)


def learned_step(
    place: StepInputs, model: Regression, correction: Correction, done: int, budget: int
) -> tuple[NDArray[np.float64] | None, dict[str, Any]]:
    """Return the next point, shape (d,), and its tag.

    Args:
        place: Inputs of the step.
        model: Model of the loss.
        correction: Learned correction of log-EI.
        done: Number of earlier trials.
        budget: Total number of trials.
    """
    same = replace(place, rng=copy.deepcopy(place.rng))  # the same random candidates for both acquisitions
    usual = global_step(place, model, _USUAL)
    if usual is None:
        return None, {}
    prior_std = math.exp(0.5 * float(model.gp.theta[SIGNAL]))
    acquisition = LearnedAcquisition(correction, Progress(max(done, 1), budget), prior_std)
    learned = global_step(same, model, acquisition)
    note = {} if learned is None else AcquisitionTrial.note(usual, learned)
    if not note:
        return usual, {}
    trusted = AcquisitionTrial.of(place.seen.tags).trusted(
        lambda points: _expected(place, model, points), _spread(model)
    )
    return (learned, {**note, "by": "learned"}) if trusted else (usual, note)


def _expected(place: StepInputs, model: Regression, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Posterior mean at points of the cube, shape (m,)."""
    features = place.layout.features(*place.layout.snap(points))
    mean = posterior(model.gp, features).mean
    return mean if model.lean is None else mean + model.lean.at(features)


def _spread(model: Regression) -> float:
    return float(np.std(model.targets()))
