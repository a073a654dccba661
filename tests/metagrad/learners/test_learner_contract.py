"""Contract kit of meta-learners: every learner has a row. A new learner adds a row."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from seasoned.metagrad import (
    ANIL,
    IMAML,
    MAML,
    MLP,
    ConvNet,
    Episodes,
    Function,
    LearnedOptimizer,
    LSTMRule,
    MAMLPlusPlus,
    MetaSGD,
    PrototypicalNetworks,
    Reptile,
    RidgeHead,
    Rows,
    Task,
    Training,
    WideDeep,
)
from seasoned.metagrad.checks import LEARNER_CHECKS, Case
from seasoned.metagrad.loading import LEARNERS
from seasoned.metagrad.tasks.tasks import TaskFunction

TRAINING = Training(steps=120, tasks=8, lr=5e-3, every=40, validation_tasks=32)
SMALL = MLP((16,))
LINE = Function(
    lambda p, X: jax.numpy.tanh(X @ p["w"] + p["b"]) @ p["v"],
    lambda key: {
        "w": jax.random.normal(key, (1, 16)),
        "b": jax.numpy.zeros(16),
        "v": 0.3 * jax.random.normal(jax.random.fold_in(key, 1), (16, 1)),
    },
)


def lines(key):
    """Straight lines y = a x + b: one gradient step already helps."""
    draws = jax.random.normal(key, (2,))
    X = jax.random.uniform(jax.random.fold_in(key, 1), (16, 1), minval=-2, maxval=2)
    y = 2 * draws[0] * X + 2 * draws[1]
    return Task(Rows(X[:8], y[:8]), Rows(X[8:], y[8:]))


def blobs(shape):
    """Ten classes of noisy patterns."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(10), 12)
    X = rng.normal(size=(10, *shape))[y] + 0.7 * rng.normal(size=(len(y), *shape))
    return Episodes.of(X.astype(np.float32), y, ways=3, shots=2, queries=4)


LINES = TaskFunction(lines)
CASES = {
    "MAML": Case(MAML(0.1, network=SMALL, training=TRAINING), LINES),
    "MAML, images": Case(
        MAML(inner_lr=0.1, network=ConvNet(filters=4, blocks=2, outputs=3), training=TRAINING), blobs((6, 6))
    ),
    "FOMAML of a function": Case(MAML(0.1, first_order=True, inner_steps=5, network=LINE, training=TRAINING), LINES),
    "ANIL": Case(ANIL(0.1, network=SMALL, training=TRAINING), LINES),
    "MetaSGD": Case(MetaSGD(0.1, network=SMALL, training=TRAINING), LINES),
    "MAMLPlusPlus": Case(
        MAMLPlusPlus(0.1, inner_steps=3, annealed_order=True, network=SMALL, training=TRAINING), LINES
    ),
    "Reptile": Case(Reptile(0.1, network=SMALL, training=TRAINING), LINES),
    "IMAML": Case(IMAML(0.1, inner_steps=16, network=LINE, training=TRAINING), LINES),  # a definite inner problem
    "LearnedOptimizer": Case(
        LearnedOptimizer(LSTMRule(4, 1), horizon=8, truncation=4, network=SMALL, training=TRAINING), LINES
    ),
    "RidgeHead": Case(RidgeHead(network=WideDeep((16,)), training=TRAINING), LINES),
    "PrototypicalNetworks": Case(PrototypicalNetworks(network=MLP((8,), 8), training=TRAINING), blobs((5,))),
}
QUICK = ("MAML", "LearnedOptimizer", "PrototypicalNetworks")
"""Compiling takes seconds a row; the other rows belong to the slow proofs."""


@pytest.mark.parametrize("check", LEARNER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CASES]
)
def test_learner_satisfies_the_contract(name, check, tmp_path):
    check(CASES[name], tmp_path)


def test_every_loadable_learner_has_a_contract_row():
    assert {type(case.learner) for case in CASES.values()} == set(LEARNERS.values())
