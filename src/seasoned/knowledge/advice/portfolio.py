"""Portfolios: a few configurations, one of which is good on almost every task.

The value of a set P over tasks t with weights w_t and losses l_tj in [0, worst] is

    f(P) = sum_t w_t max_{j in P} (worst - l_tj),

which is monotone and submodular, so that adding the best configuration again and again reaches at least 1 - 1/e of the
optimum (Nemhauser, Wolsey and Fisher 1978; as used by Feurer et al. 2022, Auto-sklearn 2.0, algorithm 1). Because gains
only fall as the set grows, old gains are upper bounds and few must be computed anew (Minoux 1978; Leskovec et al. 2007,
CELF). With costs and a budget, the better of the greedy set by gain and the one by gain per second is at least
(1 - 1/e)/2 of the optimum (Leskovec et al. 2007, theorem 3).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Portfolio", "conditioned", "distances_by_rank", "greedy", "similarity"]

_BATCH: Final = 64  # gains computed at a time
_LEAST_GAIN: Final = 1e-12  # gains below it are rounding error


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Configurations in the order in which to try them.

    Attributes:
        members: Their indices.
        expected: Mean loss after the first, the first two, ... of them over the tasks it was made from.
        seconds: Expected seconds until then; empty if no costs were given.
    """

    members: tuple[int, ...]
    expected: tuple[float, ...]
    seconds: tuple[float, ...] = ()

    def to_json(self) -> str:
        """As text.

        Example:
            >>> Portfolio.from_json(Portfolio((4, 2), (0.5, 0.25)).to_json())
            Portfolio(members=(4, 2), expected=(0.5, 0.25), seconds=())
        """
        return json.dumps({"members": self.members, "expected": self.expected, "seconds": self.seconds})

    @classmethod
    def from_json(cls, text: str) -> Portfolio:
        """From text; the inverse of `to_json`.

        Raises:
            InvalidInput: If the text is not that of a portfolio.
        """
        try:
            read: dict[str, Any] = json.loads(text)
            return cls(
                tuple(int(member) for member in read["members"]),
                tuple(float(value) for value in read["expected"]),
                tuple(float(value) for value in read["seconds"]),
            )
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidInput(f"{text[:40]!r} is not a portfolio ({error}); give what to_json wrote.") from error


def greedy(
    losses: NDArray[np.floating],
    size: int,
    *,
    weights: NDArray[np.float64] | None = None,
    seconds: NDArray[np.float64] | None = None,
    budget: float | None = None,
    worst: float = 1.0,
) -> Portfolio:
    """The greedy portfolio.

    Args:
        losses: Of past tasks, shape (tasks, configurations), such as regrets; what is above `worst` counts as `worst`,
            and so does NaN: a configuration that was not evaluated is taken to gain nothing.
        size: Largest number of members.
        weights: Of the tasks; equal if left out.
        seconds: Expected seconds per configuration, positive.
        budget: Seconds for all members together; needs `seconds`.
        worst: The loss before anything is tried.

    Raises:
        InvalidInput: If the shapes do not agree, or a budget comes without seconds.

    Example:
        >>> losses = np.array([[0.0, 1.0, 0.4], [1.0, 0.1, 0.4], [1.0, 0.9, 0.2]])
        >>> greedy(losses, 2).members
        (2, 0)
    """
    shares = _checked(losses, weights, seconds, budget)
    table = np.where(np.isnan(losses), worst, np.minimum(losses, worst)).T.astype(np.float64, order="C")
    ones = np.ones(len(table))
    spent = ones if seconds is None else seconds
    rules = [_Rule(size, worst, spent, math.inf if budget is None else budget, ones)]
    if budget is not None:
        rules.append(rules[0]._replace(per=spent))
    found = [_greedy(table, shares, rule) for rule in rules]
    best = min(found, key=lambda portfolio: portfolio.expected[-1] if portfolio.expected else worst)
    return best if seconds is not None else Portfolio(best.members, best.expected)


class _Rule(NamedTuple):
    """How a portfolio is made: its size, the loss before it, seconds and budget, and what a gain is divided by."""

    size: int
    worst: float
    seconds: NDArray[np.float64]
    budget: float
    per: NDArray[np.float64]


def _checked(
    losses: NDArray[np.floating],
    weights: NDArray[np.float64] | None,
    seconds: NDArray[np.float64] | None,
    budget: float | None,
) -> NDArray[np.float64]:
    tasks, configurations = losses.shape
    if weights is None:
        weights = np.ones(tasks)
    if not tasks or not configurations:
        raise InvalidInput(f"losses have shape {losses.shape}; give at least one task and one configuration.")
    if weights.shape != (tasks,) or not (weights >= 0.0).all() or not 0.0 < weights.sum() < math.inf:
        raise InvalidInput(f"weights have shape {weights.shape}; give {tasks}, none negative, at least one above 0.")
    if seconds is not None and (seconds.shape != (configurations,) or not (seconds > 0.0).all()):
        raise InvalidInput(f"seconds have shape {seconds.shape}; give a positive one per configuration.")
    if budget is not None and math.isnan(budget):
        raise InvalidInput("the budget is not a number; give seconds, or None for no limit.")
    if budget is not None and seconds is None:
        raise InvalidInput(f"a budget of {budget} seconds needs the seconds of each configuration; give seconds=.")
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def _greedy(table: NDArray[np.float64], weights: NDArray[np.float64], rule: _Rule) -> Portfolio:
    """Add the one with the best rate while one gains and is within the budget; `table` is configurations x tasks."""
    reached, spent = np.full(table.shape[1], rule.worst), 0.0
    bounds = (reached - table) @ weights
    free = np.ones(len(table), dtype=bool)
    members: list[int] = []
    expected: list[float] = []
    clock: list[float] = []
    while len(members) < rule.size:
        rows = np.flatnonzero(free & (rule.seconds <= rule.budget - spent))
        best = _best(table, reached, weights, bounds, rows[np.argsort(-(bounds / rule.per)[rows], kind="stable")], rule)
        if best is None:
            break
        members.append(best)
        free[best] = False
        reached, spent = np.minimum(reached, table[best]), spent + float(rule.seconds[best])
        expected.append(float(reached @ weights))
        clock.append(spent)
    return Portfolio(tuple(members), tuple(expected), tuple(clock))


def _best(
    table: NDArray[np.float64],
    reached: NDArray[np.float64],
    weights: NDArray[np.float64],
    bounds: NDArray[np.float64],
    rows: NDArray[np.intp],
    rule: _Rule,
) -> int | None:
    """Which of the rows, given by falling bounds, gains at the best rate; None if none gains. Tightens the bounds."""
    best, found = _LEAST_GAIN, None
    for start in range(0, len(rows), _BATCH):
        some = rows[start : start + _BATCH]
        if bounds[some[0]] / rule.per[some[0]] <= best:
            break
        bounds[some] = np.maximum(reached - table[some], 0.0) @ weights
        rates = bounds[some] / rule.per[some]
        at = int(np.argmax(rates))
        if rates[at] > best:
            best, found = float(rates[at]), int(some[at])
    return found


def similarity(past: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    """How similar past tasks are to a new one by their meta-features, in (0, 1], shape (tasks,).

    s_t = exp(-d_t^2 / 2 m^2), d the Euclidean distance after each meta-feature was replaced by its rank among the past
    tasks, m the median distance. A missing meta-feature (NaN) stands in the middle.

    Args:
        past: Meta-features of the past tasks, shape (tasks, features).
        new: Those of the new task, shape (features,).

    Example:
        >>> similarity(np.array([[1.0], [2.0], [9.0]]), np.array([1.0])).round(2).tolist()
        [1.0, 0.61, 0.14]
    """
    distances = distances_by_rank(past, new)
    unit = max(float(np.median(distances)), 1e-12)
    alike: NDArray[np.float64] = np.exp(-0.5 * (distances / unit) ** 2)
    return alike


def distances_by_rank(past: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean distances of past tasks to a new one, each meta-feature replaced by its rank, in n log n; (tasks,).

    Args:
        past: Meta-features of the past tasks, shape (tasks, features), NaN where missing.
        new: Those of the new task, shape (features,).
    """
    squares = np.zeros(len(past))
    for column, value in zip(past.T, new, strict=True):
        known = np.sort(column[~np.isnan(column)])
        both = np.append(column, value)
        place = 0.5 * (np.searchsorted(known, both, "left") + np.searchsorted(known, both, "right"))
        ranks = np.where(np.isnan(both), 0.5, place / max(len(known), 1))
        squares += np.square(ranks[:-1] - ranks[-1])
    return np.sqrt(squares)


def conditioned(alike: NDArray[np.float64], trust: float = 0.5) -> NDArray[np.float64]:
    """Weights of past tasks for `greedy`: (1 - trust) shared out equally, and `trust` by similarity; they sum to 1.

    Meta-features re-weight and never exclude: Auto-sklearn 2.0 dropped its nearest-task rule for one portfolio.

    Raises:
        InvalidInput: If trust lies outside of [0, 1].
    """
    if not 0.0 <= trust <= 1.0:
        raise InvalidInput(f"trust is {trust}; give a number between 0 (all tasks alike) and 1 (only similar ones).")
    weights: NDArray[np.float64] = (1.0 - trust) / len(alike) + trust * alike / alike.sum()
    return weights
