"""Loading of fitted learners from files. Only the classes listed here are ever created, whatever a file contains."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp
from seasoned.metagrad._common.npz_files import read
from seasoned.metagrad.learners.adapted_model import network_of
from seasoned.metagrad.learners.base import Fitted
from seasoned.metagrad.learners.imaml import IMAML
from seasoned.metagrad.learners.maml import ANIL, MAML, MAMLPlusPlus, MetaSGD
from seasoned.metagrad.learners.prototypical import PrototypicalNetworks
from seasoned.metagrad.learners.reptile import Reptile
from seasoned.metagrad.learners.ridge_head import RidgeHead
from seasoned.metagrad.learners.saving import fill
from seasoned.metagrad.optimizers.learned_optimizer import LearnedOptimizer
from seasoned.metagrad.optimizers.update_rules import LSTMRule, MLPRule
from seasoned.metagrad.training.loop import Entry, Training, begin

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from seasoned.metagrad.learners.base import MetaLearner

__all__ = ["LEARNERS", "load_learner"]

LEARNERS: Final[dict[str, type[MetaLearner]]] = {
    kind.__name__: kind
    for kind in (MAML, ANIL, MetaSGD, MAMLPlusPlus, Reptile, IMAML, PrototypicalNetworks, LearnedOptimizer, RidgeHead)
}
PARTS: Final[dict[str, Any]] = {kind.__name__: kind for kind in (LSTMRule, MLPRule)}
"""Classes of settings objects that a learner's field may contain."""


def load_learner(
    path: str | os.PathLike[str], *, network: Any = None, loss: Any = None, kinds: Sequence[type] = ()
) -> MetaLearner:
    """Return the fitted learner of a file of `MetaLearner.save`, for adaptation or further training.

    Args:
        path: The file.
        network: The network again, if it was a `Function`, because files contain no code.
        loss: The loss again, if it was a function.
        kinds: The user's classes in the file: a learner, an update rule.

    Raises:
        InvalidInput: The file's format or class is unknown, its arrays are damaged, or a function is missing.
    """
    about, arrays = read(path)
    own = {given.__name__: given for given in kinds}
    kind: Any = {**LEARNERS, **own}.get(about["kind"])
    if kind is None:
        raise InvalidInput(
            f"{path} holds a {about['kind']}, and there are {', '.join(LEARNERS)}: load an AdaptedModel with "
            f"AdaptedModel.load, and a learner of your own with kinds=[{about['kind']}]."
        )
    if about["loss"] is None and loss is None:
        raise InvalidInput(
            f"{path} was trained with a loss function of your own: load it with loss=, as it was trained."
        )
    program = kind(
        **{name: _object(value, {**PARTS, **own}) for name, value in about["settings"].items()},
        network=network_of(about["network"], network),
        loss=about["loss"] or loss,
        training=Training(**about["training"]),
    )
    shape = tuple(int(size) for size in about["shape"])
    like = jax.eval_shape(lambda key: begin(program, program.initial(key, shape), ()), jax.random.key(0))
    state = fill(like, arrays)
    count = sum(name.startswith("memory/") for name in arrays)
    state = state._replace(memory=tuple(jnp.asarray(arrays[f"memory/{place}"]) for place in range(count)))
    history = tuple(Entry(int(step), float(a), float(b)) for step, a, b in arrays["history"])
    labels = bool(about.get("labels", about["loss"] == "cross_entropy"))  # older files lack the entry
    episodic = bool(about.get("episodic", False))
    fitted = Fitted(shape, int(about["outputs"]), state, history, labels, episodic)
    found: MetaLearner = dataclasses.replace(program, fitted=fitted)
    return found


def _object(value: Any, parts: Mapping[str, Any]) -> Any:
    if isinstance(value, dict) and "kind" in value:
        settings = dict(value)
        kind = settings.pop("kind")
        if kind not in parts:
            raise InvalidInput(
                f"The file names a part {kind!r}, and there are {', '.join(parts)}: update seasoned, or load a part of "
                f"your own with kinds=[{kind}]."
            )
        return parts[kind](**settings)
    return value
