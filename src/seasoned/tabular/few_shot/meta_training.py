"""Meta-training on the tasks of a table, with validation on held-out tasks, early stopping and a time limit."""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned import metagrad
from seasoned.metagrad.learners.shrinkage import draw_episodes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.metagrad import MetaLearner
    from seasoned.metagrad.learners.shrinkage import HeadAdapter

__all__ = ["default_learner", "for_tables", "judge_settings", "meta_train", "rows_of_tasks", "split_tasks"]

logger = logging.getLogger("seasoned.tabular")

_ROWS: Final = 400  # largest number of rows of a task in meta-training, to save memory
_QUERIES: Final = 15  # largest number of query rows of an episode
_PATIENCE: Final = 5  # validations without improvement before early stopping
_LEAST_TO_VALIDATE: Final = 5  # fewest tasks for a held-out set; of fewer tasks, all train and all validate
_TASKS_TO_JUDGE: Final = 10  # fewest validation tasks that choose settings alone; else the training tasks help
_EPISODES: Final = 120  # episodes per number of support rows
_SIZES: Final = (3, 5, 10, 20)  # numbers of support rows at which settings are compared


def default_learner(classes: int, seed: int) -> MetaLearner:
    """Default learner: a ridge head on learned features, with exact adaptation and a learned prior."""
    training = metagrad.Training(
        steps=2000, tasks=16, lr=5e-3, schedule="cosine", clip=1.0, every=100, validation_tasks=200, seed=seed
    )
    return metagrad.RidgeHead(inner_steps=5 if classes else 1, training=training)


def for_tables(learner: MetaLearner, classes: int) -> MetaLearner:
    """Learner whose network corrects the global model.

    A network of the user becomes the correction, with as many outputs as the target has. The default is a `WideDeep`.
    """
    network: Any = metagrad.WideDeep() if learner.network is None else learner.network
    if getattr(network, "outputs", None) is not None:
        network = dataclasses.replace(network, outputs=max(1, classes))
    if classes:
        network = metagrad.Offset(network, classes)
    return dataclasses.replace(learner, network=network, fitted=None)


def rows_of_tasks(codes: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    """Row numbers of each task, in random order."""
    order = np.random.default_rng(seed).permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    return np.split(order, np.cumsum(np.bincount(codes))[:-1])


def split_tasks(
    groups: list[NDArray[np.int64]], share: float, seed: int
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Split the tasks of two rows or more into training and validation tasks; fewer than 5 are all in both sets.

    A task is a list of row numbers, cut after 400.
    """
    several = [rows[:_ROWS] for rows in groups if len(rows) > 1]
    if len(several) < _LEAST_TO_VALIDATE:
        return several, several
    count = min(max(1, round(share * len(several))), len(several) - 1)
    held = set(np.random.default_rng(seed + 1).permutation(len(several))[:count].tolist())
    train = [rows for place, rows in enumerate(several) if place not in held]
    return train, [several[place] for place in sorted(held)]


def meta_train(
    learner: MetaLearner, X: NDArray[np.float32], y: NDArray[Any], split: tuple[Any, Any], shots: int, deadline: float
) -> MetaLearner:
    """Train until the last step, early stopping, or the deadline.

    Args:
        learner: The meta-learner with its settings.
        X: Network inputs, shape (n, inputs).
        y: Network targets, shape (n,).
        split: Row numbers of the training tasks and of the validation tasks.
        shots: Largest number of support rows.
        deadline: Seconds on `time.monotonic`'s clock; checked between validations.
    """
    family, validation = (_family(X, y, groups, shots) for groups in split)
    every, steps = learner.training.every, learner.training.steps
    learner = learner.fit(family, validation=validation, stop_at=every, progress=False)
    while _step(learner) < steps and time.monotonic() < deadline:
        waited = (_step(learner) - _step(learner, "best_step")) // every
        if learner.training.validation_tasks and waited >= _PATIENCE:
            break
        stop_at = min(steps, _step(learner) + every)
        try:
            learner = learner.fit(family, validation=validation, resume=True, stop_at=stop_at, progress=False)
        except KeyboardInterrupt:
            logger.warning("interrupted; the best of the first %d meta-steps is used.", _step(learner))
            break
    return learner


def _family(X: NDArray[np.float32], y: NDArray[Any], groups: list[NDArray[np.int64]], shots: int) -> Any:
    rows = np.concatenate(groups)
    codes = np.repeat(np.arange(len(groups)), [len(part) for part in groups])
    ways = 1 + int(y.max()) if y.dtype.kind in "iu" else None  # a split may lack a class
    return metagrad.GroupedRows.of(X[rows], y[rows], codes, shots=shots, queries=_QUERIES, least=1, ways=ways)


def _step(learner: MetaLearner, which: str = "step") -> int:
    assert learner.fitted is not None
    return int(getattr(learner.fitted.state, which))


def judge_settings(
    adapter: HeadAdapter, X: NDArray[np.float32], y: NDArray[Any], split: tuple[Any, Any], shots: int, seed: int
) -> HeadAdapter:
    """Adapter with the validation losses of all its settings (steps, scale), by number of support rows."""
    train, validation = split
    groups = validation if len(validation) >= _TASKS_TO_JUDGE else [*train, *validation]
    rng = np.random.default_rng(seed + 2)
    sizes = sorted({size for size in _SIZES if size <= 2 * shots} | {min(_SIZES[0], shots)})
    return adapter.judged(X, y, [(size, draw_episodes(groups, size, _QUERIES, _EPISODES, rng)) for size in sizes])
