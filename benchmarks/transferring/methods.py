"""Ways to search a table of recorded scores: each learns from past tasks, then tries one configuration at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seasoned.knowledge.advice.adviser import Adviser, AdviserState
from seasoned.knowledge.advice.portfolio import greedy
from seasoned.knowledge.performance_model.incontext import NeuralMetric
from seasoned.knowledge.performance_model.meta_feature_trust import trusted
from seasoned.knowledge.performance_model.model import MetricFunction, fit_metric
from seasoned.knowledge.performance_model.task_prior import TaskPrior, fit_task_prior
from seasoned.knowledge.transfer.cold_search import fit_pool, pool_of
from seasoned.knowledge.transfer.warm_starts import rank_weights
from seasoned.surrogates.acquisition.functions import expected_improvement
from transferring.measure import regrets

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from seasoned.incontext.trials import ContextReader
    from transferring.sources import Points

DESIGN = 3  # random evaluations before a Gaussian process has a model
MEMBERS = 40  # past tasks in the rank-weighted ensemble, drawn by the seed: more cost minutes and share the weights
HELD = 100  # evaluations of each that its model holds
LEAST = 3  # past tasks from which a metric is learned
LONG = 150  # members of the portfolio: some are not evaluated on the tested task
CANDIDATES = 500  # most configurations whose gain a metric tells without help; an in-context network reads each


class Past(NamedTuple):
    """What a method may learn from.

    Attributes:
        scores: Of past tasks, NaN = not evaluated, shape (tasks, configurations).
        features: Of all configurations.
        about: Meta-features of the past tasks, NaN where unknown, shape (tasks, d); None if there are none.
        points: The configurations with gaps and categories; needed by `incontext` alone.
    """

    scores: NDArray[np.float64]
    features: NDArray[np.float64]
    about: NDArray[np.float64] | None = None
    points: Points | None = None


class Problem(NamedTuple):
    """A tested task as a method sees it: what can be tried, a function that tries it, and how often it may."""

    open_: NDArray[np.bool_]
    evaluate: Callable[[int], float]
    steps: int
    rng: np.random.Generator
    about: NDArray[np.float64] | None = None  # its meta-features
    seed: int | tuple[int, ...] = 0  # of `rng`, for who draws by a stream of its own


class Distances:
    """Squared distances of all points to the trials of one search; in single precision, which halves the time."""

    def __init__(self, points: NDArray[np.float64]) -> None:
        self.points = points.astype(np.float32)
        self.rows: list[int] = []
        self.known = np.empty((len(points), 64), dtype=np.float32)

    def __call__(self, rows: list[int]) -> NDArray[np.float32]:
        """Shape (n, trials); only those of new trials are computed."""
        same = min(len(self.rows), len(rows))
        if self.rows[:same] != rows[:same] or len(self.rows) > len(rows):
            same = 0
        for place in range(same, len(rows)):
            apart = self.points - self.points[rows[place]]
            self.known[:, place] = np.einsum("ij,ij->i", apart, apart)
        self.rows = list(rows)
        return self.known[:, : len(rows)]


def rest(order: list[int], tested: Problem) -> None:
    """Try the given ones that can be tried, then others at random."""
    left = np.flatnonzero(tested.open_)
    chosen = [row for row in order if tested.open_[row]][: tested.steps]
    left = tested.rng.permutation(np.setdiff1d(left, chosen))
    for row in [*chosen, *left][: tested.steps]:
        tested.evaluate(int(row))


def random(past: Past) -> Callable[[Problem], None]:
    """Without replacement."""
    return lambda tested: rest([], tested)


def portfolio(past: Past) -> Callable[[Problem], None]:
    """The greedy portfolio of past regrets, in its order."""
    members = list(greedy(regrets(past.scores), LONG).members) if len(past.scores) else []
    return lambda tested: rest(members, tested)


def cold(past: Past) -> Callable[[Problem], None]:
    """A Gaussian process that knows no past task, by expected improvement."""
    points = pool_of(past.features).points

    def first(tested: Problem, left: NDArray[np.intp]) -> int:
        return int(tested.rng.choice(left))

    def later(_: Problem, left: NDArray[np.intp], rows: list[int], scores: NDArray[np.float64]) -> int:
        fitted = fit_pool(points[rows], scores)
        return int(left[np.argmax(fitted.gain_of(fitted.predict_at(far(rows)[left])))])

    far = Distances(points)
    return one_by_one(first, later)


def rgpe(past: Past) -> Callable[[Problem], None]:
    """The rank-weighted ensemble of Gaussian processes with the new task's own, by expected improvement."""
    if not len(past.scores):
        return cold(past)
    points, rng = pool_of(past.features).points, np.random.default_rng(0)
    members = rng.permutation(len(past.scores))[:MEMBERS]
    means, spreads = [], []
    for scores in past.scores[members]:
        known = np.flatnonzero(np.isfinite(scores))
        held = rng.permutation(known)[:HELD]
        mean, std = fit_pool(points[held], scores[held]).predict(points)
        means.append(mean)
        spreads.append(std)
    base, wide, far = np.stack(means), np.stack(spreads), Distances(points)

    def first(_: Problem, left: NDArray[np.intp]) -> int:
        return int(left[np.argmin(base[:, left].mean(axis=0))])

    def later(tested: Problem, left: NDArray[np.intp], rows: list[int], scores: NDArray[np.float64]) -> int:
        own = fit_pool(points[rows], scores)
        weights = rank_weights((base[:, rows], wide[:, rows]), own.left_out(), scores, floor=0.1, rng=tested.rng)
        mine = own.predict_at(far(rows)[left])
        mean = weights[:-1] @ base[:, left] + weights[-1] * mine.mean
        std = np.sqrt(weights[:-1] ** 2 @ wide[:, left] ** 2 + weights[-1] ** 2 * mine.std**2)
        reached = weights[:-1] @ base[:, rows] + weights[-1] * own.targets
        return int(left[np.argmax(expected_improvement(mean, std, float(reached.min())).value)])

    return one_by_one(first, later)


def one_by_one(first: Callable[..., int], later: Callable[..., int]) -> Callable[[Problem], None]:
    """A search that chooses among the rows left: `first(problem, left)` in the design, then `later` by the scores."""

    def search(tested: Problem) -> None:
        rows: list[int] = []
        scores: list[float] = []
        open_ = tested.open_.copy()
        while open_.any() and len(rows) < tested.steps:
            left = np.flatnonzero(open_)
            row = first(tested, left) if len(rows) < DESIGN else later(tested, left, rows, np.array(scores))
            open_[row] = False
            rows.append(row)
            scores.append(tested.evaluate(row))

    return search


def learned(scores: NDArray[np.float64]) -> MetricFunction | None:
    return fit_metric(scores) if len(scores) >= LEAST else None


def seasoned(past: Past) -> Callable[[Problem], None]:
    """The learned metric, beside a search without experience whose share grows when advice fails."""
    return advised(learned(past.scores), past)


def poisoned(past: Past) -> Callable[[Problem], None]:
    """The same with an experience that says the opposite of what was seen."""
    return advised(learned(-past.scores), past)


def strange(past: Past) -> Callable[[Problem], None]:
    """The same with an experience that knows none of the configurations: those of another space.

    Its first three trials are those of `cold` on each task, for the two have the same seeds.
    """
    return advised(None, past)


def advised(metric: MetricFunction | None, past: Past) -> Callable[[Problem], None]:
    """Past tasks count by their meta-features, where there are some."""
    pool = pool_of(past.features)
    prior = None if metric is None else weighed(metric, past)
    plain = Adviser(metric, pool)

    def search(tested: Problem) -> None:
        known = prior is not None and tested.about is not None
        adviser = replace(plain, weights=prior.shares(tested.about)) if known else plain
        if metric is None:
            adviser = replace(plain, seed=tested.seed)
        state, open_ = AdviserState(), tested.open_.copy()
        while open_.any() and len(state.rows) < tested.steps:
            row = adviser.ask(state, open_)
            open_[row] = False
            state = adviser.tell(state, row, tested.evaluate(row))

    return search


def weighed(metric: MetricFunction, past: Past) -> TaskPrior | None:
    """What weighs past tasks by their meta-features, if there are enough of them."""
    return None if past.about is None else trusted(fit_task_prior(past.about, metric.factors), metric)


def mixture(past: Past) -> Callable[[Problem], None]:
    """The learned metric alone, without a search beside it: what `incontext` is compared with."""
    metric = learned(past.scores)
    return cold(past) if metric is None else by_gain(metric, metric, past)


def incontext(network: ContextReader | str) -> Callable[[Past], Callable[[Problem], None]]:
    """The neural metric alone, with this network; its candidates and weights of past tasks are those of `mixture`."""

    def learn(past: Past) -> Callable[[Problem], None]:
        metric = learned(past.scores)
        if metric is None:
            return cold(past)
        if past.points is None:
            raise ValueError("the neural metric needs the points of the configurations")
        neural = NeuralMetric.of(past.scores, past.points.unit, past.points.categorical, network=network)
        return by_gain(neural, metric, past)

    return learn


def by_gain(chooser: MetricFunction | NeuralMetric, metric: MetricFunction, past: Past) -> Callable[[Problem], None]:
    """The largest expected gain among configurations that were good on some past task, then among all others."""
    prior = weighed(metric, past)
    some = next(some for each in (8, 4, 2, 1) if len(some := metric.promising(each)) <= CANDIDATES or each == 1)

    def search(tested: Problem) -> None:
        weights = None if prior is None or tested.about is None else prior.shares(tested.about)
        rows: list[int] = []
        scores: list[float] = []
        open_ = tested.open_.copy()
        while open_.any() and len(rows) < tested.steps:
            left = some[open_[some]] if open_[some].any() else np.flatnonzero(open_)
            belief = chooser.condition(np.array(rows, dtype=np.intp), np.array(scores), weights=weights)
            rows.append(int(left[np.argmax(belief.expected_gain(left))]))
            open_[rows[-1]] = False
            scores.append(tested.evaluate(rows[-1]))

    return search


METHODS: dict[str, Callable[[Past], Callable[[Problem], None]]] = {
    "seasoned": seasoned,
    "portfolio": portfolio,
    "cold": cold,
    "rgpe": rgpe,
    "random": random,
    "mixture": mixture,
    "poisoned": poisoned,
    "strange": strange,
}
STANDARD = ("seasoned", "portfolio", "cold", "rgpe", "random")
SEEDS = {"random": 20}  # how often a method is run on each task; once if not named
