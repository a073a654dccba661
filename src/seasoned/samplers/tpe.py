"""TPE: try what is likely among the good trials and unlikely among the others.

Bergstra, Bardenet, Bengio and Kegl (2011), Algorithms for hyper-parameter optimization, NeurIPS 24, section 4.
Watanabe (2023), Tree-structured Parzen estimator: understanding its algorithm components and their roles,
arXiv 2304.11127.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.samplers._branches import Branches
from seasoned.samplers._enumeration import untried
from seasoned.samplers._observed_rows import Rows
from seasoned.samplers.base import Sampler, Suggestion, check_whole, generator, next_of_plan
from seasoned.samplers.evolution.population import (
    Evaluated,
    Running,
    at_least_warm,
    evaluations,
    first_points,
    is_first,
    retried_of,
)
from seasoned.surrogates.parzen import fit_parzen
from seasoned.trials import Config, StudySpec
from seasoned.trials.pareto import crowding_distance, non_dominated_sort

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.trials import Event

__all__ = ["TPE"]

_KEY: Final = "tpe"
_MOST_OTHERS: Final = 500  # at most so many trials that are not good shape their density; drawn if there are more
_REDRAWS: Final = 8  # attempts to find what was not tried yet


class _Split(NamedTuple):
    """Trials of a branch, as rows of the table, the best first.

    Attributes:
        best: The good ones.
        others: The rest.
    """

    best: NDArray[np.intp]
    others: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class TPEState:
    """What is known.

    Attributes:
        spec: What the study is.
        branches: Its coordinates by branch.
        design: Where the search starts, shape (startup, d).
        points: Trials that ended, in log order, shape (n, d).
        results: Violation and objectives of each, infinite if it failed or was pruned, shape (n, 1 + m).
        running: Trials that have not ended.
    """

    spec: StudySpec
    branches: Branches = field(compare=False, repr=False)
    design: NDArray[np.float64] = field(compare=False, repr=False)
    points: Rows
    results: Rows
    running: dict[int, Running] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TPE(Sampler[TPEState]):
    """The tree-structured Parzen estimator, multivariate, one pair of densities per branch of the space.

    The best `ceil(good n)` of n trials give a density l, the others g; of points drawn from l, the one with the largest
    l(x) / g(x) is tried, which under this split maximises the expected improvement. Both are mixtures of kernels
    (`surrogates/parzen.py`); a good trial's weight is how much better it is than the best of the others. The parameters
    under each option of a choice have densities of their own, from the trials that took this option, split anew.
    Running trials count as poor (constant liar), failed ones as the poorest. Infeasible trials rank behind feasible
    ones, by their violation; with several objectives, trials rank by non-dominated front and crowding.

    The cost is not quadratic in the number of parameters and hardly grows with the history, so TPE suits thousands of
    trials, categories, and deep conditional spaces.

    Args:
        startup: Trials of a Latin hypercube before the first density, the default configuration among them.
        good: Share of the trials that count as good, in (0, 1).
        candidates: Points drawn from l per branch.

    Raises:
        InvalidInput: If a setting is out of range.

    Example:
        >>> from seasoned import Float, Space, minimize
        >>> space = Space(x=Float(-5, 5), y=Float(-5, 5))
        >>> best = minimize(lambda c: c["x"] ** 2 + c["y"] ** 2, space, trials=60, sampler=TPE(), seed=0)
        >>> best.value < 0.5
        True
    """

    startup: int = 10
    good: float = 0.15
    candidates: int = 24

    def __post_init__(self) -> None:
        check_whole(startup=self.startup, candidates=self.candidates)
        for name in ("startup", "candidates"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} is {getattr(self, name)}; give at least 1.")
        if not 0.0 < self.good < 1.0:
            raise InvalidInput(f"good is {self.good}; give a share of the trials in (0, 1).")

    def init(self, spec: StudySpec) -> TPEState:
        """The first trials re-evaluate the warm start's population and the best of its points."""
        startup = at_least_warm(spec, self.startup)
        design = first_points(spec, startup, retried=retried_of(spec, startup))
        rows = Rows(len(spec.space)), Rows(1 + len(spec.directions))
        return TPEState(spec, Branches.of(spec.space), design, *rows)

    def ask(self, state: TPEState, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], TPEState]:
        """The warm start's configurations, the design, then draws from what is good."""
        suggestions, ahead = [], state
        for number in numbers:
            found = self._suggest(ahead, number)
            suggestions.append(Suggestion(found))
            unit = state.spec.space.encode(found).unit
            ahead = replace(ahead, running={**ahead.running, number: Running(unit, None)})
        return suggestions, state

    def tell(self, state: TPEState, events: Sequence[Event]) -> TPEState:
        """Trials that ended join the table."""
        running = dict(state.running)
        for ended in evaluations(state.spec, running, events, _KEY):
            state = _with(state, ended)
        return replace(state, running=running)

    def capacity(self, state: TPEState) -> int | None:  # noqa: ARG002 - whatever the space
        """No end."""
        return None

    def _suggest(self, state: TPEState, number: int) -> Config:
        config, place = next_of_plan(state.spec, number)
        if config is not None:
            return config
        space, rng = state.spec.space, generator(state.spec, number)
        ended, running = state.points.table, _pending(state)
        splits: list[_Split] = []
        for attempt in range(_REDRAWS):
            designed = attempt == 0 and is_first(state.spec, place, len(ended), len(state.design))
            splits = splits if designed or splits else self._splits(state)
            unit = state.design[place] if designed else self._drawn(state, splits, rng)
            drawn = Config(space.decode(unit))
            point = space.encode(drawn).unit
            if not any((known == point).all(axis=1).any() for known in (ended, running)):
                return drawn
        taken = {row.tobytes() for row in (*ended, *running)}
        return Config(space.decode(untried(space, rng, taken)))

    def _splits(self, state: TPEState) -> list[_Split]:
        """The good trials of each branch and the others, from the best to the poorest."""
        found, results = [], state.results.table
        for mask in state.branches.masks(state.points.table):
            members = np.flatnonzero(mask)
            finite = int(np.isfinite(results[members, 0]).sum())
            count = min(math.ceil(self.good * len(members)), finite)
            members = members[_order(results[members], count)]
            found.append(_Split(members[:count], members[count:]))
        return found

    def _drawn(self, state: TPEState, splits: Sequence[_Split], rng: np.random.Generator) -> NDArray[np.float64]:
        """The most promising of the points drawn, branch by branch from the root, shape (d,)."""
        tree = state.branches
        ended, pending = state.points.table, _pending(state)
        pending_masks = tree.masks(pending)
        unit = tree.defaults.copy()
        for index, (branch, (best, poorer)) in enumerate(zip(tree.branches, splits, strict=True)):
            if not tree.masks(unit[None, :])[index][0]:
                continue
            others = poorer
            if len(others) > _MOST_OTHERS:
                others = rng.choice(others, _MOST_OTHERS, replace=False)
            poor = np.concatenate([ended[others], pending[pending_masks[index]]])
            levels, nominal = tree.levels[branch.columns], tree.nominal[branch.columns]
            weights = _weights(state.results.table, best, poorer)
            likely = fit_parzen(ended[best][:, branch.columns], levels, nominal, weights)
            unlikely = fit_parzen(poor[:, branch.columns], levels, nominal)
            drawn = likely.sample(rng, self.candidates)
            unit[branch.columns] = drawn[np.argmax(likely.log_density(drawn) - unlikely.log_density(drawn))]
        return unit


def _with(state: TPEState, ended: Evaluated) -> TPEState:
    result = (ended.violation, *ended.values)
    return replace(state, points=state.points.append(ended.unit), results=state.results.append(result))


def _pending(state: TPEState) -> NDArray[np.float64]:
    """The points of the running trials, shape (k, d)."""
    units = [running.unit for running in state.running.values()]
    return np.array(units).reshape(len(units), len(state.spec.space))


def _order(results: NDArray[np.float64], most: int) -> NDArray[np.intp]:
    """Trials from the best to the poorest: by violation, then by objective, or by front and crowding.

    Fronts are made of the trials that keep all constraints; others dominate none of them. With several objectives only
    the first `most` are put in order, because ordering all would take time quadratic in their number.
    """
    violation, values = results[:, 0], results[:, 1:]
    if values.shape[1] == 1:
        return np.lexsort((values[:, 0], violation))
    ranks = np.full(len(results), np.iinfo(np.intp).max)
    room = np.zeros(len(results))
    kept = violation == 0.0
    if kept.any():
        ranks[kept] = non_dominated_sort(values[kept], most)
        counts = np.bincount(ranks[kept]) if len(values[0]) == 2 else np.zeros(0, dtype=np.intp)
        least = np.flatnonzero(np.cumsum(counts) >= most)  # the order within later fronts is not needed
        for rank in np.unique(ranks[kept])[: least[0] + 1 if len(least) else None]:
            room[ranks == rank] = crowding_distance(values[ranks == rank])
    return np.lexsort((-room, ranks, violation))


def _weights(
    results: NDArray[np.float64], best: NDArray[np.intp], others: NDArray[np.intp]
) -> NDArray[np.float64] | None:
    """How much better each good trial is than the best of the others; None (equal weights) where that says nothing."""
    ended = [index for index in (*best, *others[:1]) if np.isfinite(results[index, 0])]
    if results.shape[1] > 2 or len(ended) < 2 or results[ended, 0].any():
        return None
    values = results[ended, 1] / max(1.0, np.abs(results[ended, 1]).max())  # no difference overflows
    gains = values[-1] - values[: len(best)]
    return gains if gains.max() > 0.0 else None
