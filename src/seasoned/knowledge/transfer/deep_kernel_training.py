"""Meta-training of a deep kernel on past tasks, by marginal likelihood or by first-order MAML.

Both objectives use the negative log marginal likelihood (NLL) of `surrogates/gp/deep_kernel.py`, on random samples of
the evaluations of a task.

- `"likelihood"`: sum over tasks of NLL(theta), with weights theta shared by all tasks. As in Wistuba and Grabocka
  (2021), Few-shot Bayesian optimization, but without the scaling of labels, because targets are normal quantiles here.
- `"maml"`: sum over tasks of NLL_query(theta - rate dNLL_support/dtheta), with a constant inner gradient
  (`metagrad.MAML`, first order). One gradient step on the trials of a new task then gives a good kernel.

Training uses JAX; the trained kernel needs only numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.evaluations import quantiles
from seasoned.knowledge.transfer.deep_kernel_settings import DeepSettings
from seasoned.metagrad import MAML, MLP, Training
from seasoned.metagrad._common.jax_imports import jnp
from seasoned.metagrad.learners.base import MetaLearner
from seasoned.metagrad.tasks.tasks import cut
from seasoned.surrogates.gp.deep_kernel import DeepKernel, Layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.knowledge.experience.evaluations import Evaluations

__all__ = ["NOISE", "DeepSettings", "MarginalLikelihood", "negative_log_likelihood", "teaches", "train_deep_kernel"]

NOISE: Final = 0.02
"""Noise variance of a trial, as a share of the signal variance."""
_ROWS: Final = 24  # largest number of evaluations of a support or query set
_SETS: Final = 12  # pairs of support and query sets that are drawn from each task
_MIN_EVALUATIONS: Final = 6  # least number of evaluations of a training task
_ASIDE: Final = 0.15  # share of the tasks held out for validation


@dataclass(frozen=True)
class MarginalLikelihood(MetaLearner):
    """Learner without adaptation: the loss of a task is the NLL of its query set under the shared weights theta."""

    @property
    def trained_steps(self) -> int:
        """Number of adaptation steps: 0 (see `MetaLearner`)."""
        return 0

    def start(self, theta: Any) -> Any:
        """Initial weights of a task (see `MetaLearner`)."""
        return theta["params"]

    def advance(self, theta: Any, carry: Any, rows: Any, number: Any, scale: Any) -> Any:
        """Return `carry` unchanged (see `MetaLearner`)."""
        del theta, rows, number, scale
        return carry


def negative_log_likelihood(latent: Any, y: Any) -> Any:
    """Loss of `deep_kernel.likelihood` in JAX, repeated for each row, shape (rows,); `latent` is (rows, outputs)."""
    count = y.shape[0]
    squared = jnp.sum((latent[:, None] - latent[None]) ** 2, axis=-1)
    root = jnp.sqrt(5.0 * squared + 1e-12)
    covariance = (1.0 + root + root * root / 3.0) * jnp.exp(-root) + NOISE * jnp.eye(count)
    factor = jnp.linalg.cholesky(covariance)
    half = jnp.linalg.solve(factor, y)
    loss = 0.5 * jnp.log(jnp.maximum(half @ half, 1e-12) / count) + jnp.mean(jnp.log(jnp.diag(factor)))
    return jnp.full(count, loss)


def teaches(task: Evaluations) -> bool:
    """Return True if a task is usable for training: at least six evaluations, and not all scores equal."""
    return len(task.scores) >= _MIN_EVALUATIONS and bool(np.ptp(task.scores) > 0)


def train_deep_kernel(tasks: Sequence[Evaluations], settings: DeepSettings | None = None) -> DeepKernel:
    """Meta-train a deep kernel on past tasks.

    Args:
        tasks: At least 3 tasks with at least 6 evaluations each, not all equal. Other tasks are skipped.
        settings: Training settings; the defaults if None.

    Raises:
        InvalidInput: If fewer than 3 tasks are usable.
    """
    settings = settings or DeepSettings()
    rng = np.random.default_rng(settings.seed)
    known = [task for task in tasks if teaches(task)]
    if len(known) < 3:
        raise InvalidInput(
            f"there are {len(known)} tasks with {_MIN_EVALUATIONS} different evaluations; give at least 3."
        )
    rows = min(_ROWS, min(len(task.scores) for task in known) // 2)
    pairs = [_sets(task, rows, rng) for task in known]
    parts = cut(len(known), _ASIDE, settings.seed)  # held out by task: sets of one task stay together
    left, right = ([pair for place in part for pair in pairs[place]] for part in parts)
    training = Training(
        steps=settings.steps, tasks=16, lr=settings.lr, schedule="cosine", clip=10.0, every=250, seed=settings.seed
    )
    network = MLP(settings.hidden, settings.outputs, "tanh")
    shared: dict[str, Any] = {"network": network, "loss": negative_log_likelihood, "training": training}
    learner: MetaLearner = MarginalLikelihood(**shared)
    if settings.by == "maml":
        learner = MAML(inner_lr=settings.inner_lr, inner_steps=1, first_order=True, **shared)
    fitted = learner.fit(left, validation=right, progress=False).fitted
    assert fitted is not None, "fit has returned"
    layers = fitted.state.best["params"]["layers"]
    return DeepKernel(
        tuple(Layer(np.asarray(one["w"], np.float64), np.asarray(one["b"], np.float64)) for one in layers),
        NOISE,
        settings.inner_lr if settings.by == "maml" else 0.0,
    )


def _sets(task: Evaluations, rows: int, rng: np.random.Generator) -> list[tuple[Any, Any]]:
    """Draw support and query sets of a task; targets are quantiles among all evaluations of the task."""
    targets = quantiles(task.scores)
    found = []
    for _ in range(_SETS):
        chosen = rng.permutation(len(targets))[: 2 * rows]
        sides: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = [
            (task.points[side], targets[side]) for side in (chosen[:rows], chosen[rows:])
        ]
        found.append((sides[0], sides[1]))
    return found
