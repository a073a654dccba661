"""Search by a Gaussian process in a kernel that was meta-trained on the past tasks (needs the extra `grad`).

The first three evaluations are the portfolio's, so that what is compared is the kernel alone: `deep` and `deep_maml`
have the two ways of training (`knowledge/deep_training.py`), `plain` has the configurations as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seasoned.knowledge.advice.portfolio import greedy
from seasoned.knowledge.experience.evaluations import Evaluations, quantiles
from seasoned.knowledge.transfer.cold_search import fit_pool, pool_of
from seasoned.knowledge.transfer.deep_kernel_settings import DeepSettings
from seasoned.knowledge.transfer.deep_kernel_training import train_deep_kernel
from transferring.measure import regrets
from transferring.methods import LONG, Past, Problem, one_by_one

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from seasoned.surrogates.gp.deep_kernel import DeepKernel

MOST = 200  # evaluations of a past task that teach


def kernel_of(past: Past, settings: DeepSettings) -> DeepKernel:
    """Trained on a draw of each past task's evaluations."""
    points, rng, tasks = pool_of(past.features).points, np.random.default_rng(0), []
    for scores in past.scores:
        known = rng.permutation(np.flatnonzero(np.isfinite(scores)))[:MOST]
        tasks.append(Evaluations(points[known], scores[known]))
    return train_deep_kernel(tasks, settings)


def searching(past: Past, embed: Callable[[list[int], NDArray[np.float64]], NDArray[np.float64]]) -> Callable:
    """A search whose model lives in `embed(rows, scores)`, points for all configurations."""
    members = list(greedy(regrets(past.scores), LONG).members)

    def first(_: Problem, left: NDArray[np.intp]) -> int:
        open_ = set(left.tolist())
        return next((row for row in members if row in open_), int(left[0]))

    def later(_: Problem, left: NDArray[np.intp], rows: list[int], scores: NDArray[np.float64]) -> int:
        points = embed(rows, scores)
        return int(left[np.argmax(fit_pool(points[rows], scores).expected_gain(points[left]))])

    return one_by_one(first, later)


def plain(past: Past) -> Callable[[Problem], None]:
    points = pool_of(past.features).points
    return searching(past, lambda rows, scores: points)


def deep(past: Past) -> Callable[[Problem], None]:
    latent = kernel_of(past, DeepSettings()).embed(pool_of(past.features).points)
    return searching(past, lambda rows, scores: latent)


def deep_maml(past: Past) -> Callable[[Problem], None]:
    kernel, points = kernel_of(past, DeepSettings(by="maml")), pool_of(past.features).points
    return searching(past, lambda rows, scores: kernel.adapted(points[rows], quantiles(scores)).embed(points))


DEEP = {"plain": plain, "deep": deep, "deep_maml": deep_maml}
