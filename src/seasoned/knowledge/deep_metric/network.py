"""Network of the deep metric function. The forward pass is written once for numpy and JAX (`xp` is either module).

    h_j = MLP(x_j)                                         configuration j, from its inputs x_j
    e_i = MLP(h_i, n_i, q_i h_i, b_i)                      trial i, from its configuration and its inputs n_i (`told`)
    g   = MLP(mean_i e_i, mean_i (l_i, f_i), t, MLP(m))    task, from a set of t trials and meta-features m
    r_j = sum_i a_ji e_i,   a_j = softmax_i(h_j' A B' h_i) attention over the trials and one empty trial
    y_j = MLP(h_j, g, h_j g, r_j, b_j) + S (b_j, l, h_j' g, sum_i a_ji (q_i - b_i))

The five outputs y are a ranking score (lower is better), the mean and the log spread of the normal quantile, log
seconds, and the logit of a failure. b_j are the bases of the configuration. q_i is the rank of the trial's score, f_i
the failure flag, l_i the lag in log seconds, and l the mean lag.

The last term is a skip connection with three simple models. The first is additive, and is the initial model. The second
is bilinear. The third is the difference between nearby trials and their bases. The outputs do not depend on the order
of the trials.

Source of the set encoding: Zaheer et al. (2017), Deep sets; Khazi, Arango and Grabocka (2023), Deep ranking ensembles
for hyperparameter optimization, section 4.2. These use the mean only. Attention from each configuration to the trials
(Kim et al. 2019, Attentive neural processes) lets a trial inform about similar configurations.
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
_SIMPLE: Final = BASES + 3  # inputs of the skip connection
_ABOUT: Final = 8  # width of the encoding of meta-features
_LAST_LAYER_SCALE: Final = (
    0.1  # scale of the initial weights of the last layer; small, so that the additive model dominates
)
_TRUST: Final = 0.3  # initial weight of the bilinear model and of nearby trials
_SPREAD: Final = (-0.2, 1.2)  # centre of the log spread, and its largest distance from the centre


class Query(NamedTuple):
    """Query: the configurations to predict, and the meta-features of their tasks.

    Attributes:
        inputs: Inputs of the configurations, shape (tasks, asked, width).
        base: Bases of the configurations, shape (tasks, asked, 3).
        about: Meta-features as ranks, 0 where unknown, shape (tasks, m).
        described: True where a meta-feature is known, shape (tasks, m).
    """

    inputs: Any
    base: Any
    about: Any
    described: Any


class Seen(NamedTuple):
    """Trials of the tasks.

    Attributes:
        inputs: Inputs of the configurations, shape (tasks, trials, width).
        base: Bases of the configurations, shape (tasks, trials, 3).
        numbers: Output of `told`, shape (tasks, trials, 5).
        mask: True for trials that exist; False for padding, shape (tasks, trials).
    """

    inputs: Any
    base: Any
    numbers: Any
    mask: Any


def shapes_of(inputs: int, metafeatures: int, width: int, hidden: int) -> dict[str, tuple[int, ...]]:
    """Name -> shape of each array of a network. Layers of a chain are named `name/#place/w` and `name/#place/b`.

    Args:
        inputs: Number of inputs of a configuration.
        metafeatures: Number of meta-features of a task.
        width: Width of an encoding.
        hidden: Units of a hidden layer.
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
    """Initial weights: uniform in +-1 / sqrt(inputs); the skip connection is the additive model.

    Example:
        >>> shapes = shapes_of(4, 0, 8, 16)
        >>> first_weights(shapes, np.random.default_rng(0))["joint/#0/w"].shape
        (35, 16)
    """
    last = max(name for name in shapes if name.startswith("joint/"))[: -len("/w")]
    found = {}
    for name, shape in shapes.items():
        inputs = shapes[name[:-1] + "w"][0] if name.endswith("/b") else shape[0]
        scale = max(inputs, 1) ** -0.5 * (_LAST_LAYER_SCALE if name.startswith(last) else 1.0)
        found[name] = (scale * rng.uniform(-1.0, 1.0, shape)).astype(np.float32)
    skip = np.zeros(shapes["skip"], dtype=np.float32)
    # Quantile to rank and mean, seconds and lag to seconds, failure logit to failure logit.
    skip[[0, 0, 1, 3, 2], [0, 1, 3, 3, 4]] = 1.0
    skip[4:, :2] = _TRUST
    return {**found, "skip": skip}


def forward(xp: Any, weights: Weights, query: Query, seen: Seen) -> Any:
    """Forward pass: ranking score, mean, log spread, log seconds and failure logit, shape (tasks, asked, 5).

    Args:
        xp: numpy or jax.numpy.
        weights: Weights as a tree, with each chain as a list of layers.
        query: Configurations to predict.
        seen: Trials so far; the number of trials may be 0.
    """
    asked, tried = (mlp(xp, weights["configuration"], part.inputs, "silu") for part in (query, seen))
    mask = seen.mask[..., None]
    said = [tried, seen.numbers, seen.numbers[..., :1] * tried, seen.base]
    words = xp.where(mask, mlp(xp, weights["trial"], xp.concatenate(said, axis=-1), "silu"), 0.0)
    count = mask.sum(axis=1)
    most = xp.maximum(count, 1)
    plain = xp.where(mask, seen.numbers[..., 2:4], 0.0).sum(axis=1) / most  # failure rate, mean lag: (tasks, 2)
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
    """Attention weights of each queried configuration over the trials, shape (tasks, asked, trials).

    The softmax includes an empty trial with logit 0, so that the weights sum to less than 1.
    """
    scale = weights["ask"].shape[0] ** -0.5
    logits = (asked @ weights["ask"]) @ xp.swapaxes(tried @ weights["answer"], 1, 2) * scale
    logits = xp.where(mask[:, None, :], logits, -1e9)
    top = logits.max(axis=-1, keepdims=True, initial=0.0)
    shares = xp.exp(logits - top)
    return shares / (shares.sum(axis=-1, keepdims=True) + xp.exp(-top))
