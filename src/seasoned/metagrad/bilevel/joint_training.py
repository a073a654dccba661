"""Joint training of weights and hyperparameters: a small network whose penalties and loss weights are learned.

The training is hyperparameter optimisation by gradient in a single run. The weights take steps on training rows. In
between, the hyperparameters take a step down the loss of held-out rows, with the implicit function theorem at the
current weights. Arrays are padded to a few sizes, so that tables of similar size share one compiled program.
"""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.metagrad._common.jax_imports import jax, jnp
from seasoned.metagrad.bilevel.joint_steps import Data, State, advance, begin
from seasoned.metagrad.tasks.tasks import require_finite

if TYPE_CHECKING:
    from seasoned.metagrad.networks.networks import MLP

__all__ = ["JointTraining", "Learned"]

Tree = Any
_CHUNK = 10  # rounds per call of the compiled program; the time limit is checked between calls


class Learned(NamedTuple):
    """Result of a joint training.

    Attributes:
        layers: `w` [inputs, outputs] and `b` [outputs] of each layer, in numpy.
        decays: Penalties exp(d) of the `layers` [layers], and the first layer's factors exp(c) of the `columns` [p].
        loss_weights: Weight of each group of rows, 1 on average.
        losses: Held-out loss after every round of the tuning run.
        rounds: Number of rounds until the smallest of these losses.
    """

    layers: list[dict[str, np.ndarray]]
    decays: dict[str, np.ndarray]
    loss_weights: np.ndarray
    losses: np.ndarray
    rounds: int


@dataclass(frozen=True)
class JointTraining:
    """Joint training of an MLP's weights w and hyperparameters (d, c, a).

    Inner loss of a batch: mean_i v_i loss_i(w) + 1/2 sum_l exp(d_l) |W_l|^2. In the first layer the penalty is 1/2
    sum_j exp(d_1 + c_j) |W_1j|^2. The loss weights are v_i = G softmax(a)_g for the row's group g (its class, or a
    quantile of its target). Outer loss: mean loss of held-out rows, unweighted, + sum_j c_j^2 / (2 n spread^2).

    A fifth of the rows is held out. After every `every` steps of Adam on w the hyperparameters take one step of Adam
    down dF/dlambda = -d2f/dlambda dw (H + damping)^{-1} dF/dw at the current weights (`Implicit`, a few steps of
    conjugate gradients). Then the weights are trained again on all rows with the learned hyperparameters, for the best
    number of rounds.

    Args:
        network: The MLP; its number of outputs is the number of classes, or 1.
        loss: `"cross_entropy"` or `"squared_error"`.
        rounds: Number of steps of the hyperparameters.
        every: Number of steps of the weights before each step of the hyperparameters.
        batch: Number of rows in a step.

    Source: Lorraine et al. 2020 (arXiv:1911.02590), algorithm 1.

    Example:
        >>> import numpy as np
        >>> from seasoned.metagrad import MLP, JointTraining
        >>> X = np.random.default_rng(0).normal(size=(200, 3))
        >>> found = JointTraining(MLP((8,)), "squared_error", rounds=20).fit(X, X[:, 0], np.zeros(200, int))
        >>> bool(found.decays["columns"][0] < found.decays["columns"][1:].min())  # the one that matters
        True
    """

    network: MLP
    loss: str
    rounds: int = 100
    every: int = 10
    batch: int = 128

    def __post_init__(self) -> None:
        for name in ("rounds", "every", "batch"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} is {getattr(self, name)}, and it must be at least 1: give a whole number.")

    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        groups: np.ndarray,
        *,
        rate: float = 5e-3,
        outer_rate: float = 0.05,
        decay: float = 1e-3,
        spread: float = 1.0,
        seed: int = 0,
        seconds: float | None = None,
        weight: np.ndarray | None = None,
    ) -> Learned:
        """Tune on a split of the rows, then train on all rows.

        Args:
            X: [rows, p], scaled.
            y: Class codes [rows], or standardised numbers [rows].
            groups: Group of each row for the loss weights, from 0; all 0 for a single group.
            rate: First learning rate of the weights; it decays to 0 along a cosine.
            outer_rate: Learning rate of the hyperparameters; 0 trains with a constant `decay`.
            decay: First penalty of all layers.
            spread: Standard deviation of the columns' log-penalties around the log-penalty of the layer.
            seed: Seed of the split, the first weights and the batches.
            seconds: Time limit for the whole fit in seconds, compilation included; None for no limit.
            weight: Sample weights [rows], above 0; batches draw rows in proportion to them.
        """
        if len(y) < 5:
            raise InvalidInput(f"there are {len(y)} rows, and a fifth of them is held out: give at least 5.")
        require_finite(np.asarray(X), np.asarray(y), "the table")
        if self.loss == "cross_entropy" and not 0 <= int(np.min(y)) <= int(np.max(y)) < self.network.outputs:
            raise InvalidInput(
                f"y has the labels {int(np.min(y))} to {int(np.max(y))}, and the network predicts "
                f"{self.network.outputs} classes: number them from 0 on, or give it more outputs."
            )
        if not (decay > 0 and spread > 0):
            raise InvalidInput(f"decay is {decay} and spread {spread}, and logarithms are taken: give both above 0.")
        deadline = math.inf if seconds is None else time.monotonic() + seconds
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(y))
        cut = max(1, len(y) // 5)
        held, train = order[:cut], order[cut:]
        data = Data.of(X, y, groups, held, weight)
        rates = np.array([rate, outer_rate, 1.0 / (spread**2 * len(train))], np.float32)
        outer = {
            "layers": jnp.full(len(self.network.hidden) + 1, math.log(decay)),
            "columns": jnp.zeros(data.X.shape[1]),
            "groups": jnp.zeros(int(groups.max()) + 1),
        }
        first = _initial(self.network, X.shape[1], data.X.shape[1], rng)
        half = deadline if seconds is None else time.monotonic() + 0.5 * seconds
        tuned, losses = self._run(
            data, begin(first, outer), rates, self._picks(train, held, rng, weight), half, self.rounds
        )
        if len(losses) and not np.isfinite(losses).any():
            raise InvalidInput(
                f"the training diverged, as no held-out loss is finite: scale the columns, or give a rate below {rate}."
            )
        rounds = 1 + int(np.nanargmin(losses)) if len(losses) else 0
        again = self._picks(order, order, rng, weight)[: -(-rounds // _CHUNK)]
        last, seen = self._run(
            data, begin(first, tuned.best_outer), rates * np.array([1, 0, 1], np.float32), again, deadline, rounds
        )
        ends = all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(last.weights))
        whole = len(seen) >= rounds and ends  # otherwise time ran out or training diverged: the tuned weights are used
        return _learned(last.weights if whole else tuned.best, tuned.best_outer, X.shape[1], losses, rounds)

    def _picks(
        self, train: np.ndarray, held: np.ndarray, rng: np.random.Generator, weight: np.ndarray | None
    ) -> np.ndarray:
        """Return the row indices of all batches, [chunks, rounds per chunk, every + 2, batch].

        The last two batches of a round serve the hyperparameters' step: one of training rows, one of held-out rows.
        """
        pieces = -(-self.rounds // _CHUNK)
        shares = [None if weight is None else weight[rows] / weight[rows].sum() for rows in (train, held)]
        picks = rng.choice(train, (pieces, _CHUNK, self.every + 2, self.batch), p=shares[0])
        picks[:, :, -1] = rng.choice(held, (pieces, _CHUNK, self.batch), p=shares[1])
        return picks.astype(np.int32)

    def _run(
        self, data: Data, state: State, rates: np.ndarray, picks: np.ndarray, deadline: float, rounds: int
    ) -> tuple[State, np.ndarray]:
        """Return the state after `rounds` rounds or at the deadline, and the held-out loss after every round."""
        losses: list[np.ndarray] = []
        for piece in picks:
            if losses and time.monotonic() > deadline:
                break
            state, seen = advance(self, data, state, rates, piece, jnp.int32(rounds))
            losses.append(np.asarray(seen))
        return state, np.concatenate(losses)[:rounds]  # the last chunk may contain more rounds


def _initial(network: MLP, columns: int, padded: int, rng: np.random.Generator) -> Tree:
    """Return He-initialised weights; the weights of padded columns are 0."""
    sizes = (columns, *network.hidden, network.outputs)
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        w = rng.normal(size=(inputs, outputs)) * math.sqrt(2.0 / max(1, inputs))
        layers.append({"w": jnp.asarray(w, jnp.float32), "b": jnp.zeros(outputs, jnp.float32)})
    layers[0]["w"] = jnp.pad(layers[0]["w"], ((0, padded - columns), (0, 0)))
    layers[-1]["w"] = 0.1 * layers[-1]["w"]
    return {"layers": layers}


def _learned(weights: Tree, outer: Tree, columns: int, losses: np.ndarray, rounds: int) -> Learned:
    layers = [{name: np.array(part) for name, part in layer.items()} for layer in weights["layers"]]
    layers[0]["w"] = layers[0]["w"][:columns]
    decays = {"layers": np.exp(np.asarray(outer["layers"])), "columns": np.exp(np.asarray(outer["columns"])[:columns])}
    shares = np.asarray(jax.nn.softmax(outer["groups"]))
    return Learned(layers, decays, len(shares) * shares, losses, rounds)
