"""Portfolios: short lists of configurations; on almost every task, at least one configuration of the list is good.

The value of a set P over tasks t with weights w_t and losses l_tj in [0, worst] is

    f(P) = sum_t w_t max_{j in P} (worst - l_tj).

f is monotone and submodular, so the greedy set reaches at least 1 - 1/e of the optimum (Nemhauser, Wolsey and Fisher
1978; used by Feurer et al. 2022, Auto-sklearn 2.0, algorithm 1). Gains only fall as the set grows, so old gains are
upper bounds and few gains must be recomputed (Minoux 1978; Leskovec et al. 2007, CELF). A budget in seconds needs two
greedy sets, one by gain and one by gain per second. The better set reaches at least (1 - 1/e)/2 of the optimum
(Leskovec et al. 2007, theorem 3).
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

_BATCH: Final = 64  # configurations whose gains are computed at a time
_LEAST_GAIN: Final = 1e-12  # smallest gain that is not rounding error


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Portfolio: configurations in the order in which a search tries them.

    Attributes:
        members: Indices of the configurations.
        expected: Weighted mean loss of the best member so far over the training tasks; one value for each member.
        seconds: Expected total seconds up to each member; empty if the portfolio was built without `seconds`.
    """

    members: tuple[int, ...]
    expected: tuple[float, ...]
    seconds: tuple[float, ...] = ()

    def to_json(self) -> str:
        """Return the portfolio as JSON.

        Example:
            >>> Portfolio.from_json(Portfolio((4, 2), (0.5, 0.25)).to_json())
            Portfolio(members=(4, 2), expected=(0.5, 0.25), seconds=())
        """
        return json.dumps({"members": self.members, "expected": self.expected, "seconds": self.seconds})

    @classmethod
    def from_json(cls, text: str) -> Portfolio:
        """Read a portfolio from the JSON of `to_json`.

        Raises:
            InvalidInput: If the text does not describe a portfolio.
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
    """Build the greedy portfolio.

    Args:
        losses: Losses of past tasks, such as regrets, shape (tasks, configurations). Losses above `worst` count as
            `worst`. NaN also counts as `worst`, so a configuration that was not evaluated has no gain.
        size: Largest number of members.
        weights: Weights of the tasks, shape (tasks,); equal if None.
        seconds: Expected seconds of each configuration, positive, shape (configurations,).
        budget: Seconds for all members together; requires `seconds`.
        worst: Loss of the empty portfolio.

    Raises:
        InvalidInput: If the shapes do not agree, or `budget` is set without `seconds`.

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
    """Greedy rule: size, loss of the empty set, seconds, budget in seconds, and the divisor `per` of each gain."""

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
    """Add the configuration with the best rate until no gain or no budget is left; `table`: configurations x tasks."""
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
    """Return the row with the best rate of gain, or None if no row gains. Tightens `bounds` in place.

    Rows are sorted by falling bounds.
    """
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
    """Similarity of past tasks to a new task by meta-features, in (0, 1], shape (tasks,).

    s_t = exp(-d_t^2 / 2 m^2). d_t is the Euclidean distance after each meta-feature is replaced by its rank among the
    past tasks, and m is the median distance. A missing meta-feature (NaN) has the middle rank.

    Args:
        past: Meta-features of the past tasks, shape (tasks, features).
        new: Meta-features of the new task, shape (features,).

    Example:
        >>> similarity(np.array([[1.0], [2.0], [9.0]]), np.array([1.0])).round(2).tolist()
        [1.0, 0.61, 0.14]
    """
    distances = distances_by_rank(past, new)
    unit = max(float(np.median(distances)), 1e-12)
    alike: NDArray[np.float64] = np.exp(-0.5 * (distances / unit) ** 2)
    return alike


def distances_by_rank(past: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean distances of past tasks to a new task, by ranks of their meta-features, shape (tasks,).

    The time is O(n log n) in the number of past tasks.

    Args:
        past: Meta-features of the past tasks, NaN where missing, shape (tasks, features).
        new: Meta-features of the new task, shape (features,).
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
    """Weights of past tasks for `greedy`: (1 - trust)/T + trust s_t / sum(s) for T tasks; they sum to 1.

    Meta-features re-weight tasks and never exclude them.

    Args:
        alike: Similarities s of the past tasks (`similarity`), shape (tasks,).
        trust: Share of the weights that depends on similarity, in [0, 1].

    Raises:
        InvalidInput: If `trust` is outside [0, 1].
    """
    if not 0.0 <= trust <= 1.0:
        raise InvalidInput(f"trust is {trust}; give a number between 0 (all tasks alike) and 1 (only similar ones).")
    weights: NDArray[np.float64] = (1.0 - trust) / len(alike) + trust * alike / alike.sum()
    return weights
