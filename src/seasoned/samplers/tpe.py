"""Tree-structured Parzen estimator (TPE): points likely among the good trials and unlikely among the others.

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

    from numpy.typing import ArrayLike, NDArray

    from seasoned.trials import Event

__all__ = ["TPE"]

_KEY: Final = "tpe"
_MOST_OTHERS: Final = 500  # largest number of trials in the density g; a random subset of more
_REDRAWS: Final = 8  # draws for an untried configuration before the space is enumerated


class _Rows:
    """Append-only table of numbers: appending costs one row, and older versions stay unchanged.

    Versions share one buffer. Appending to the newest version writes behind the rows of the older versions. Appending
    to an older version copies the buffer first.

    Args:
        width: Numbers per row.

    Example:
        >>> one = _Rows(2).append([1.0, 2.0])
        >>> two, other = one.append([3.0, 4.0]), one.append([5.0, 6.0])
        >>> len(one), two.table[-1].tolist(), other.table[-1].tolist()
        (1, [3.0, 4.0], [5.0, 6.0])
    """

    __slots__ = ("_buffer", "_count", "_used")

    def __init__(self, width: int) -> None:
        self._buffer = np.empty((16, width))
        self._count = 0
        self._used = [0]  # rows of the buffer in use by any version; all versions share the list

    def append(self, row: ArrayLike) -> _Rows:
        """Return the rows with one more row, shape (width,)."""
        longer = _Rows.__new__(_Rows)
        longer._buffer, longer._used = self._buffer, self._used  # noqa: SLF001 - of the same class
        if self._used[0] != self._count or self._count == len(self._buffer):
            longer._buffer = np.empty((2 * self._count + 16, self._buffer.shape[1]))  # noqa: SLF001
            longer._buffer[: self._count] = self.table  # noqa: SLF001
            longer._used = [0]  # noqa: SLF001
        longer._buffer[self._count] = row  # noqa: SLF001
        longer._count = longer._used[0] = self._count + 1  # noqa: SLF001
        return longer

    @property
    def table(self) -> NDArray[np.float64]:
        """All rows, shape (n, width), read-only."""
        view = self._buffer[: self._count]
        view.flags.writeable = False
        return view

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rows) and np.array_equal(self.table, other.table)

    def __hash__(self) -> int:
        return hash(self.table.tobytes())


@dataclass(frozen=True, slots=True)
class TPEState:
    """State of TPE.

    Attributes:
        spec: Specification of the study.
        branches: Coordinates of the space by branch.
        design: Initial design, shape (startup, d).
        points: Points of the ended trials, in log order, shape (n, d).
        results: Violation and objectives of the ended trials, shape (n, 1 + m); infinite if failed or pruned.
        running: Trials that have not ended.
    """

    spec: StudySpec
    branches: Branches = field(compare=False, repr=False)
    design: NDArray[np.float64] = field(compare=False, repr=False)
    points: _Rows
    results: _Rows
    running: dict[int, Running] = field(default_factory=dict)


class _Split(NamedTuple):
    """Trials of a branch, as rows of the table, best first.

    Attributes:
        best: Rows of the good trials.
        others: Rows of the other trials.
    """

    best: NDArray[np.intp]
    others: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class TPE(Sampler[TPEState]):
    """Multivariate tree-structured Parzen estimator, with one pair of densities per branch of the space.

    The best `ceil(good n)` of n trials give a density l, the others a density g. Of the points drawn from l, the point
    with the largest l(x) / g(x) is tried; under this split it maximises the expected improvement. Both densities are
    mixtures of kernels (`surrogates/parzen.py`). The weight of a good trial is its improvement on the best of the other
    trials. Each option of a choice has its own densities, from a new split of the trials that took the option. Running
    trials count as poor (constant liar), failed trials as the poorest. Infeasible trials rank behind feasible ones, by
    their violation. Trials with several objectives rank by non-dominated front and crowding distance.

    The cost is not quadratic in the number of parameters and hardly grows with the number of trials. So TPE suits
    thousands of trials, categories, and deep conditional spaces.

    Args:
        startup: Number of trials of a Latin hypercube before the first density, including the default configuration.
        good: Share of the trials that count as good, in (0, 1).
        candidates: Number of points drawn from l per branch.

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
        """Return the first state; the first trials re-evaluate the warm start's population and best points."""
        startup = at_least_warm(spec, self.startup)
        design = first_points(spec, startup, retried=retried_of(spec, startup))
        rows = _Rows(len(spec.space)), _Rows(1 + len(spec.directions))
        return TPEState(spec, Branches.of(spec.space), design, *rows)

    def ask(self, state: TPEState, numbers: Sequence[int]) -> tuple[Sequence[Suggestion], TPEState]:
        """Suggest the warm start's configurations, the design, then draws from the good trials' density."""
        suggestions, ahead = [], state
        for number in numbers:
            found = self._suggest(ahead, number)
            suggestions.append(Suggestion(found))
            unit = state.spec.space.encode(found).unit
            ahead = replace(ahead, running={**ahead.running, number: Running(unit, None)})
        return suggestions, state

    def tell(self, state: TPEState, events: Sequence[Event]) -> TPEState:
        """Add ended trials to the table."""
        running = dict(state.running)
        for ended in evaluations(state.spec, running, events, _KEY):
            state = _with(state, ended)
        return replace(state, running=running)

    def capacity(self, state: TPEState) -> int | None:  # noqa: ARG002 - whatever the space
        """Return None: no limit."""
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
        """Split the trials of each branch into the good ones and the others, best first."""
        found, results = [], state.results.table
        for mask in state.branches.masks(state.points.table):
            members = np.flatnonzero(mask)
            finite = int(np.isfinite(results[members, 0]).sum())
            count = min(math.ceil(self.good * len(members)), finite)
            members = members[best_first(results[members], count)]
            found.append(_Split(members[:count], members[count:]))
        return found

    def _drawn(self, state: TPEState, splits: Sequence[_Split], rng: np.random.Generator) -> NDArray[np.float64]:
        """Drawn point with the largest l / g, branch by branch from the root, shape (d,)."""
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
    """Points of the running trials, shape (k, d)."""
    units = [running.unit for running in state.running.values()]
    return np.array(units).reshape(len(units), len(state.spec.space))


def best_first(results: NDArray[np.float64], most: int) -> NDArray[np.intp]:
    """Indices of the trials, best first: by violation, then by objective, or by front and crowding.

    Only feasible trials form fronts; infeasible trials rank behind them. With several objectives, only the first `most`
    trials are in order, because a complete order would take time quadratic in the number of trials.
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
        least = np.flatnonzero(np.cumsum(counts) >= most)  # no order is needed within later fronts
        for rank in np.unique(ranks[kept])[: least[0] + 1 if len(least) else None]:
            room[ranks == rank] = crowding_distance(values[ranks == rank])
    return np.lexsort((-room, ranks, violation))


def _weights(
    results: NDArray[np.float64], best: NDArray[np.intp], others: NDArray[np.intp]
) -> NDArray[np.float64] | None:
    """Improvement of each good trial on the best of the others, shape (k,); None for equal weights.

    Weights are equal for several objectives, a single finite result, an infeasible trial, or no improvement.
    """
    ended = [index for index in (*best, *others[:1]) if np.isfinite(results[index, 0])]
    if results.shape[1] > 2 or len(ended) < 2 or results[ended, 0].any():
        return None
    values = results[ended, 1] / max(1.0, np.abs(results[ended, 1]).max())  # scaled so that no difference overflows
    gains = values[-1] - values[: len(best)]
    return gains if gains.max() > 0.0 else None
