"""Training loss of the deep metric function: random draws of one training step, and the loss, in JAX.

A step draws tasks. For each task it draws a list of configurations and 0 to 10 trials. In half of the draws the trials
come from the good configurations, as in a search. The step minimises

    mean over tasks of   sum_j NLL(q_j | mu_j, s_j) / n  +  c ListMLE(order by y)  +  L1(log seconds)  +  BCE(failure).

q_j is the normal quantile of the score among all scores of the task. The L1 term is smoothed near 0. The list-wise loss
weights the top of the list most:

    ListMLE = sum_j w_j (log sum_{k >= j} exp(-y_k) + y_j) / sum_j w_j,   w_j = 1 / log2(1 + j).

j is the rank in the list, 1 for the best; ties share a rank. The loss follows Khazi, Arango and Grabocka (2023), Deep
ranking ensembles for hyperparameter optimization, eqs. 5-6.

Training data are augmented. Most drawn tasks are mixtures of two past tasks s and t:

    q = m + cos(a) (q_s - m) + sin(a) (q_t - m),   a uniform in +-90 degrees.

m are the means of the configurations. A mixed task has the same mean and covariance as the past tasks, and the number
of mixtures prevents memorisation of single tasks. At random, configurations are treated as new, and meta-features
are hidden or slightly perturbed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from seasoned.knowledge.deep_metric.inputs import told
from seasoned.knowledge.deep_metric.network import Query, Seen, forward
from seasoned.metagrad._common.jax_imports import jax, jnp

if TYPE_CHECKING:
    from seasoned.knowledge.deep_metric.dataset import Deck
    from seasoned.metagrad.training.loop import Training

__all__ = ["Program", "Targets", "listwise"]

Array = Any
_LIST: Final = 72  # configurations of a list
_OF_GOOD: Final = 0.25  # share of good configurations in a list
_TRIALS: Final = 10  # largest number of trials of a drawn task
_NONE: Final = 0.25  # share of the drawn tasks without trials
_MADE_UP: Final = 0.6  # share of the drawn tasks that are mixtures of two past tasks
_RIGHT: Final = 1.5707963  # largest angle of a mixture, pi / 2
_OFF: Final = 0.5  # largest perturbation of a meta-feature, in standard deviations
_SLIGHT: Final = 0.5  # largest angle of a mixture that keeps the meta-features of its first task, in radians
_BENT: Final = 0.3  # error of log seconds at which the loss changes from squared to linear, in standard deviations


class Targets(NamedTuple):
    """Targets of a list: quantile, log seconds, and the scored, failed and timed flags, each (tasks, list)."""

    quantile: Array
    seconds: Array
    scored: Array
    failed: Array
    timed: Array


@dataclass(frozen=True)
class Program:
    """Training program for `metagrad`: the meta-parameters are the weights of one network, as a tree.

    Attributes:
        training: Settings of the training loop, such as steps, tasks of a step and learning rate.
        weight: Weight c of the list-wise loss.
        columns: Number of leading inputs that a new configuration also has: its point.
        timed: True if seconds are learned.
        failing: True if failures are learned.
    """

    frozen: ClassVar[tuple[str, ...]] = ()

    training: Training
    weight: float
    columns: int
    timed: bool
    failing: bool

    def draw(self, family: Deck, key: Array) -> dict[str, Array]:
        """Draw the tasks of a step, the cells of their lists and trials, and the random numbers of the augmentation."""
        return self.drawn(family, key, self.training.tasks)

    def drawn(self, deck: Deck, key: Array, count: int) -> dict[str, Array]:
        """Draw `count` tasks as in `draw`. One call gives all random numbers, because each call compiles separately."""
        sizes = {"one": 9, "cells": _LIST, "tried": _TRIALS, "unlisted": _LIST, "untried": _TRIALS}
        sizes |= dict.fromkeys(("told", "off"), int(deck.about.shape[1]))
        luck = jax.random.uniform(key, (count, sum(sizes.values())))
        places = list(itertools.accumulate(sizes.values()))[:-1]
        found = dict(zip(sizes, jnp.split(luck, places, axis=1), strict=True))
        one = found.pop("one").T
        tasks = deck.tasks[_floor(one[0] * len(deck.tasks))]
        of_good = jnp.broadcast_to(jnp.arange(_LIST) < _OF_GOOD * _LIST, (count, _LIST))
        good = jnp.broadcast_to((one[2] < 0.5)[:, None], (count, _TRIALS))
        return {
            **found,
            "tasks": tasks,
            "others": deck.tasks[_floor(one[1] * len(deck.tasks))],
            "cells": _places(deck, found["cells"], tasks, of_good),
            "tried": _places(deck, found["tried"], tasks, good),
            "sizes": jnp.where(one[3] < _NONE, 0, 1 + _floor(one[4] * _TRIALS)),
            "angles": jnp.where(one[5] < _MADE_UP, _RIGHT * (2.0 * one[6] - 1.0), 0.0),
            "new": jnp.where(one[7] < 0.7, 0.0, jnp.where(one[7] < 0.85, 0.5, 1.0)),
            "silent": one[8] < 0.5,
        }

    def update(
        self, theta: Any, memory: Any, family: Deck, drawn: dict[str, Array], progress: Array
    ) -> tuple[Array, Any, Any]:
        """Return the loss of one step, its gradient, and `memory` unchanged."""
        del progress

        def loss(weights: Any) -> Array:
            query, seen, targets = self.posed(family, drawn, blurred=True)
            return self.loss(forward(jnp, weights, query, seen), targets)

        value, slope = jax.value_and_grad(loss)(theta)
        return value, slope, memory

    def validate(self, theta: Any, family: Deck, keys: Array) -> Array:
        """Validation loss: the loss on `len(keys)` tasks, drawn with the first key."""
        query, seen, targets = self.posed(family, self.drawn(family, keys[0], len(keys)), blurred=False)
        return self.loss(forward(jnp, theta, query, seen), targets)

    def posed(self, deck: Deck, drawn: dict[str, Array], *, blurred: bool) -> tuple[Query, Seen, Targets]:
        """Build the query, the trials and the targets of drawn tasks; `blurred` switches the augmentation on."""
        tasks = drawn["tasks"]
        cells, tried = (_taken(deck, tasks, drawn[name]) for name in ("cells", "tried"))
        about: Any = deck.about[tasks]
        described = deck.described[tasks]
        if blurred:
            mix = _Mix(tasks, drawn["others"], drawn["angles"][:, None])
            cells, tried = (
                _as_new(deck, _mixed(deck, part, mix), drawn[luck] < drawn["new"][:, None], self.columns)
                for part, luck in ((cells, "unlisted"), (tried, "untried"))
            )
            silent = drawn["silent"][:, None] | (jnp.abs(mix.angle) > _SLIGHT) | (drawn["told"] < 0.2)
            described = described & ~silent
            about = jnp.where(described, about + 2.0 * _OFF * (drawn["off"] - 0.5), 0.0)
        mask = jnp.arange(_TRIALS) < drawn["sizes"][:, None]
        failed = tried.flags[..., 1] | ~tried.flags[..., 0]
        lag = tried.numbers[..., 2] - tried.base[..., 1]
        numbers = told(jnp, tried.numbers[..., 1], failed, lag, tried.flags[..., 2], mask)
        targets = Targets(cells.numbers[..., 0], cells.numbers[..., 2], *jnp.moveaxis(cells.flags, -1, 0))
        query = Query(cells.inputs, cells.base, about, described)
        return query, Seen(tried.inputs, tried.base, numbers, mask), targets

    def loss(self, out: Array, targets: Targets) -> Array:
        """Training loss (module docstring) of the outputs, shape (tasks, list, 5)."""
        z = (targets.quantile - out[..., 1]) * jnp.exp(-out[..., 2])
        total = _mean(0.5 * z * z + out[..., 2], targets.scored)
        total += self.weight * listwise(out[..., 0], targets.quantile, targets.scored).mean()
        if self.timed:
            apart = (targets.seconds - out[..., 3]) / _BENT
            total += _mean(_BENT * (jnp.sqrt(1.0 + apart * apart) - 1.0), targets.timed)
        if self.failing:
            logit = jnp.where(targets.failed, out[..., 4], -out[..., 4])
            total += _mean(jax.nn.softplus(-logit), targets.scored | targets.failed)
        return total


class _Cells(NamedTuple):
    """Cells of drawn tasks, with the same fields as `Deck`; each array begins with the axes (tasks, cells)."""

    columns: Array
    inputs: Array
    base: Array
    numbers: Array
    flags: Array


def _floor(number: Array) -> Array:
    return jnp.floor(number).astype(jnp.int32)


def _places(deck: Deck, luck: Array, tasks: Array, of_good: Array) -> Array:
    """Random cells of each task, from the good cells where `of_good` is True, and otherwise from all."""
    plain, good = deck.counts[tasks, 0][:, None], deck.counts[tasks, 1][:, None]
    of_good = of_good & (good > 0)
    return _floor(luck * jnp.where(of_good, good, plain)) + jnp.where(of_good, deck.plain, 0)


def _taken(deck: Deck, tasks: Array, places: Array) -> _Cells:
    rows = tasks[:, None]
    columns = deck.columns[rows, places]
    return _Cells(
        columns, deck.inputs[columns], deck.base[rows, places], deck.numbers[rows, places], deck.flags[rows, places]
    )


class _Mix(NamedTuple):
    """Mixtures of two tasks: first tasks, second tasks, and angles a; `angle` has shape (tasks, 1)."""

    tasks: Array
    others: Array
    angle: Array


def _mixed(deck: Deck, cells: _Cells, mix: _Mix) -> _Cells:
    """Cells of mixed tasks; the quantile also replaces the standard score of such a task."""
    other = deck.whole[mix.others[:, None], cells.columns].astype(jnp.float32)
    usual = deck.usual[cells.columns]
    made = usual + jnp.cos(mix.angle) * (cells.numbers[..., 0] - usual) + jnp.sin(mix.angle) * other
    mixed = jnp.stack([made, made, cells.numbers[..., 2]], axis=-1)
    return cells._replace(numbers=jnp.where((mix.angle != 0.0)[..., None], mixed, cells.numbers))


def _as_new(deck: Deck, cells: _Cells, new: Array, columns: int) -> _Cells:
    """Replace the statistics of cells where `new` is True by the values of a new configuration."""
    own = jnp.arange(cells.inputs.shape[-1]) < columns
    inputs = jnp.where(own | ~new[..., None], cells.inputs, 0.0)
    return cells._replace(inputs=inputs, base=jnp.where(new[..., None], deck.new, cells.base))


def listwise(order: Array, target: Array, known: Array) -> Array:
    """List-wise ranking loss (ListMLE) of each list, with the largest weights at the top, shape (lists,).

    Args:
        order: Predicted ranking scores, lower is better, shape (lists, n).
        target: True scores, lower is better, shape (lists, n).
        known: Mask of the entries that count, shape (lists, n).

    Example:
        >>> target, yes = jnp.array([[0.0, 1.0, 2.0]]), jnp.ones((1, 3), bool)
        >>> bool(listwise(target, target, yes)[0] < listwise(-target, target, yes)[0])
        True
    """
    among = known[:, None, :]
    worse = (target[:, None, :] >= target[:, :, None]) & among  # pairs compile faster than a sort and a scan
    tail = jax.nn.logsumexp(jnp.where(worse, -order[:, None, :], -1e9), axis=-1)
    rank = ((target[:, None, :] < target[:, :, None]) & among).sum(axis=-1)
    weight = jnp.where(known, 1.0 / jnp.log2(2.0 + rank), 0.0)
    return (weight * (tail + order)).sum(axis=-1) / jnp.maximum(weight.sum(axis=-1), 1e-9)


def _mean(values: Array, known: Array) -> Array:
    return jnp.where(known, values, 0.0).sum() / jnp.maximum(known.sum(), 1)
