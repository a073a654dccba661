"""Transfer into Bayesian optimisation: past tasks as a Gaussian process's prior mean, or as members of an ensemble.

**Quantile prior.** Scores of different tasks have different scales but comparable ranks: on each past task

    q = Phi^-1((rank - 1/2) / n),

and a forest over all of them learns configuration -> quantile. Salinas, Shen and Perrone (2020), A quantile-based
approach for hyperparameter transfer learning.

**Rank-weighted ensemble.** A model per past task, and one of the new task. Each gets the share of draws in which it
orders the new task's trials best; the new task's own model is judged on trials left out, and its weight has a floor, so
that misleading past tasks cannot silence it. Feurer, Letham, Hutter and Bakshy (2018), Practical transfer learning for
Bayesian optimization (RGPE), section 4.

Either ends as a `WarmStart`: evaluations made elsewhere, which a sampler believes as far as its trials confirm them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.cold import fit_pool
from seasoned.surrogates.forest import fit_forest
from seasoned.surrogates.maximize import sobol
from seasoned.trials import WarmStart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.space import Space

__all__ = ["Evaluations", "ensemble_start", "quantile_start", "quantiles", "rank_weights"]

_DRAWS: Final = 200
_POINTS: Final = 200  # of a warm start
_TRIED: Final = 5  # of them, to be tried at once
_MOST: Final = 100  # evaluations of a past task that its model holds


class Evaluations(NamedTuple):
    """Trials of one task.

    Attributes:
        points: In the unit cube, shape (n, d).
        scores: To be minimised, finite, shape (n,).
    """

    points: NDArray[np.float64]
    scores: NDArray[np.float64]


def quantiles(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normal quantiles of the ranks; equal scores share theirs.

    Example:
        >>> quantiles(np.array([3.0, 1.0, 2.0])).round(3).tolist()
        [0.967, -0.967, 0.0]
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    return np.asarray(ndtri((rankdata(scores) - 0.5) / len(scores)), dtype=np.float64)


def quantile_start(space: Space, tasks: Sequence[Evaluations], *, seed: int = 0) -> WarmStart:
    """What configuration -> quantile, learned from all past tasks, expects on a grid of the cube.

    Args:
        space: Of the new study; the points of past tasks are encoded by it.
        tasks: Each counts alike, however many trials it has.
        seed: Of the forest.

    Raises:
        InvalidInput: If there is no past task.

    Example:
        >>> from seasoned.space import Float, Space
        >>> points = np.linspace(0, 1, 30)[:, None]
        >>> start = quantile_start(Space(x=Float(0, 1)), [Evaluations(points, (points[:, 0] - 0.3) ** 2)])
        >>> abs(start.configurations[0]["x"] - 0.3) < 0.1
        True
    """
    _some(tasks)
    most = min(len(task.scores) for task in tasks)
    thinned = [_thinned(task, max(most, _MOST)) for task in tasks]
    forest = fit_forest(
        np.concatenate([task.points for task in thinned]),
        np.concatenate([quantiles(task.scores) for task in thinned]),
        seed=seed,
        leaf=2,
    )
    points = _cube(space, tasks)
    return _start(space, points, forest.predict(points)[0])


def rank_weights(
    base: tuple[NDArray[np.float64], NDArray[np.float64]],
    own: tuple[NDArray[np.float64], NDArray[np.float64]],
    scores: NDArray[np.float64],
    *,
    floor: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Weights of the past tasks' models and, last, of the new task's own; they sum to 1.

    Args:
        base: Means and spreads of the past tasks' models at the trials, each of shape (models, trials).
        own: Those of the own model, each trial left out in its turn, each of shape (trials,).
        scores: Of the trials, shape (trials,).
        floor: Least weight of the own model.
        rng: Draws the functions.

    A past model whose median loss exceeds 95% of the own model's is left out: many bad models would else share what one
    good one deserves (section 4.3 of the paper).
    """
    means, spreads = np.vstack([base[0], own[0]]), np.vstack([base[1], own[1]])
    draws = means[None] + spreads[None] * rng.standard_normal((_DRAWS, *means.shape))
    order = scores[:, None] < scores[None]
    losses = np.stack([((draw[:, :, None] < draw[:, None]) != order).sum(axis=(1, 2)) for draw in draws])
    out = np.median(losses[:, :-1], axis=0) > np.quantile(losses[:, -1], 0.95)
    losses[:, :-1][:, out] = losses.max() + 1
    best = losses == losses.min(axis=1, keepdims=True)
    weights: NDArray[np.float64] = (best / best.sum(axis=1, keepdims=True)).mean(axis=0)
    if weights[-1] < floor:
        weights[:-1] *= (1.0 - floor) / weights[:-1].sum()
        weights[-1] = floor
    return weights


def ensemble_start(
    space: Space, tasks: Sequence[Evaluations], trials: Evaluations, *, floor: float = 0.1, seed: int = 0
) -> WarmStart:
    """What the rank-weighted ensemble expects on a grid of the cube, after at least three trials of the new task.

    Args:
        space: Of the new study.
        tasks: Past ones.
        trials: Of the new task.
        floor: Least weight of the new task's own model.
        seed: Of the draws.

    Raises:
        InvalidInput: If there is no past task, or there are fewer than three trials.
    """
    _some(tasks)
    if len(trials.scores) < 3:
        raise InvalidInput(f"there are {len(trials.scores)} trials; give at least 3, or take quantile_start.")
    rng, points = np.random.default_rng(seed), _cube(space, tasks)
    models = [fit_pool(*_thinned(task, _MOST)) for task in tasks]
    own = fit_pool(trials.points, trials.scores)
    seen = [model.predict(trials.points) for model in models]
    weights = rank_weights(
        (np.stack([one.mean for one in seen]), np.stack([one.std for one in seen])),
        own.left_out(),
        trials.scores,
        floor=floor,
        rng=rng,
    )
    means = np.stack([model.predict(points).mean for model in (*models, own)])
    return _start(space, points, weights @ means)


def _some(tasks: Sequence[Evaluations]) -> None:
    if not tasks:
        raise InvalidInput("there is no past task; search without experience.")


def _thinned(task: Evaluations, most: int) -> Evaluations:
    """At most so many evaluations, evenly spread over the ranks, the best among them."""
    order = np.argsort(task.scores, kind="stable")
    kept = order[np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).astype(np.intp))]
    return Evaluations(task.points[kept], task.scores[kept])


def _cube(space: Space, tasks: Sequence[Evaluations]) -> NDArray[np.float64]:
    """Points that the space can decode: the best of each past task, and an even spread."""
    best = np.stack([task.points[np.argmin(task.scores)] for task in tasks])
    points = np.concatenate([best, sobol(_POINTS, best.shape[1])])
    return np.unique([space.encode(space.decode(point)).unit for point in points], axis=0)


def _start(space: Space, points: NDArray[np.float64], values: NDArray[np.float64]) -> WarmStart:
    order = np.argsort(values, kind="stable")[:_POINTS]
    return WarmStart(
        configurations=tuple(space.decode(points[row]) for row in order[:_TRIED]),
        points=tuple(map(tuple, points[order])),
        values=tuple(values[order]),
    )
