"""Meta-training of a deep kernel on past tasks: by marginal likelihood, or as an initialisation by first-order MAML.

Both minimise the negative log marginal likelihood of `surrogates/deep_kernel.py`, on draws of a few rows of one task.

- `"likelihood"`: sum over tasks of NLL(theta), the weights being shared by all tasks; as in Wistuba and Grabocka
  (2021), Few-shot Bayesian optimization, without their scaling of labels, since targets are normal quantiles here.
- `"maml"`: sum over tasks of NLL_query(theta - rate dNLL_support/dtheta), the inner gradient a constant
  (`metagrad.MAML`, first order): weights from which a step on a new task's trials leads to a good kernel.

JAX trains; the result predicts in numpy.
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
"""Variance of a trial's noise, in units of the signal's."""
_ROWS: Final = 24  # of a support or query set
_SETS: Final = 12  # drawn from each task
_LEAST: Final = 6  # least number of rows of a task to train on
_ASIDE: Final = 0.15  # share of the tasks held out for validation


@dataclass(frozen=True)
class MarginalLikelihood(MetaLearner):
    """Shared weights without any adaptation: the loss of a task is that of its query rows under theta itself."""

    @property
    def trained_steps(self) -> int:
        """See `MetaLearner`."""
        return 0

    def start(self, theta: Any) -> Any:
        """See `MetaLearner`."""
        return theta["params"]

    def advance(self, theta: Any, carry: Any, rows: Any, number: Any, scale: Any) -> Any:
        """See `MetaLearner`: nothing changes."""
        del theta, rows, number, scale
        return carry


def negative_log_likelihood(latent: Any, y: Any) -> Any:
    """The loss of `deep_kernel.likelihood` in JAX, the same number for each row, [rows]."""
    count = y.shape[0]
    squared = jnp.sum((latent[:, None] - latent[None]) ** 2, axis=-1)
    root = jnp.sqrt(5.0 * squared + 1e-12)
    covariance = (1.0 + root + root * root / 3.0) * jnp.exp(-root) + NOISE * jnp.eye(count)
    factor = jnp.linalg.cholesky(covariance)
    half = jnp.linalg.solve(factor, y)
    loss = 0.5 * jnp.log(jnp.maximum(half @ half, 1e-12) / count) + jnp.mean(jnp.log(jnp.diag(factor)))
    return jnp.full(count, loss)


def teaches(task: Evaluations) -> bool:
    """Whether a kernel can be trained on a task: it has at least six evaluations, not all of the same score."""
    return len(task.scores) >= _LEAST and bool(np.ptp(task.scores) > 0)


def train_deep_kernel(tasks: Sequence[Evaluations], settings: DeepSettings | None = None) -> DeepKernel:
    """A deep kernel that suits past tasks.

    Args:
        tasks: At least 3 of at least 6 evaluations each; others are passed over.
        settings: See `DeepSettings`.

    Raises:
        InvalidInput: If there are fewer tasks.
    """
    settings = settings or DeepSettings()
    rng = np.random.default_rng(settings.seed)
    known = [task for task in tasks if teaches(task)]
    if len(known) < 3:
        raise InvalidInput(f"there are {len(known)} tasks with {_LEAST} different evaluations; give at least 3.")
    rows = min(_ROWS, min(len(task.scores) for task in known) // 2)
    pairs = [_sets(task, rows, rng) for task in known]
    parts = cut(len(known), _ASIDE, settings.seed)  # whole tasks are held out, not sets of training tasks
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
    """Support and query sets of one task, their targets on the scale of all its evaluations."""
    targets = quantiles(task.scores)
    found = []
    for _ in range(_SETS):
        chosen = rng.permutation(len(targets))[: 2 * rows]
        sides: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = [
            (task.points[side], targets[side]) for side in (chosen[:rows], chosen[rows:])
        ]
        found.append((sides[0], sides[1]))
    return found
