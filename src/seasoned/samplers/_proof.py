"""A learned acquisition is used only where it has proved itself in this very search; else log-EI is.

Both name a candidate before each trial, and one of the two is tried. What the other's would have given is not known, so
both are judged by what the model, refitted on all trials so far, expects of their candidates (GP-Hedge: Hoffman, Brochu
and de Freitas 2011, Portfolio allocation for Bayesian optimization, algorithm 2): the gain of a round is

    r = (E[f(x_ei)] - E[f(x_learned)]) / spread of the scores so far.

The learned acquisition has the next turn where it has been judged at least `least` times and the mean of r exceeds
`margin` standard errors; rounds in which both name the same candidate say nothing and do not count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Proof"]

_LEAST: Final = 4
_MARGIN: Final = 1.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known about the two; a fold of rounds.

    Attributes:
        named: Candidates of past rounds in which the two differed: (log-EI's, the learned one's).
        least: Rounds before the learned one may have a turn.
        margin: Standard errors by which it must be ahead.

    Example:
        >>> proof = Proof().named_by(3, 3).named_by(1, 2)
        >>> proof.named
        ((1, 2),)
        >>> proof.trusted(lambda rows: np.zeros(len(rows)), np.array([0.0, 1.0]))
        False
    """

    named: tuple[tuple[int, int], ...] = field(default=())
    least: int = _LEAST
    margin: float = _MARGIN

    def __post_init__(self) -> None:
        if self.least < 2 or self.margin < 0.0:
            raise InvalidInput(f"least is {self.least} and margin {self.margin}; give at least 2, and at least 0.")

    def named_by(self, usual: int, learned: int) -> Proof:
        """With one more round; the same where both named one candidate."""
        if usual == learned:
            return self
        return Proof((*self.named, (usual, learned)), self.least, self.margin)

    def trusted(self, expected: Callable[[NDArray[np.intp]], NDArray[np.float64]], scores: NDArray[np.float64]) -> bool:
        """Whether the learned acquisition has the next turn.

        Args:
            expected: The model's mean of some candidates, given all trials so far, to be minimised.
            scores: Of the trials, in the model's units.
        """
        if len(self.named) < self.least:
            return False
        pairs = np.array(self.named, dtype=np.intp)
        spread = max(float(np.std(scores)), 1e-12)
        gains = (expected(pairs[:, 0]) - expected(pairs[:, 1])) / spread
        error = float(gains.std(ddof=1)) / math.sqrt(len(gains))
        return bool(gains.mean() > self.margin * error and gains.mean() > 0.0)
