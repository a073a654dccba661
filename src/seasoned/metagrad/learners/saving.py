"""Files of fitted learners: writing a learner, and restoring its arrays."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp
from seasoned.metagrad._common.npz_files import write
from seasoned.metagrad.learners.adapted_model import describe_network

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from seasoned.metagrad.learners.base import MetaLearner

__all__ = ["fill", "named_leaves", "save_learner"]

Tree = Any
OWN = ("network", "loss", "training", "fitted")
"""Fields of every learner that a file stores separately from its settings."""


def save_learner(learner: MetaLearner, path: str | os.PathLike[str]) -> None:
    """See `MetaLearner.save`."""
    fitted = learner.fitted
    assert fitted is not None  # the caller checked
    settings = {
        entry.name: _plain(getattr(learner, entry.name))
        for entry in dataclasses.fields(learner)
        if entry.name not in OWN
    }
    about = {
        "settings": settings,
        "network": describe_network(learner.network),
        "loss": learner.loss if isinstance(learner.loss, str) else None,
        "training": dataclasses.asdict(learner.training),
        "shape": list(fitted.shape),
        "outputs": fitted.outputs,
        "labels": fitted.labels,
        "episodic": fitted.episodic,
    }
    arrays = named_leaves(fitted.state._replace(memory=()))
    arrays |= {f"memory/{place}": np.asarray(leaf) for place, leaf in enumerate(jax.tree.leaves(fitted.state.memory))}
    arrays["history"] = np.array(fitted.history, np.float64).reshape(-1, 3)
    write(path, type(learner).__name__, about, arrays)


def _plain(value: Any) -> Any:
    """Return a setting in JSON types: a number, a text, or a settings object as a dict with its class name."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"kind": type(value).__name__, **dataclasses.asdict(value)}
    return value


def named_leaves(tree: Tree) -> dict[str, np.ndarray]:
    """Return the leaves of any JAX tree by their path."""
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {f"state{jax.tree_util.keystr(path)}": np.asarray(leaf) for path, leaf in flat}


def fill(like: Tree, arrays: Mapping[str, np.ndarray]) -> Tree:
    """Return a tree shaped like `like` with the arrays of a file; all names, shapes and types must match."""
    flat, structure = jax.tree_util.tree_flatten_with_path(like)
    leaves = []
    for path, leaf in flat:
        name = f"state{jax.tree_util.keystr(path)}"
        array = arrays.get(name)
        if array is None or array.shape != leaf.shape or array.dtype.kind != np.dtype(leaf.dtype).kind:
            found = "nothing" if array is None else f"{array.dtype} {array.shape}"
            raise InvalidInput(
                f"The file has {found} for {name}, and {leaf.dtype} {leaf.shape} belongs there: the file is damaged "
                "or another network was given."
            )
        leaves.append(jnp.asarray(array))
    return jax.tree.unflatten(structure, leaves)
