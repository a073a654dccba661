"""Warm start from a deep kernel that was meta-trained on past tasks (`deep_kernel_training.py`). Needs only numpy.

Without trials of the new task, the predicted value at a point x is the mean over past tasks s of

    E[q_s(x) | evaluations of task s].

q_s are the warped scores of task s. The model is a Gaussian process in f(x), where f is the meta-trained network.

With trials, three predictions are combined: this mean, a process in f adapted to the trials, and a plain process on the
unit cube. The weights depend on the order that each predicts for the trials, with each trial left out in turn
(`warm_starts.rank_weights`). The plain process uses no past tasks, and its weight has a floor.

Source: Wistuba and Grabocka (2021), Few-shot Bayesian optimization with deep kernel surrogates. The floor is also in
`warm_starts.ensemble_start`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.evaluations import cube_of, quantiles, some, start_of, thinned, unit_of
from seasoned.knowledge.transfer.cold_search import fit_pool
from seasoned.knowledge.transfer.warm_starts import rank_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.knowledge.experience.evaluations import Evaluations
    from seasoned.space import Space
    from seasoned.surrogates.gp.deep_kernel import DeepKernel
    from seasoned.trials import WarmStart

__all__ = ["deep_start"]


def deep_start(
    space: Space,
    tasks: Sequence[Evaluations],
    kernel: DeepKernel,
    *,
    trials: Evaluations | None = None,
    floor: float = 0.1,
    seed: int = 0,
) -> WarmStart:
    """Build a relative warm start from a meta-trained deep kernel.

    Args:
        space: Space of the new study, which also encodes the points of the past tasks.
        tasks: Past tasks, with equal weights.
        kernel: Deep kernel, trained on past tasks in the same space (`train_deep_kernel`).
        trials: At least three trials of the new task; None for no trials.
        floor: Least weight of the plain process, if there are trials.
        seed: Seed of the random draws that determine the weights.

    Raises:
        InvalidInput: If there is no past task, there are fewer than three trials, a score is not finite, or the kernel
            has another number of inputs.

    Example:
        >>> from seasoned.knowledge.experience.evaluations import Evaluations
        >>> from seasoned.space import Float, Space
        >>> from seasoned.surrogates.gp.deep_kernel import DeepKernel, Layer
        >>> points = np.linspace(0, 1, 30)[:, None]
        >>> kernel = DeepKernel((Layer(np.array([[2.0]]), np.zeros(1)),), 0.02)
        >>> start = deep_start(Space(x=Float(0, 1)), [Evaluations(points, (points[:, 0] - 0.3) ** 2)], kernel)
        >>> abs(start.configurations[0]["x"] - 0.3) < 0.1
        True
    """
    some(tasks, trials)
    if trials is not None and len(trials.scores) < 3:
        raise InvalidInput(f"there are {len(trials.scores)} trials; give at least 3, or none.")
    points = cube_of(space, tasks)
    if trials is None:
        return start_of(space, points, _past(tasks, kernel, points).mean(axis=0))
    return start_of(space, points, _weighed(tasks, kernel, trials, points, floor, np.random.default_rng(seed)))


def _past(tasks: Sequence[Evaluations], kernel: DeepKernel, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Posterior means of the past tasks at points of shape (n, d), shape (tasks, n)."""
    where = kernel.embed(points)
    models = [fit_pool(kernel.embed(task.points), task.scores) for task in map(thinned, tasks)]
    return np.stack([model.predict(where).mean for model in models])


def _weighed(
    tasks: Sequence[Evaluations],
    kernel: DeepKernel,
    trials: Evaluations,
    points: NDArray[np.float64],
    floor: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Weighted sum of the mean of the past tasks, the adapted deep process and the plain process, shape (n,)."""
    count, unit = len(trials.scores), unit_of(points)
    past = _past(tasks, kernel, np.concatenate([trials.points, points]))
    own = kernel.adapted(trials.points, quantiles(trials.scores))
    deep = fit_pool(own.embed(trials.points), trials.scores)
    plain = fit_pool(trials.points / unit, trials.scores)
    left_out = fit_pool(kernel.embed(trials.points), trials.scores).left_out()  # `own` has seen all trials
    weights = rank_weights(
        (
            np.stack([past[:, :count].mean(axis=0), left_out.mean]),
            np.stack([past[:, :count].std(axis=0), left_out.std]),
        ),
        plain.left_out(),
        trials.scores,
        floor=floor,
        rng=rng,
    )
    expected = [past[:, count:].mean(axis=0), deep.predict(own.embed(points)).mean, plain.predict(points / unit).mean]
    found: NDArray[np.float64] = weights @ np.stack(expected)
    return found
