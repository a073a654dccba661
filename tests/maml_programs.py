"""Programs of meta-learners, with meta-parameters and stacked tasks of sinusoids."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from seasoned.metagrad import MLP, Sinusoids

__all__ = ["SINES", "SMOOTH", "differences", "ready"]

SINES = Sinusoids(shots=6, queries=5)
SMOOTH = MLP((7,), activation="tanh")


def ready(learner):
    """The learner as a program, its first meta-parameters, and three stacked tasks."""
    program = dataclasses.replace(learner, network=SMOOTH).resolved(1, labels=False)
    theta = program.initial(jax.random.key(1), (1,))
    return program, theta, jax.vmap(SINES.sample)(jax.random.split(jax.random.key(2), 3))


def differences(loss, theta, step=1e-5):
    flat, restore = ravel_pytree(theta)
    value = jax.jit(jax.vmap(lambda flat: loss(restore(flat))))
    moves = step * jnp.eye(flat.size)
    return (value(flat + moves) - value(flat - moves)) / (2 * step)
