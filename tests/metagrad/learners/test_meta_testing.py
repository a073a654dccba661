"""Tuning of adaptation on held-out rows, and the rate scale."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from meta_tasks import lines
from seasoned.errors import InvalidInput
from seasoned.metagrad import MAML, MLP, ConvNet, Episodes, Rows, Training
from seasoned.metagrad.learners.meta_testing import held_out_losses
from seasoned.metagrad.training.learned_rates import rates_of

QUICK = Training(steps=4, every=2, tasks=2, validation_tasks=2)
RNG = np.random.default_rng(0)
SMALL = MLP((4,), outputs=1)


@pytest.mark.slow
def test_batch_normalisation_sees_no_held_out_row_in_adaptation_tuning():
    images = RNG.normal(size=(12, 8, 8, 1)).astype(np.float32)
    y = np.arange(12) % 3
    network = ConvNet(blocks=1, filters=2, outputs=3)
    assert network.normalization == "batch"
    family = Episodes.of(images, y, ways=3, shots=2, queries=2)
    learner = MAML(network=network, inner_steps=2, training=QUICK).fit(family, progress=False)
    seen = []

    @dataclasses.dataclass(frozen=True)
    class Watched(MAML):
        """Notes which rows it adapts to."""

        def advance(self, theta, carry, rows, number, scale):
            jax.debug.callback(lambda X, weight: seen.append((np.asarray(X), np.asarray(weight))), rows.X, rows.weight)
            return MAML.advance(self, theta, carry, rows, number, scale)

    watched = Watched(network=network, inner_steps=2, loss="cross_entropy", training=QUICK)
    held_out_losses(
        watched, rates_of(watched), learner.theta, Rows(jnp.asarray(images), jnp.asarray(y)), jnp.ones(1), 1
    )
    jax.effects_barrier()
    assert len(seen) == 5
    for X, weight in seen:
        out = images[weight == 0]
        assert len(out) in (2, 3)
        assert not any((row == X).reshape(len(X), -1).all(axis=1).any() for row in out)


def test_adaptation_refuses_a_negative_rate_scale():
    learner = MAML(network=SMALL, training=QUICK).fit(lines(), progress=False)
    (X, y), _ = lines()[0]
    with pytest.raises(InvalidInput, match="give one above 0"):
        learner.adapt(X, y, rate_scale=-1.0)
