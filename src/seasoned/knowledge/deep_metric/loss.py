"""One training step of a network of the deep metric function: what is drawn, and the loss that is minimised; JAX.

A step draws tasks, for each a list of configurations and some trials (none to ten; half of the times from all, half
from good ones, as a search would have them), and minimises

    mean over tasks of   sum_j NLL(q_j | mu_j, s_j) / n  +  c ListMLE(order by y)  +  L1(log seconds)  +  BCE(failure),

where q_j is the normal quantile of the score among all scores of the task. With j the place in the list from the best
on, shared by ties,

    ListMLE = sum_j w_j (log sum_{k >= j} exp(-y_k) + y_j) / sum_j w_j,   w_j = 1 / log2(1 + j),

so that the top counts most. Most of the tasks drawn are made up of two past ones, s and t,

    q = m + cos(a) (q_s - m) + sin(a) (q_t - m),   a uniform in +-90 degrees,

where m are the configurations' means: such a task has the mean and covariance of the past ones, which is all that the
low-rank form learns from, and there are enough of them that none is memorised. The loss is that of Khazi, Arango and
Grabocka (2023), Deep ranking ensembles for hyperparameter optimization, eqs. 5-6. At random, configurations are treated
as new, and meta-features as unknown or slightly perturbed.
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
_LIST: Final = 72
_OF_GOOD: Final = 0.25  # of a list
_TRIALS: Final = 10
_NONE: Final = 0.25  # of the tasks drawn have no trial
_MADE_UP: Final = 0.6  # of the tasks drawn are turned towards another one
_RIGHT: Final = 1.5707963
_OFF: Final = 0.5  # largest perturbation of a meta-feature, whose spread is 1
_SLIGHT: Final = 0.5  # angle up to which meta-features stay those of the task
_BENT: Final = 0.3  # in spreads of log seconds: an error above it counts linearly instead of squared


class Targets(NamedTuple):
    """Of a list: quantile and log seconds, and which are scored, failed, timed; shape (tasks, list)."""

    quantile: Array
    seconds: Array
    scored: Array
    failed: Array
    timed: Array


@dataclass(frozen=True)
class Program:
    """A `metagrad` program: the meta-parameters are a network's weights, as a tree.

    Attributes:
        training: Steps, tasks of a step, rate and so on.
        weight: c.
        columns: Number of leading inputs that a new configuration has, too.
        timed: Whether seconds are learned.
        failing: Whether failures are.
    """

    frozen: ClassVar[tuple[str, ...]] = ()

    training: Training
    weight: float
    columns: int
    timed: bool
    failing: bool

    def draw(self, family: Deck, key: Array) -> dict[str, Array]:
        """Tasks, indices of the cells of their lists and trials, and what is made up, new or left unknown."""
        return self.drawn(family, key, self.training.tasks)

    def drawn(self, deck: Deck, key: Array, count: int) -> dict[str, Array]:
        """As `draw`, for `count` tasks; all random numbers come from one call, as each call is compiled by itself."""
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
        """Loss and gradient of one step."""
        del progress

        def loss(weights: Any) -> Array:
            query, seen, targets = self.posed(family, drawn, blurred=True)
            return self.loss(forward(jnp, weights, query, seen), targets)

        value, slope = jax.value_and_grad(loss)(theta)
        return value, slope, memory

    def validate(self, theta: Any, family: Deck, keys: Array) -> Array:
        """The loss on as many fixed draws as there are keys."""
        query, seen, targets = self.posed(family, self.drawn(family, keys[0], len(keys)), blurred=False)
        return self.loss(forward(jnp, theta, query, seen), targets)

    def posed(self, deck: Deck, drawn: dict[str, Array], *, blurred: bool) -> tuple[Query, Seen, Targets]:
        """The query, the trials seen and the targets; `blurred` makes up tasks and hides some of the input."""
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
        """See the module."""
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
    """Cells of some tasks with all that is known of them; see `Deck`."""

    columns: Array
    inputs: Array
    base: Array
    numbers: Array
    flags: Array


def _floor(number: Array) -> Array:
    return jnp.floor(number).astype(jnp.int32)


def _places(deck: Deck, luck: Array, tasks: Array, of_good: Array) -> Array:
    """Random cells of each task, from the good ones or from all."""
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
    """Tasks, their partners, and the angle by which each is turned towards its partner, shape (tasks, 1)."""

    tasks: Array
    others: Array
    angle: Array


def _mixed(deck: Deck, cells: _Cells, mix: _Mix) -> _Cells:
    """Cells of tasks that are made up of two; their standard scores are their quantiles."""
    other = deck.whole[mix.others[:, None], cells.columns].astype(jnp.float32)
    usual = deck.usual[cells.columns]
    made = usual + jnp.cos(mix.angle) * (cells.numbers[..., 0] - usual) + jnp.sin(mix.angle) * other
    mixed = jnp.stack([made, made, cells.numbers[..., 2]], axis=-1)
    return cells._replace(numbers=jnp.where((mix.angle != 0.0)[..., None], mixed, cells.numbers))


def _as_new(deck: Deck, cells: _Cells, new: Array, columns: int) -> _Cells:
    """Some cells as those of configurations that nobody has tried."""
    own = jnp.arange(cells.inputs.shape[-1]) < columns
    inputs = jnp.where(own | ~new[..., None], cells.inputs, 0.0)
    return cells._replace(inputs=inputs, base=jnp.where(new[..., None], deck.new, cells.base))


def listwise(order: Array, target: Array, known: Array) -> Array:
    """The ranking loss of each list, its top weighted most, shape (lists,).

    Args:
        order: Scores, to be least for the best, shape (lists, n).
        target: The true order, least is best.
        known: Which entries count.

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
