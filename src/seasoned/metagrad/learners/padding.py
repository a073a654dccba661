"""Padding of support sets to few sizes, so that sets of many sizes share one compiled program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seasoned.metagrad._common.jax_imports import jnp
from seasoned.metagrad.tasks.tasks import Rows

if TYPE_CHECKING:
    from jax import Array

    from seasoned.metagrad.learners.base import MetaLearner

__all__ = ["padded"]

_MIN_ROWS: Final = 8
_ROOM: Final = "seasoned.metagrad."


def padded(learner: MetaLearner, rows: Rows) -> Rows:
    """Return the rows, padded with copies of the last row of weight 0 to 8, 16, 32, ... rows.

    Rows stay unpadded if rows of weight 0 may change a result. This holds for batch normalisation, which averages over
    all rows, and for learners and networks of the user.

    Args:
        learner: Learner that adapts to the rows.
        rows: A support set.

    Example:
        >>> import jax.numpy as jnp
        >>> from seasoned.metagrad import MAML, MLP, Rows
        >>> padded(MAML(network=MLP()), Rows(jnp.ones((5, 2)), jnp.ones(5))).weight.tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    """
    network = getattr(learner.network, "body", learner.network)
    ours = all(type(part).__module__.startswith(_ROOM) for part in (learner, network))
    if not ours or hasattr(network, "function") or getattr(network, "normalization", None) == "batch":
        return rows
    count = rows.y.shape[0]
    more = max(_MIN_ROWS, 1 << (count - 1).bit_length()) - count

    def filled(part: Array) -> Array:
        return jnp.concatenate([part, jnp.repeat(part[-1:], more, axis=0)])

    weight = jnp.ones(count, rows.X.dtype) if rows.weight is None else rows.weight
    return Rows(filled(rows.X), filled(rows.y), jnp.concatenate([weight, jnp.zeros(more, weight.dtype)]))
