"""Which configuration of a pool to try next: the learned metric's choice, or that of a search without experience.

Both experts watch all trials. The share of the search without experience grows when the learned metric misjudges:
before each trial both predict where among the earlier scores the new one will fall, and by their errors e in [0, 1]

    share_k  ~  prior_k exp(-rate (e_k1 + e_k2 + ...)),

which is Hedge (Freund and Schapire 1997). To predict well is not yet to find: experience that says the opposite of what
is true predicts well, once it has seen some trials, and still looks in the wrong places. So a trial of the search
without experience counts twice: it also adds its relative rank among the earlier scores to that search's errors, and
1/2 to those of the metric. That search has a turn whenever its accumulated shares reach one; they begin with 0.7,
so that its first turn comes early (the sixth trial, if nothing speaks against the advice before) and tells whether the
advised trials are any good. So good advice is followed at once, and bad advice costs a few trials.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.performance_model.improvement_targets import Kinds
from seasoned.knowledge.transfer.cold_search import fit_pool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from seasoned.knowledge.performance_model.model import Belief, MetricFunction
    from seasoned.knowledge.transfer.cold_search import Pool

__all__ = ["Adviser", "AdviserState"]

_PRIOR: Final = 0.05  # share of the search without experience before any trial
_RATE: Final = 4.0
_CREDIT: Final = 0.7  # of the search without experience, towards its first turn, before any trial
_FAR: Final = 100.0  # log-odds beyond which a share is 0 or 1 to rounding
_LIKELY: Final = 32  # configurations of the best means, which join those that were good on past tasks
_DESIGN: Final = 3  # trials before the search without experience has a model


@dataclass(frozen=True, slots=True)
class AdviserState:
    """What was tried, and how well the experts predicted it.

    Attributes:
        rows: Configurations tried, in order.
        scores: Their scores, to be minimised.
        errors: Sums of the errors of the learned metric and of the search without experience.
        credit: Shares of the search without experience that it has not used yet.
        outside: Kind -> the least score of trials of other configurations than the pool's.
    """

    rows: tuple[int, ...] = ()
    scores: tuple[float, ...] = ()
    errors: tuple[float, float] = (0.0, 0.0)
    credit: float = _CREDIT
    outside: Mapping[int, float] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Share of the search without experience; never below its first one, so that it can prove its worth."""
        log_odds = math.log(_PRIOR / (1.0 - _PRIOR)) + _RATE * (self.errors[0] - self.errors[1])
        return max(_PRIOR, 1.0 / (1.0 + math.exp(-max(-_FAR, min(_FAR, log_odds)))))


@dataclass(frozen=True, slots=True)
class Adviser:
    """A pool of configurations and what is known of them.

    Args:
        metric: What past tasks teach about the configurations of the pool; None if nothing is known of them.
        pool: Their features.
        weights: How much each past task counts (`portfolio.conditioned`); equal if left out.
        seed: Of the search without experience, whose first trials are drawn by it if there is no metric: give another
            for each task, or all tasks begin with the same three.
        kinds: The kind of each configuration, if an ensemble is sought and not a single one (`goals.py`).
    """

    metric: MetricFunction | None
    pool: Pool
    weights: NDArray[np.float64] | None = None
    seed: int | tuple[int, ...] = 0
    kinds: Kinds = field(default_factory=Kinds)
    promising: NDArray[np.intp] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        some = np.empty(0, dtype=np.intp) if self.metric is None else self.metric.promising()
        object.__setattr__(self, "promising", some)

    def ask(self, state: AdviserState, open_: NDArray[np.bool_]) -> int:
        """The next configuration.

        Args:
            state: The state so far.
            open_: Which configurations can be tried, shape (n,).

        Raises:
            InvalidInput: If none is open.
        """
        rows = np.flatnonzero(open_)
        if not rows.size:
            raise InvalidInput("no configuration is left; stop, or give a larger pool.")
        if self.metric is None and len(state.rows) < _DESIGN:
            return int(rows[self._drawn(len(rows), len(state.rows))])
        if self.metric is None or _cold_turn(state):
            fitted = fit_pool(self.pool.points[list(state.rows)], np.array(state.scores))
            return int(rows[np.argmax(fitted.expected_gain(self.pool.points[rows]))])
        belief = self._belief(self.metric, state)
        likely = rows[np.argsort(belief.mean(rows), kind="stable")[:_LIKELY]]
        some = np.union1d(self.promising[open_[self.promising]], likely)
        return int(some[np.argmax(belief.expected_gain(some))])

    def _drawn(self, count: int, before: int) -> int:
        """One of `count` at random, from one random stream for each search, after the draws of the trials before."""
        rng = np.random.default_rng(self.seed)
        for place in range(before):
            rng.integers(count + before - place)
        return int(rng.integers(count))

    def gains(self, state: AdviserState, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """By how much each of some configurations is expected to beat the goal of its kind, by experience.

        Raises:
            InvalidInput: If there is no experience.
        """
        if self.metric is None:
            raise InvalidInput("there is no experience; the search without it knows no gains in regret.")
        return self._belief(self.metric, state).expected_gain(rows)

    def tell(
        self, state: AdviserState, row: int, score: float, *, cold: bool | None = None, whole: bool = True
    ) -> AdviserState:
        """The state after a trial.

        Args:
            state: Before it.
            row: Which configuration of the pool.
            score: What it reached, to be minimised.
            cold: Whether the search without experience had chosen it; if None, whether `ask` would have let it choose.
            whole: Whether the trial came to its end. If not, the score is a guess, by which no expert is judged.

        Raises:
            InvalidInput: If the score is not finite.
        """
        _check(score)
        told = replace(state, rows=(*state.rows, row), scores=(*state.scores, score))
        if self.metric is None:
            return told
        cold = _cold_turn(state) if cold is None else cold
        credit = min(state.credit + state.share - float(cold), 1.0)
        if len(state.rows) < _DESIGN or not whole:
            return replace(told, credit=credit)
        seen, tried = np.array(state.scores), np.array(told.rows)
        place = _place(seen, score)
        warm = self._belief(self.metric, state).standardised(tried).mean
        blind = fit_pool(self.pool.points[tried[:-1]], seen).predict(self.pool.points[tried]).mean
        errors = (state.errors[0] + _error(warm, place), state.errors[1] + _error(blind, place))
        if cold:
            errors = (errors[0] + 0.5, errors[1] + place)
        return replace(told, errors=errors, credit=credit)

    def tell_outside(self, state: AdviserState, score: float, *, cold: bool, kind: int = 0) -> AdviserState:
        """The state after a whole trial of a configuration that the pool lacks; neither expert had predicted it.

        Args:
            state: Before it.
            score: What it reached, to be minimised.
            cold: Whether the search without experience had chosen it.
            kind: Its kind.

        Raises:
            InvalidInput: If the score is not finite.
        """
        _check(score)
        least = min(score, state.outside.get(kind, math.inf))
        told = replace(state, outside={**state.outside, kind: least})
        if self.metric is None or not cold or len(state.rows) < _DESIGN:
            return told
        errors = (state.errors[0] + 0.5, state.errors[1] + _place(np.array(state.scores), score))
        return replace(told, errors=errors)

    def _belief(self, metric: MetricFunction, state: AdviserState) -> Belief:
        rows, scores = np.array(state.rows, dtype=np.intp), np.array(state.scores)
        return metric.condition(rows, scores, weights=self.weights, outside=state.outside, kinds=self.kinds)


def _check(score: float) -> None:
    if not math.isfinite(score):
        raise InvalidInput(f"a trial's score is {score}; give a finite one, for a failed trial one that is poor.")


def _cold_turn(state: AdviserState) -> bool:
    return len(state.rows) >= _DESIGN and state.credit + state.share >= 1.0


def _place(seen: NDArray[np.float64], score: float) -> float:
    """Relative rank among the earlier scores: 0 before all of them, 1 behind."""
    return float(np.mean(seen < score) + 0.5 * np.mean(seen == score))


def _error(means: NDArray[np.float64], place: float) -> float:
    """How far from its rank among the earlier trials, `place`, the last of the means puts the new one."""
    return abs(_place(means[:-1], float(means[-1])) - place)
