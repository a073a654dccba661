"""One network of the deep metric function, its forward pass written once for numpy and JAX (`xp` is either).

    h_j = MLP(x_j)                                         a configuration
    e_i = MLP(h_i, n_i, q_i h_i, b_i)                      a trial: its configuration and what it says (`told`)
    g   = MLP(mean_i e_i, mean_i (l_i, f_i), t, MLP(m))    the task: a set of t trials, and meta-features m
    r_j = sum_i a_ji e_i,   a_j = softmax_i(h_j' A B' h_i) over the trials and one that says nothing
    y_j = MLP(h_j, g, h_j g, r_j, b_j) + S (b_j, l, h_j' g, sum_i a_ji (q_i - b_i))

y consists of a score for ranking (less is better), mean and log spread of the normal quantile of the score among all
scores of the task, log seconds, and the logit of a failure. b_j is what past tasks know of the configuration, q_i the
rank of a trial's score, f_i whether it failed, and l how much slower the trials were than usual. The last term holds
the simple models: the additive one, from which training begins, a bilinear one, and by how much nearby trials differed
from what was expected of them. Nothing depends on the order of the trials.

The encoding of a task as a set: Zaheer et al. (2017), Deep sets; Khazi, Arango and Grabocka (2023), Deep ranking
ensembles for hyperparameter optimization, section 4.2. They have the mean alone; attention from each configuration to
the trials (Kim et al. 2019, Attentive neural processes) lets a trial inform about similar configurations.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.knowledge.deep_metric.inputs import BASES, NUMBERS
from seasoned.metagrad.networks.forward import mlp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["OUTPUTS", "Query", "Seen", "Weights", "first_weights", "forward", "shapes_of"]

Weights = dict[str, Any]
OUTPUTS: Final = 5
_SIMPLE: Final = BASES + 3  # numbers of the last term
_ABOUT: Final = 8  # size of the encoding of meta-features
_SMALL: Final = 0.1  # scale of the last layer's first weights, so that training begins at the additive model
_TRUST: Final = 0.3  # initial weight of the bilinear part and of nearby trials
_SPREAD: Final = (-0.2, 1.2)  # middle and reach of the log spread


class Query(NamedTuple):
    """Configurations asked for, and meta-features of their tasks.

    Attributes:
        inputs: Shape (tasks, asked, width).
        base: Shape (tasks, asked, 3).
        about: Meta-features as ranks, 0 where unknown, shape (tasks, m).
        described: Which are known, shape (tasks, m).
    """

    inputs: Any
    base: Any
    about: Any
    described: Any


class Seen(NamedTuple):
    """Trials on the tasks.

    Attributes:
        inputs: Of their configurations, shape (tasks, trials, width).
        base: Shape (tasks, trials, 3).
        numbers: Output of `told`, shape (tasks, trials, 5).
        mask: Which of them exist, shape (tasks, trials).
    """

    inputs: Any
    base: Any
    numbers: Any
    mask: Any


def shapes_of(inputs: int, metafeatures: int, width: int, hidden: int) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every array of a network, chains of layers as `name/#place/w` and `/b`.

    Args:
        inputs: Size of the input of a configuration.
        metafeatures: Number of meta-features of a task.
        width: Size of an encoding.
        hidden: Units of hidden layers.
    """
    chains = {
        "configuration": (inputs, hidden, width),
        "trial": (2 * width + NUMBERS + BASES, 2 * width, width),
        "about": (2 * metafeatures, width, _ABOUT),
        "task": (width + 4 + _ABOUT, 2 * width, width),
        "joint": (4 * width + BASES, hidden, hidden, OUTPUTS),
    }
    found: dict[str, tuple[int, ...]] = {"skip": (_SIMPLE, OUTPUTS), "ask": (width, width), "answer": (width, width)}
    for name, sizes in chains.items():
        for place, pair in enumerate(pairwise(sizes)):
            found[f"{name}/#{place}/w"], found[f"{name}/#{place}/b"] = pair, pair[1:]
    return found


def first_weights(shapes: Mapping[str, tuple[int, ...]], rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Initial weights: uniform in +-1 / sqrt(inputs), with the additive model as the skip connection.

    Example:
        >>> shapes = shapes_of(4, 0, 8, 16)
        >>> first_weights(shapes, np.random.default_rng(0))["joint/#0/w"].shape
        (35, 16)
    """
    last = max(name for name in shapes if name.startswith("joint/"))[: -len("/w")]
    found = {}
    for name, shape in shapes.items():
        inputs = shapes[name[:-1] + "w"][0] if name.endswith("/b") else shape[0]
        scale = max(inputs, 1) ** -0.5 * (_SMALL if name.startswith(last) else 1.0)
        found[name] = (scale * rng.uniform(-1.0, 1.0, shape)).astype(np.float32)
    skip = np.zeros(shapes["skip"], dtype=np.float32)
    skip[[0, 0, 1, 3, 2], [0, 1, 3, 3, 4]] = 1.0  # quantile to rank and mean, seconds and lag to seconds, risk to risk
    skip[4:, :2] = _TRUST
    return {**found, "skip": skip}


def forward(xp: Any, weights: Weights, query: Query, seen: Seen) -> Any:
    """Score for ranking, mean quantile, its log spread, log seconds and logit of a failure; (tasks, asked, 5).

    Args:
        xp: numpy or jax.numpy.
        weights: As a tree: chains as lists of layers.
        query: What is asked.
        seen: What was tried; there may be none.
    """
    asked, tried = (mlp(xp, weights["configuration"], part.inputs, "silu") for part in (query, seen))
    mask = seen.mask[..., None]
    said = [tried, seen.numbers, seen.numbers[..., :1] * tried, seen.base]
    words = xp.where(mask, mlp(xp, weights["trial"], xp.concatenate(said, axis=-1), "silu"), 0.0)
    count = mask.sum(axis=1)
    most = xp.maximum(count, 1)
    plain = xp.where(mask, seen.numbers[..., 2:4], 0.0).sum(axis=1) / most  # share of failures, mean lag
    known = xp.concatenate([query.about, xp.where(query.described, 1.0, 0.0)], axis=-1)
    about = mlp(xp, weights["about"], known, "silu")
    parts = [words.sum(axis=1) / most, plain, count / 10.0, 1.0 / (1.0 + count), about]
    task = mlp(xp, weights["task"], xp.concatenate(parts, axis=-1), "silu")[:, None, :]
    shares = _shares(xp, weights, asked, tried, seen.mask)
    joint = xp.concatenate(
        [asked, xp.broadcast_to(task, asked.shape), asked * task, shares @ words, query.base], axis=-1
    )
    out = mlp(xp, weights["joint"], joint, "silu")
    level = (plain[:, 1:] * (count / (1.0 + count)))[:, None, :]
    beyond = xp.where(mask & (seen.numbers[..., 2:3] == 0.0), seen.numbers[..., :1] - seen.base[..., :1], 0.0)
    bilinear = (asked * task).mean(axis=-1, keepdims=True)
    simple = [query.base, xp.broadcast_to(level, bilinear.shape), bilinear, shares @ beyond]
    out = out + xp.concatenate(simple, axis=-1) @ weights["skip"]
    middle, reach = _SPREAD
    spread = middle + reach * xp.tanh(out[..., 2:3] / reach)
    return xp.concatenate([out[..., :2], spread, out[..., 3:]], axis=-1)


def _shares(xp: Any, weights: Weights, asked: Any, tried: Any, mask: Any) -> Any:
    """Attention of each configuration asked for to each trial, shape (tasks, asked, trials).

    Besides the trials there is one without content, with a logit of 0, so that the shares sum to less than 1.
    """
    scale = weights["ask"].shape[0] ** -0.5
    logits = (asked @ weights["ask"]) @ xp.swapaxes(tried @ weights["answer"], 1, 2) * scale
    logits = xp.where(mask[:, None, :], logits, -1e9)
    top = logits.max(axis=-1, keepdims=True, initial=0.0)
    shares = xp.exp(logits - top)
    return shares / (shares.sum(axis=-1, keepdims=True) + xp.exp(-top))
