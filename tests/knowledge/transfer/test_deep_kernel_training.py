"""Training of deep kernels: by likelihood and by MAML, with the loss in JAX."""

from __future__ import annotations

import numpy as np
import pytest

from deep_kernels import kernel_of
from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.evaluations import Evaluations
from seasoned.knowledge.transfer.deep_kernel_settings import DeepSettings
from seasoned.surrogates.gp.deep_kernel import DeepKernel, likelihood


def tasks_along_the_first(count=12, rows=40, columns=4):
    """Tasks that depend on the first of several coordinates only."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(count):
        points = rng.random((rows, columns))
        found.append(Evaluations(points, np.cos(6 * points[:, 0] + rng.uniform(0, 6)) * rng.uniform(1, 100)))
    return found


@pytest.mark.parametrize("by", ["likelihood", "maml"])
@pytest.mark.slow
def test_deep_kernel_training_finds_the_coordinate_that_counts(by):
    from seasoned.knowledge.transfer.deep_kernel_training import train_deep_kernel

    kernel = train_deep_kernel(tasks_along_the_first(), DeepSettings(by=by, hidden=(8,), outputs=2, steps=250))
    base = np.full((1, 4), 0.5)
    steps = [np.linalg.norm(kernel.embed(base + 0.2 * np.eye(4)[[c]]) - kernel.embed(base)) for c in range(4)]
    assert steps[0] > 2.0 * max(steps[1:])
    assert kernel.rate == (DeepSettings().inner_lr if by == "maml" else 0.0)


def test_deep_kernel_loss_is_the_same_in_jax():
    import jax

    from seasoned.knowledge.transfer.deep_kernel_training import NOISE, negative_log_likelihood

    rng = np.random.default_rng(0)
    kernel = DeepKernel(kernel_of(4).layers, NOISE)
    points, targets = rng.random((10, 3)), rng.normal(size=10)
    there = negative_log_likelihood(jax.numpy.asarray(kernel.embed(points)), jax.numpy.asarray(targets))
    assert float(there[0]) == pytest.approx(likelihood(kernel, points, targets)[0], abs=1e-5)


def test_deep_kernel_training_refuses_too_few_tasks():
    from seasoned.knowledge.transfer.deep_kernel_training import train_deep_kernel

    with pytest.raises(InvalidInput, match="at least 3"):
        train_deep_kernel(tasks_along_the_first(2))
