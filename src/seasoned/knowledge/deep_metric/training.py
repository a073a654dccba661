"""Training of the deep metric function: an ensemble whose members have different validation tasks (extra `grad`).

A member keeps the weights with the lowest loss on its validation tasks. The validation tasks of all members also
calibrate the spread: one factor brings the coverage of central intervals as near as possible to nominal coverage.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import ndtri

from seasoned.knowledge.deep_metric.dataset import Deck, Lessons, deck_of, frame_of
from seasoned.knowledge.deep_metric.loss import Program
from seasoned.knowledge.deep_metric.model import DeepMetric
from seasoned.knowledge.deep_metric.network import first_weights, forward, shapes_of
from seasoned.knowledge.deep_metric.settings import DeepMetricSettings
from seasoned.metagrad._common.jax_imports import jax
from seasoned.metagrad._common.npz_files import flatten, unflatten
from seasoned.metagrad.training.loop import AdamW, Training, begin, train

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["stretch_of", "train_deep_metric"]

_TASKS: Final = 8  # tasks of a training step
_JUDGED: Final = 128  # lists on which the weights of a member are selected
_CALIBRATED: Final = 256  # lists of each member on which the spread is calibrated
_LEVELS: Final = np.linspace(0.1, 0.9, 9)
_STRETCHES: Final = np.exp(np.linspace(np.log(0.5), np.log(3.0), 60))


def train_deep_metric(lessons: Lessons, settings: DeepMetricSettings | None = None) -> DeepMetric:
    """Train a deep metric function on past tasks.

    Args:
        lessons: At least 10 past tasks.
        settings: Architecture and training settings; the defaults if None.

    Raises:
        MissingExtra: If JAX is not installed (on import of this module).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> points, taste = rng.random((40, 2)), rng.normal(size=(30, 2))
        >>> lessons = Lessons(taste @ points.T, points, about=taste)
        >>> metric = train_deep_metric(lessons, DeepMetricSettings(members=2, width=8, hidden=16, steps=100))
        >>> len(metric.members)
        2
    """
    settings = settings or DeepMetricSettings()
    rng = np.random.default_rng(settings.seed)
    frame = frame_of(lessons, settings.rank)
    deck = deck_of(lessons, frame, rng)
    shapes = shapes_of(frame.width, deck.about.shape[1], settings.width, settings.hidden)
    program = Program(_training(settings), settings.listwise, len(frame.middle), *_heads(deck))
    device = jax.tree.map(jax.numpy.asarray, deck)
    members, apart = [], []
    for number, left in enumerate(_left_out(len(lessons.scores), settings.members, rng)):
        taught = np.setdiff1d(deck.tasks, left)
        decks = tuple(device._replace(tasks=jax.numpy.asarray(part, "int32")) for part in (taught, left))
        weights = _trained(replace(program, training=_training(settings, number)), decks, first_weights(shapes, rng))
        members.append(weights)
        apart.append(_apart(program, decks[1], unflatten(weights), jax.random.key(number)))
    return DeepMetric(tuple(members), frame, stretch_of(np.concatenate(apart)))


def _training(settings: DeepMetricSettings, number: int = 0) -> Training:
    return Training(
        steps=settings.steps,
        tasks=_TASKS,
        lr=settings.lr,
        optimizer=AdamW(settings.decay),
        schedule="cosine",
        clip=5.0,
        every=max(1, settings.steps // 10),
        validation_tasks=_JUDGED,
        seed=settings.seed + number,
    )


def _heads(deck: Deck) -> tuple[bool, bool]:
    """Flags: True if the training set has seconds, and True if it has failures."""
    return bool(deck.flags[..., 2].any()), bool(deck.flags[..., 1].any())


def _left_out(tasks: int, members: int, rng: np.random.Generator) -> list[NDArray[np.intp]]:
    """Validation tasks of each member, in equal numbers, so that all members share compiled code."""
    size = max(1, min(tasks // members, tasks // 4))
    order = rng.permutation(tasks)
    return [np.sort(np.take(order, np.arange(size) + number * size, mode="wrap")) for number in range(members)]


def _trained(program: Program, decks: Any, first: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Train one member; return the weights with the lowest loss on its validation tasks."""
    state = begin(program, unflatten(first), ())
    for after, _ in train(program, decks, state, program.training.steps):
        state = after
    return {name: np.asarray(part, dtype=np.float32) for name, part in flatten(state.best).items()}


def _apart(program: Program, deck: Any, weights: Any, key: Any) -> NDArray[np.float64]:
    """Errors of the predicted quantiles on validation tasks, in units of the predicted spread, shape (errors,)."""
    query, seen, targets = program.posed(deck, program.drawn(deck, key, _CALIBRATED), blurred=False)
    out = forward(jax.numpy, weights, query, seen)
    apart = (targets.quantile - out[..., 1]) * jax.numpy.exp(-out[..., 2])
    found: NDArray[np.float64] = np.asarray(apart, dtype=np.float64)[np.asarray(targets.scored)]
    return found


def stretch_of(apart: NDArray[np.float64]) -> float:
    """Calibration factor of the spread: the coverage of central intervals of 10% to 90% is nearest to nominal.

    Args:
        apart: Errors in units of the predicted spread, shape (errors,).

    Example:
        >>> 1.9 < stretch_of(2.0 * np.random.default_rng(0).normal(size=4000)) < 2.1
        True
    """
    limits = ndtri(0.5 + _LEVELS / 2.0)[:, None, None] * _STRETCHES[:, None]
    covered = np.stack([np.searchsorted(np.sort(np.abs(apart)), limit[:, 0]) / len(apart) for limit in limits])
    return float(_STRETCHES[np.abs(covered - _LEVELS[:, None]).mean(axis=0).argmin()])
