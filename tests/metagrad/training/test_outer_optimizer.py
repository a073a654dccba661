"""Outer optimizer of meta-training: AdamW and its weight decay."""

from __future__ import annotations

import dataclasses

import numpy as np

from seasoned.metagrad import MAML, MLP, AdamW, Training


def test_weight_decay_shrinks_the_meta_parameters():
    import jax

    from seasoned.metagrad import Sinusoids

    def size(optimizer):
        training = Training(steps=60, tasks=4, lr=0.01, optimizer=optimizer, every=30, validation_tasks=0)
        theta = MAML(network=MLP((8,)), training=training).fit(Sinusoids(), progress=False).theta
        return sum(float((leaf**2).sum()) for leaf in jax.tree.leaves(theta))

    assert size(AdamW(3.0)) < 0.5 * size("adam")


def test_decay_of_zero_makes_the_steps_of_adam():
    import jax

    from seasoned.metagrad import Sinusoids

    training = Training(steps=6, tasks=2, lr=0.01, every=3, validation_tasks=0, schedule="cosine", clip=1.0)
    plain, decayed = (
        MAML(network=MLP((4,)), training=dataclasses.replace(training, optimizer=optimizer)).fit(
            Sinusoids(), progress=False
        )
        for optimizer in ("adam", AdamW(0.0))
    )
    assert all(map(np.array_equal, jax.tree.leaves(plain.theta), jax.tree.leaves(decayed.theta)))
