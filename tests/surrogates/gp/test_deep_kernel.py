"""Deep kernel: gradient of the likelihood, adaptation to points, and text of the weights."""

from __future__ import annotations

import numpy as np
import pytest

from deep_kernels import kernel_of
from seasoned.errors import InvalidInput
from seasoned.surrogates.gp.deep_kernel import DeepKernel, Layer, likelihood


def moved(kernel, layer, part, place, by):
    layers = [Layer(one.weight.copy(), one.offset.copy()) for one in kernel.layers]
    getattr(layers[layer], part)[place] += by
    return DeepKernel(tuple(layers), kernel.noise)


@pytest.mark.parametrize(("layer", "part"), [(0, "weight"), (0, "offset"), (1, "weight")])
def test_deep_kernel_gradient_equals_finite_differences(layer, part):
    rng = np.random.default_rng(1)
    kernel, points, targets = kernel_of(0), rng.random((9, 3)), rng.normal(size=9)
    slopes = getattr(likelihood(kernel, points, targets)[1][layer], part)
    for place in np.ndindex(slopes.shape):
        up, down = (likelihood(moved(kernel, layer, part, place, by), points, targets)[0] for by in (1e-6, -1e-6))
        assert slopes[place] == pytest.approx((up - down) / 2e-6, abs=1e-6)


def test_deep_kernel_adaptation_never_raises_the_loss():
    rng = np.random.default_rng(2)
    points = rng.random((12, 3))
    targets = np.sin(8 * points[:, 0])
    kernel = kernel_of(3)
    before = likelihood(kernel, points, targets)[0]
    assert likelihood(kernel.adapt(points, targets, rate=0.05, steps=20), points, targets)[0] < before
    assert likelihood(kernel.adapt(points, targets, rate=50.0, steps=3), points, targets)[0] <= before


def test_deep_kernel_refuses_points_of_another_space():
    with pytest.raises(InvalidInput, match="rows of 3"):
        kernel_of(0).embed(np.zeros((4, 2)))


def test_deep_kernel_survives_its_text():
    kernel = DeepKernel(kernel_of(1).layers, 0.02, rate=0.05)
    again = DeepKernel.of_text(kernel.to_text())
    points = np.random.default_rng(0).random((5, 3))
    assert np.array_equal(again.embed(points), kernel.embed(points))
    assert (again.noise, again.rate) == (0.02, 0.05)
    assert np.array_equal(
        again.adapted(points, np.arange(5.0) - 2).embed(points),
        kernel.adapted(points, np.arange(5.0) - 2).embed(points),
    )


BAD = [
    "nonsense",
    "[]",
    '{"layers": [], "noise": 0.1, "rate": 0}',
    '{"layers": [{"weight": [[1, 2]], "offset": [0]}], "noise": 0.1, "rate": 0}',
    '{"layers": [{"weight": [[NaN]], "offset": [0]}], "noise": 0.1, "rate": 0}',
    '{"layers": [{"weight": [[1]], "offset": [0]}, {"weight": [[1], [1]], "offset": [0]}], "noise": 0.1, "rate": 0}',
    '{"layers": [{"weight": [[1]], "offset": [0]}], "noise": 0, "rate": 0}',
]


@pytest.mark.parametrize("text", BAD)
def test_text_that_is_no_deep_kernel_is_refused(text):
    with pytest.raises(InvalidInput):
        DeepKernel.of_text(text)


def test_deep_kernel_without_a_rate_is_not_adapted():
    kernel, points = kernel_of(0), np.random.default_rng(0).random((6, 3))
    assert kernel.adapted(points, np.arange(6.0)) is kernel
    moving = DeepKernel(kernel.layers, kernel.noise, rate=0.05)
    assert moving.adapted(points, np.ones(6)) is moving
    assert not np.array_equal(moving.adapted(points, np.arange(6.0) - 2.5).embed(points), moving.embed(points))
