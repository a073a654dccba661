"""Adviser: chooses the next configuration of a pool by mixing two experts, the learned metric and a cold search.

The cold search is Bayesian optimisation without experience. Both experts learn from all trials. Before each trial, both
predict the rank of the new score among the earlier scores. Their errors e in [0, 1] weight the experts by Hedge
(Freund and Schapire 1997):

    share_k  ~  prior_k exp(-rate (e_k1 + e_k2 + ...)).

Prediction errors alone are not enough: misleading experience can predict well after some trials, and still suggest poor
configurations. Therefore a trial of the cold search adds to the errors a second time. Its relative rank among the
earlier scores is added to the error of the cold search, and 1/2 to the error of the metric.

The cold search chooses a trial whenever its accumulated shares reach 1. The accumulated shares start at 0.7, so that
the cold search has its first trial early: the sixth trial, unless the metric has the larger errors by then. This trial
tests the advice. Good advice is followed from the first trial, and bad advice costs only a few trials.
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
    from seasoned.knowledge.transfer.cold_search import CandidateSet

__all__ = ["Adviser", "AdviserState"]

_PRIOR: Final = 0.05  # share of the cold search before the first trial
_RATE: Final = 4.0  # learning rate of Hedge, per unit of error
_CREDIT: Final = 0.7  # accumulated shares of the cold search before the first trial; a trial costs 1
_MAX_LOG_ODDS: Final = 100.0  # log-odds beyond which a share is 0 or 1 to rounding
_LIKELY: Final = 32  # candidates by posterior mean, in addition to the configurations that were good on past tasks
_DESIGN: Final = 3  # trials of the initial design, before the cold search has a model


@dataclass(frozen=True, slots=True)
class AdviserState:
    """State of an adviser: the trials so far, and the accumulated prediction errors of both experts.

    Attributes:
        rows: Indices of the tried configurations in the pool, in the order of the trials.
        scores: Scores of these trials, to be minimised.
        errors: Accumulated errors of the learned metric and of the cold search.
        credit: Accumulated shares of the cold search that have not been spent on a trial.
        outside: Kind -> the lowest score among trials of configurations that are not in the pool.
    """

    rows: tuple[int, ...] = ()
    scores: tuple[float, ...] = ()
    errors: tuple[float, float] = (0.0, 0.0)
    credit: float = _CREDIT
    outside: Mapping[int, float] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Share of the cold search. It never falls below the prior share, so that the cold search is always tried."""
        log_odds = math.log(_PRIOR / (1.0 - _PRIOR)) + _RATE * (self.errors[0] - self.errors[1])
        return max(_PRIOR, 1.0 / (1.0 + math.exp(-max(-_MAX_LOG_ODDS, min(_MAX_LOG_ODDS, log_odds)))))


@dataclass(frozen=True, slots=True)
class Adviser:
    """Adviser for one task: chooses among the configurations of a pool.

    Args:
        metric: The learned metric of the configurations in the pool; None without experience.
        pool: Features of the configurations.
        weights: Weights of the past tasks (`portfolio.conditioned`), shape (tasks,); equal if None.
        seed: Seed of the initial design, which is random if `metric` is None. Pass another seed for each task;
            otherwise all tasks begin with the same three configurations.
        kinds: Kind of each configuration, if the search builds an ensemble (`improvement_targets.py`).
    """

    metric: MetricFunction | None
    pool: CandidateSet
    weights: NDArray[np.float64] | None = None
    seed: int | tuple[int, ...] = 0
    kinds: Kinds = field(default_factory=Kinds)
    promising: NDArray[np.intp] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        some = np.empty(0, dtype=np.intp) if self.metric is None else self.metric.promising()
        object.__setattr__(self, "promising", some)

    def ask(self, state: AdviserState, open_: NDArray[np.bool_]) -> int:
        """Return the index of the next configuration.

        Args:
            state: The current state.
            open_: True for configurations that can be tried, shape (n,).

        Raises:
            InvalidInput: If no configuration is open.
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
        """Draw an index below `count`; the random stream continues after the draws of the `before` earlier trials."""
        rng = np.random.default_rng(self.seed)
        for place in range(before):
            rng.integers(count + before - place)
        return int(rng.integers(count))

    def gains(self, state: AdviserState, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Expected improvement of configurations on the target of their kind, by the learned metric, shape (m,).

        Args:
            state: The current state.
            rows: Indices of the configurations, shape (m,).

        Raises:
            InvalidInput: If the adviser has no learned metric.
        """
        if self.metric is None:
            raise InvalidInput("there is no experience; the search without it knows no gains in regret.")
        return self._belief(self.metric, state).expected_gain(rows)

    def tell(
        self, state: AdviserState, row: int, score: float, *, cold: bool | None = None, whole: bool = True
    ) -> AdviserState:
        """Return the state after a trial.

        Args:
            state: The state before the trial.
            row: Index of the configuration in the pool.
            score: Score of the trial, to be minimised.
            cold: True if the cold search chose the configuration; None means: as `ask` decides in this state.
            whole: True if the trial was complete. The score of an incomplete trial is an estimate and adds to no error.

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
        """Return the state after a complete trial of a configuration outside the pool, which no expert can predict.

        Args:
            state: The state before the trial.
            score: Score of the trial, to be minimised.
            cold: True if a search without experience chose the configuration.
            kind: Kind of the configuration.

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
    """Relative rank of `score` among the earlier scores: 0 if it is the best, 1 if it is the worst."""
    return float(np.mean(seen < score) + 0.5 * np.mean(seen == score))


def _error(means: NDArray[np.float64], place: float) -> float:
    """Error of the predicted rank: the rank of the last mean among the other means, against the true rank `place`."""
    return abs(_place(means[:-1], float(means[-1])) - place)
