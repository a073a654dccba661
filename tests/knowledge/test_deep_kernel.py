"""Deep kernels: gradient and likelihood against differences and JAX, training by both ways, and what comes of it."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge.transfer import Evaluations
from seasoned.surrogates.deep_kernel import DeepKernel, Layer, likelihood


def kernel_of(seed, inputs=3, hidden=5, outputs=2):
    rng = np.random.default_rng(seed)
    return DeepKernel(
        (
            Layer(rng.normal(size=(inputs, hidden)), rng.normal(size=hidden)),
            Layer(rng.normal(size=(hidden, outputs)), rng.normal(size=outputs)),
        ),
        0.02,
    )


def moved(kernel, layer, part, place, by):
    layers = [Layer(one.weight.copy(), one.offset.copy()) for one in kernel.layers]
    getattr(layers[layer], part)[place] += by
    return DeepKernel(tuple(layers), kernel.noise)


@pytest.mark.parametrize(("layer", "part"), [(0, "weight"), (0, "offset"), (1, "weight")])
def test_the_gradient_is_that_of_the_likelihood(layer, part):
    rng = np.random.default_rng(1)
    kernel, points, targets = kernel_of(0), rng.random((9, 3)), rng.normal(size=9)
    slopes = getattr(likelihood(kernel, points, targets)[1][layer], part)
    for place in np.ndindex(slopes.shape):
        up, down = (likelihood(moved(kernel, layer, part, place, by), points, targets)[0] for by in (1e-6, -1e-6))
        assert slopes[place] == pytest.approx((up - down) / 2e-6, abs=1e-6)


def test_adapting_lowers_the_likelihood_and_never_raises_it():
    rng = np.random.default_rng(2)
    points = rng.random((12, 3))
    targets = np.sin(8 * points[:, 0])
    kernel = kernel_of(3)
    before = likelihood(kernel, points, targets)[0]
    assert likelihood(kernel.adapt(points, targets, rate=0.05, steps=20), points, targets)[0] < before
    assert likelihood(kernel.adapt(points, targets, rate=50.0, steps=3), points, targets)[0] <= before


def test_points_of_another_space_are_refused():
    with pytest.raises(InvalidInput, match="rows of 3"):
        kernel_of(0).embed(np.zeros((4, 2)))


def tasks_along_the_first(count=12, rows=40, columns=4):
    """Tasks that depend on the first of several coordinates only."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(count):
        points = rng.random((rows, columns))
        found.append(Evaluations(points, np.cos(6 * points[:, 0] + rng.uniform(0, 6)) * rng.uniform(1, 100)))
    return found


@pytest.mark.parametrize("by", ["likelihood", "maml"])
def test_it_learns_which_coordinate_counts(by):
    pytest.importorskip("jax")
    from seasoned.knowledge.deep_training import DeepSettings, train_deep_kernel

    kernel = train_deep_kernel(tasks_along_the_first(), DeepSettings(by=by, hidden=(8,), outputs=2, steps=250))
    base = np.full((1, 4), 0.5)
    steps = [np.linalg.norm(kernel.embed(base + 0.2 * np.eye(4)[[c]]) - kernel.embed(base)) for c in range(4)]
    assert steps[0] > 2.0 * max(steps[1:])


def test_the_loss_is_the_same_in_jax():
    jax = pytest.importorskip("jax")
    from seasoned.knowledge.deep_training import NOISE, negative_log_likelihood

    rng = np.random.default_rng(0)
    kernel = DeepKernel(kernel_of(4).layers, NOISE)
    points, targets = rng.random((10, 3)), rng.normal(size=10)
    there = negative_log_likelihood(jax.numpy.asarray(kernel.embed(points)), jax.numpy.asarray(targets))
    assert float(there[0]) == pytest.approx(likelihood(kernel, points, targets)[0], abs=1e-5)


def test_too_few_tasks_are_refused():
    pytest.importorskip("jax")
    from seasoned.knowledge.deep_training import train_deep_kernel

    with pytest.raises(InvalidInput, match="at least 3"):
        train_deep_kernel(tasks_along_the_first(2))
