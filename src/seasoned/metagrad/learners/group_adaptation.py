"""Adaptation to many groups of rows at once, in a few compiled programs for groups of any size."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp
from seasoned.metagrad.tasks.tasks import Rows, as_inputs, as_targets, require_finite
from seasoned.metagrad.training.learned_rates import rated, rates_of, shared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jax import Array

    from seasoned.metagrad.learners.base import MetaLearner

__all__ = ["adapt_groups"]

Tree = Any
SIZES: Final = (8, 32, 128, 512)
"""Padded numbers of rows of a group; of a larger group only the first 512 rows are used."""
TOGETHER: Final = 64


def adapt_groups(learner: MetaLearner, X: np.ndarray, y: np.ndarray, groups: Sequence[np.ndarray]) -> Tree:
    """Return the parameters adapted to every group, stacked: leaves [groups, ...] in numpy.

    Args:
        learner: A fitted learner.
        X: Inputs [rows, inputs].
        y: Targets [rows], numbers or labels from 0.
        groups: Row indices of every group, or a boolean mask over the rows; at most 512 rows per group are used.

    Raises:
        InvalidInput: There are no groups; a group is empty or has indices outside X; the network uses batch
            normalisation; X and y do not match the learner's training data; or adaptation diverged on a group.

    Example:
        >>> import numpy as np
        >>> from seasoned.metagrad import MAML, MLP, GroupedRows, Training, adapt_groups
        >>> X, y = np.ones((30, 2), np.float32), np.arange(30, dtype=np.float32) % 3
        >>> learner = MAML(network=MLP((4,)), training=Training(steps=2)).fit(GroupedRows.of(X, y, np.arange(30) % 3))
        >>> adapt_groups(learner, X, y, [np.arange(0, 30, 3), np.arange(1, 30, 3)])["layers"][1]["b"].shape
        (2, 1)
    """
    program, rates = dataclasses.replace(learner, fitted=None), rates_of(learner)
    X = as_inputs(X)
    kept = [_places(np.asarray(part), len(X))[: SIZES[-1]] for part in groups]
    _check(learner, kept)
    y = _checked(learner, X, np.asarray(y))
    data = jnp.asarray(X), jnp.asarray(y)
    size = np.array([next(size for size in SIZES if len(part) <= size) for part in kept])
    order = np.argsort(size, kind="stable")
    found: list[Tree] = []
    for most in SIZES:
        places = order[size[order] == most]
        for first in range(0, len(places), TOGETHER):
            chunk = [kept[place] for place in places[first : first + TOGETHER]]
            full = chunk + [chunk[0]] * (TOGETHER - len(chunk))  # one shape for all chunks, so one compiled program
            table = np.stack([np.pad(part, (0, most - len(part)), mode="edge") for part in full])
            weight = np.stack([np.arange(most) < len(part) for part in full]).astype(np.float32)
            params = _adapted(shared(program), rates, learner.theta, data, jnp.asarray(table), jnp.asarray(weight))
            found.append(jax.tree.map(partial(_first, len(chunk)), params))
    back = np.argsort(order)
    stacked = jax.tree.map(lambda *leaves: np.concatenate(leaves)[back], *found)
    _refuse_divergence(learner, jax.tree.leaves(stacked))
    return stacked


def _refuse_divergence(learner: MetaLearner, stacked: Sequence[np.ndarray]) -> None:
    """Refuse parameters that are not finite; the first axis of each leaf is the groups."""
    fine = np.all([np.isfinite(leaf.reshape(len(leaf), -1)).all(axis=1) for leaf in stacked], axis=0)
    if not fine.all():
        raise InvalidInput(
            f"adaptation of this {type(learner).__name__} diverged on {int((~fine).sum())} of {len(fine)} groups, the "
            f"first of them number {int(np.argmin(fine))}: give a smaller inner rate, or scale the inputs."
        )


def _check(learner: MetaLearner, groups: Sequence[np.ndarray]) -> None:
    if not groups or not all(map(len, groups)):
        raise InvalidInput(f"there are {len(groups)} groups, and each needs a row; leave out those without.")
    if getattr(learner.network, "normalization", None) == "batch" and not all(len(part) in SIZES for part in groups):
        raise InvalidInput(
            "groups are padded to one size, and a network with normalization='batch' takes means over all rows of a "
            "set: use normalization='instance', or adapt() group by group."
        )


def _places(group: np.ndarray, rows: int) -> np.ndarray:
    """Return the row indices of a group."""
    if group.dtype.kind == "b" and group.shape == (rows,):
        return np.flatnonzero(group)
    if len(group) and (group.dtype.kind not in "iu" or group.ndim != 1 or not -1 < group.min() <= group.max() < rows):
        raise InvalidInput(f"a group has the rows {group.tolist()[:5]}, and X has {rows}: give row numbers from 0 on.")
    return group


def _checked(learner: MetaLearner, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the targets in the type that the learner takes."""
    fitted = learner.fitted
    if fitted is None:
        raise InvalidInput(f"This {type(learner).__name__} is not fitted: use the learner that fit(tasks) returns.")
    if X.shape[1:] != fitted.shape or len(X) != len(y):
        raise InvalidInput(f"X has shape {X.shape} and y {y.shape}, and the learner takes rows of {fitted.shape}.")
    require_finite(X, X, "the table")
    kept = np.dtype(np.float32) if y.dtype.kind != "f" else y.dtype  # the same type as in `GroupedRows.of`
    float_ = jnp.result_type(float) if kept == np.float64 else kept
    whole = y.dtype.kind in "iub" and not fitted.labels  # regression targets, also if they are integers
    y = y.astype(float_) if whole else as_targets(y, float_, "the table")
    if fitted.labels and (y.ndim > 1 or (y != np.floor(y)).any()):
        raise InvalidInput("y has fractions or several columns, and the learner was trained on labels: give one a row.")
    if not fitted.labels and math.prod(y.shape[1:]) != fitted.outputs:
        raise InvalidInput(
            f"y has shape {y.shape}, and the learner was trained on targets of {fitted.outputs} numbers."
        )
    if fitted.labels and len(y) and not 0 <= int(y.min()) <= int(y.max()) < fitted.outputs:
        raise InvalidInput(
            f"y has labels from {y.min()} to {y.max()}, and the learner knows 0 to {fitted.outputs - 1}."
        )
    return y


def _first(count: int, leaf: Array) -> np.ndarray:
    return np.asarray(leaf)[:count]


@partial(jax.jit, static_argnames="learner")
def _adapted(
    learner: MetaLearner, rates: dict[str, Any], theta: Tree, data: tuple[Array, Array], table: Array, weight: Array
) -> Tree:
    learner, (X, y) = rated(learner, rates), data

    def one(rows: Array, weight: Array) -> Tree:
        support = Rows(X[rows], y[rows], weight)
        return learner.params(learner.descend(theta, support, learner.trained_steps))

    return jax.vmap(one)(table, weight)
