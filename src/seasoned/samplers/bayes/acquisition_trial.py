"""A learned acquisition is used only where it has proved itself in this very search; otherwise log-EI is used.

Both name a candidate before each global step, and one of the two is tried. What the other candidate would have given is
not known, so both are judged by what the model of all trials so far expects of their candidates (GP-Hedge:
Hoffman, Brochu and de Freitas 2011, Portfolio allocation for Bayesian optimization, algorithm 2). A round's gain is

    r = (E[f(x_ei)] - E[f(x_learned)]) / spread of the scores so far.

The learned acquisition gets the next turn if it has been judged at least `least` times and the mean of r exceeds
`margin` standard errors; rounds in which both name the same candidate say nothing and do not count. Candidates are kept
with the trials, so that all drivers that read the log judge alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    Point = tuple[float, ...]

__all__ = ["Proof"]

_LEAST: Final = 4
_MARGIN: Final = 1.0
_TAG: Final = "named"
_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Proof:
    """What past rounds tell about the two acquisitions.

    Attributes:
        named: Candidates of past rounds in which the two differed, in the unit cube: (log-EI's, the learned one's).
        least: Rounds before the learned one may have a turn.
        margin: Standard errors by which it must be ahead.

    Example:
        >>> proof = Proof((((0.1,), (0.2,)),) * 4)
        >>> proof.trusted(lambda points: 1.0 - points[:, 0], 1.0), proof.trusted(lambda points: points[:, 0], 1.0)
        (True, False)
    """

    named: tuple[tuple[Point, Point], ...] = ()
    least: int = _LEAST
    margin: float = _MARGIN

    def __post_init__(self) -> None:
        if self.least < 2 or self.margin < 0.0:
            raise InvalidInput(f"least is {self.least} and margin is {self.margin}; give least >= 2 and margin >= 0.")

    @classmethod
    def of(cls, tags: Iterable[Mapping[str, Any]]) -> Proof:
        """From what was noted with trials (`note`)."""
        pairs = (tag[_TAG] for tag in tags if _TAG in tag)
        return cls(tuple((tuple(usual), tuple(learned)) for usual, learned in pairs))

    @staticmethod
    def note(usual: NDArray[np.float64], learned: NDArray[np.float64]) -> dict[str, Any]:
        """A round as plain data, to be noted with its trial; empty where both named one candidate.

        Example:
            >>> Proof.note(np.array([0.25]), np.array([0.5])), Proof.note(np.array([0.25]), np.array([0.25]))
            ({'named': [[0.25], [0.5]]}, {})
        """
        pair = [usual.round(_DIGITS).tolist(), learned.round(_DIGITS).tolist()]
        return {} if pair[0] == pair[1] else {_TAG: pair}

    def trusted(self, expected: Callable[[NDArray[np.float64]], NDArray[np.float64]], spread: float) -> bool:
        """Whether the learned acquisition has the next turn.

        Args:
            expected: The model's mean at points of shape (m, d), given all trials so far, to be minimised.
            spread: Standard deviation of the trials' scores, in the model's units.
        """
        if len(self.named) < self.least:
            return False
        usual, learned = (np.array([pair[side] for pair in self.named]) for side in (0, 1))
        gains = (expected(usual) - expected(learned)) / max(spread, 1e-12)
        error = float(gains.std(ddof=1)) / math.sqrt(len(gains))
        return bool(gains.mean() > self.margin * error and gains.mean() > 0.0)
