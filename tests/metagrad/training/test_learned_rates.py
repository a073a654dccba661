"""Rates of a program as data: other rates and seeds compile nothing anew."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from maml_programs import SINES, SMOOTH, ready
from seasoned.metagrad import ANIL, MAML, AdamW, MAMLPlusPlus, MetaSGD, Reptile, Training
from seasoned.metagrad.tasks.tasks import TaskFunction
from seasoned.metagrad.training.learned_rates import rated, rates_of, shared


def test_other_seeds_and_rates_compile_nothing_anew():
    """JAX runs the family's Python code only to compile; what a seed or a rate changes is data."""
    traced = []

    def sample(key):
        traced.append(key)
        return SINES.sample(key)

    family, training = TaskFunction(sample), Training(steps=2, every=1, tasks=2, validation_tasks=2)
    first = MAML(network=SMOOTH, training=training).fit(family, progress=False)
    first.evaluate(family, steps=[1], count=2)
    before = len(traced)
    other = dataclasses.replace(training, seed=1, lr=0.01)
    second = MAML(inner_lr=0.3, network=SMOOTH, training=other).fit(family, progress=False)
    second.evaluate(family, steps=[1], count=2)
    described = 4  # the shapes of a task are asked for at every fit, of both of its parts, and of the test tasks
    assert len(traced) - before == described
    assert not np.array_equal(ravel_pytree(first.theta)[0], ravel_pytree(second.theta)[0])


@pytest.mark.parametrize("learner", [MAML, ANIL, MetaSGD, MAMLPlusPlus, Reptile])
def test_program_is_the_sum_of_its_shared_part_and_its_rates(learner):
    program = learner(inner_lr=0.2, network=SMOOTH, training=Training(lr=0.3))
    assert rates_of(program) == {"lr": 0.3, "inner_lr": 0.2}
    assert shared(program) == shared(learner(network=SMOOTH)) != program
    assert rated(shared(program), rates_of(program)) == program
    assert shared(program).inner_lr == 1.0, "what was put together is another object"


def test_weight_decay_is_a_rate():
    program = MAML(network=SMOOTH, training=Training(lr=0.3, optimizer=AdamW(0.02)))
    other = MAML(network=SMOOTH, training=Training(lr=0.1, optimizer=AdamW(0.5)))
    assert shared(program) == shared(other) != shared(MAML(network=SMOOTH))
    assert rated(shared(program), rates_of(program)) == program
    assert rates_of(program) != rates_of(other)


def test_program_compiled_without_rates_takes_given_rates():
    program, theta, tasks = ready(MAML(0.2))
    task = jax.tree.map(lambda leaf: leaf[0], tasks)
    compiled = jax.jit(lambda rates: rated(shared(program), rates).descend(theta, task.support, 1))
    for rate in (0.2, 0.7):
        expected = dataclasses.replace(program, inner_lr=rate).descend(theta, task.support, 1)
        found = compiled({"lr": 0.1, "inner_lr": rate})
        np.testing.assert_allclose(ravel_pytree(found)[0], ravel_pytree(expected)[0], rtol=1e-5)
