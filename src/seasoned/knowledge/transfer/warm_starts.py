"""Warm starts from past tasks: a quantile prior, a rank-weighted ensemble, or the learned metric.

**Quantile prior.** Scores of different tasks have different scales, but comparable ranks. Each past task has quantiles

    q = Phi^-1((rank - 1/2) / n),

and a forest over all past tasks learns configuration -> quantile. Salinas, Shen and Perrone (2020), A quantile-based
approach for hyperparameter transfer learning.

**Rank-weighted ensemble.** The ensemble has a model of each past task, and a model of the new task. The weight of a
model is the share of posterior draws in which it orders the trials of the new task best. The new task's own model is
evaluated leave-one-out. Its weight has a floor, so that misleading past tasks cannot dominate. Feurer, Letham, Hutter
and Bakshy (2018), Practical transfer learning for Bayesian optimization (RGPE), section 4.

**Learned metric.** If past tasks share their configurations, `metric_start` uses the learned metric. All functions
return a relative `WarmStart` (`experience/evaluations.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.evaluations import (
    MOST,
    Evaluations,
    cube_of,
    quantiles,
    some,
    start_of,
    thinned,
    unit_of,
)
from seasoned.knowledge.transfer.cold_search import fit_pool
from seasoned.surrogates.forest import fit_forest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from seasoned.knowledge.performance_model.model import Belief
    from seasoned.space import Space
    from seasoned.trials import WarmStart

__all__ = ["Evaluations", "ensemble_start", "metric_start", "quantile_start", "quantiles", "rank_weights"]

_DRAWS: Final = 200  # posterior draws that determine the weights of the ensemble


def quantile_start(
    space: Space, tasks: Sequence[Evaluations], *, seed: int = 0, weights: Sequence[float] | None = None
) -> WarmStart:
    """Build a relative warm start from a forest that predicts quantiles, fitted to all past tasks.

    Args:
        space: Space of the new study, which also encodes the points of the past tasks.
        tasks: Past tasks, with any numbers of trials.
        seed: Random seed of the forest.
        weights: Task weights, at least 0, shape (tasks,); equal if None.

    Raises:
        InvalidInput: If there is no past task, a score is not finite, or the weights are invalid.

    Example:
        >>> from seasoned.space import Float, Space
        >>> points = np.linspace(0, 1, 30)[:, None]
        >>> start = quantile_start(Space(x=Float(0, 1)), [Evaluations(points, (points[:, 0] - 0.3) ** 2)])
        >>> abs(start.configurations[0]["x"] - 0.3) < 0.1
        True
    """
    some(tasks)
    shares = np.ones(len(tasks)) if weights is None else np.asarray(weights, dtype=np.float64)
    if shares.shape != (len(tasks),) or not (shares >= 0.0).all() or not shares.any():
        raise InvalidInput(
            f"weights are {weights}; give one for each of {len(tasks)} tasks, none negative, some above 0."
        )
    most = min(len(task.scores) for task in tasks)
    kept = [thinned(task, max(most, MOST)) for task in tasks]
    forest = fit_forest(
        np.concatenate([task.points for task in kept]),
        np.concatenate([quantiles(task.scores) for task in kept]),
        seed=seed,
        leaf=2,
        weights=np.concatenate(
            [np.full(len(task.scores), share / len(task.scores)) for task, share in zip(kept, shares, strict=True)]
        ),
    )
    points = cube_of(space, tasks)
    return start_of(space, points, forest.predict(points)[0])


def metric_start(space: Space, configurations: Sequence[Mapping[str, Any]], belief: Belief) -> WarmStart:
    """Build a relative warm start from the predictions of the learned metric.

    Args:
        space: Space of the new study.
        configurations: Configurations of the metric, in the order of its columns. Configurations that are not valid in
            the space are skipped.
        belief: Posterior of the new task, `metric.condition(rows, scores)`, with or without trials.

    Raises:
        InvalidInput: If no configuration is valid in the space.

    Example:
        >>> from seasoned.knowledge.performance_model.model import fit_metric
        >>> from seasoned.space import Float, Space
        >>> configurations = [{"x": x / 10} for x in range(11)]
        >>> past = np.array([[(x / 10 - c) ** 2 for x in range(11)] for c in (0.6, 0.7, 0.8, 0.7)])
        >>> belief = fit_metric(past).condition(np.array([], dtype=int), np.array([]))
        >>> metric_start(Space(x=Float(0, 1)), configurations, belief).configurations[0]
        {'x': 0.7}
    """
    valid = np.array([row for row, config in enumerate(configurations) if space.contains(config)], dtype=np.intp)
    if not len(valid):
        raise InvalidInput(f"none of {len(configurations)} configurations is valid in the space; search without them.")
    points = np.stack([space.encode(configurations[row]).unit for row in valid])
    return start_of(space, points, quantiles(belief.mean(valid)))


def rank_weights(
    base: tuple[NDArray[np.float64], NDArray[np.float64]],
    own: tuple[NDArray[np.float64], NDArray[np.float64]],
    scores: NDArray[np.float64],
    *,
    floor: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Weights of the past models and, last, of the new task's own model, summing to 1, shape (models + 1,).

    A past model is excluded if its median loss exceeds the 95% quantile of the own model's loss. Otherwise many poor
    models would dilute the weight of a good model (section 4.3 of the paper).

    Args:
        base: Means and standard deviations of the past models at the trials, each of shape (models, trials).
        own: Leave-one-out means and standard deviations of the own model, each of shape (trials,).
        scores: Scores of the trials, shape (trials,).
        floor: Least weight of the own model.
        rng: Random generator of the posterior draws.
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
    """Build a relative warm start from the rank-weighted ensemble.

    Args:
        space: Space of the new study, which also encodes the points of the past tasks.
        tasks: Past tasks.
        trials: At least three trials of the new task.
        floor: Least weight of the new task's own model.
        seed: Seed of the posterior draws.

    Raises:
        InvalidInput: If there is no past task, there are fewer than three trials, or a score is not finite.
    """
    some(tasks, trials)
    if len(trials.scores) < 3:
        raise InvalidInput(f"there are {len(trials.scores)} trials; give at least 3, or take quantile_start.")
    rng, points = np.random.default_rng(seed), cube_of(space, tasks)
    unit = unit_of(points)
    models = [fit_pool(task.points / unit, task.scores) for task in map(thinned, tasks)]
    own = fit_pool(trials.points / unit, trials.scores)
    seen = [model.predict(trials.points / unit) for model in models]
    weights = rank_weights(
        (np.stack([one.mean for one in seen]), np.stack([one.std for one in seen])),
        own.left_out(),
        trials.scores,
        floor=floor,
        rng=rng,
    )
    means = np.stack([model.predict(points / unit).mean for model in (*models, own)])
    return start_of(space, points, weights @ means)
