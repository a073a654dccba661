"""Deep kernels: gradient and likelihood against differences and JAX, training by both ways, and what comes of it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge.transfer.deep_kernel import deep_start
from seasoned.knowledge.transfer.deep_kernel_settings import DeepSettings
from seasoned.knowledge.transfer.warm_starts import Evaluations
from seasoned.space import Float, Space
from seasoned.surrogates.gp.deep_kernel import DeepKernel, Layer, likelihood


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
@pytest.mark.slow
def test_it_learns_which_coordinate_counts(by):
    from seasoned.knowledge.transfer.deep_kernel_training import train_deep_kernel

    kernel = train_deep_kernel(tasks_along_the_first(), DeepSettings(by=by, hidden=(8,), outputs=2, steps=250))
    base = np.full((1, 4), 0.5)
    steps = [np.linalg.norm(kernel.embed(base + 0.2 * np.eye(4)[[c]]) - kernel.embed(base)) for c in range(4)]
    assert steps[0] > 2.0 * max(steps[1:])
    assert kernel.rate == (DeepSettings().inner_lr if by == "maml" else 0.0)


def test_the_loss_is_the_same_in_jax():
    import jax

    from seasoned.knowledge.transfer.deep_kernel_training import NOISE, negative_log_likelihood

    rng = np.random.default_rng(0)
    kernel = DeepKernel(kernel_of(4).layers, NOISE)
    points, targets = rng.random((10, 3)), rng.normal(size=10)
    there = negative_log_likelihood(jax.numpy.asarray(kernel.embed(points)), jax.numpy.asarray(targets))
    assert float(there[0]) == pytest.approx(likelihood(kernel, points, targets)[0], abs=1e-5)


def test_too_few_tasks_are_refused():
    from seasoned.knowledge.transfer.deep_kernel_training import train_deep_kernel

    with pytest.raises(InvalidInput, match="at least 3"):
        train_deep_kernel(tasks_along_the_first(2))


def test_a_kernel_comes_back_from_its_text():
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
def test_a_text_that_is_no_kernel_is_refused(text):
    with pytest.raises(InvalidInput):
        DeepKernel.of_text(text)


def test_a_kernel_without_a_rate_is_used_as_it_is():
    kernel, points = kernel_of(0), np.random.default_rng(0).random((6, 3))
    assert kernel.adapted(points, np.arange(6.0)) is kernel
    moving = DeepKernel(kernel.layers, kernel.noise, rate=0.05)
    assert moving.adapted(points, np.ones(6)) is moving
    assert not np.array_equal(moving.adapted(points, np.arange(6.0) - 2.5).embed(points), moving.embed(points))


FOUR = Space({f"x{index}": Float(0, 1) for index in range(4)})
FIRST = DeepKernel((Layer(np.eye(4)[:, :1] * 3.0, np.zeros(1)),), 0.02)
"""Knows what `tasks_along_the_first` has in common: that the first coordinate alone counts."""


def alike(count=6, seed=0, sign=1.0):
    rng = np.random.default_rng(seed)
    return [
        Evaluations(points, sign * 10.0**place * np.square(points[:, 0] - 0.7))
        for place, points in enumerate(rng.random((count, 40, 4)))
    ]


def test_a_deep_start_begins_where_past_tasks_were_good():
    start = deep_start(FOUR, alike(), FIRST)
    assert start.relative
    assert all(abs(config["x0"] - 0.7) < 0.1 for config in start.configurations)
    assert deep_start(FOUR, alike(), FIRST) == start


def test_trials_overrule_a_past_that_was_otherwise():
    trials = Evaluations(*(part[:12] for part in alike(1, seed=9)[0]))
    misled = deep_start(FOUR, alike(sign=-1.0), FIRST)
    told = deep_start(FOUR, alike(sign=-1.0), FIRST, trials=trials)
    assert min(abs(config["x0"] - 0.7) for config in misled.configurations) > 0.4
    assert abs(told.configurations[0]["x0"] - 0.7) < 0.2


def test_a_floor_of_one_is_the_plain_process_alone():
    trials = Evaluations(*(part[:12] for part in alike(1, seed=9)[0]))
    starts = [
        deep_start(FOUR, alike(), kernel, trials=trials, floor=1.0)
        for kernel in (FIRST, DeepKernel((Layer(np.eye(4)[::-1], np.zeros(4)),), 0.02))
    ]
    assert starts[0] == starts[1]


def test_a_deep_start_that_cannot_be_is_refused():
    with pytest.raises(InvalidInput, match="no past task"):
        deep_start(FOUR, [], FIRST)
    with pytest.raises(InvalidInput, match="at least 3"):
        deep_start(FOUR, alike(), FIRST, trials=Evaluations(np.ones((2, 4)), np.ones(2)))
    with pytest.raises(InvalidInput, match="rows of 3"):
        deep_start(FOUR, alike(), kernel_of(0))


def test_a_trained_kernel_is_used_without_jax():
    code = """
import sys
import numpy as np
from seasoned import Float, Space
from seasoned.knowledge import DeepKernel, DeepSettings, Evaluations, deep_start
text = '{"layers": [{"weight": [[1.0]], "offset": [0.0]}], "noise": 0.02, "rate": 0.05}'
points = np.linspace(0, 1, 20)[:, None]
task = Evaluations(points, points[:, 0])
deep_start(Space(x=Float(0, 1)), [task], DeepKernel.of_text(text), trials=task)
print([name for name in ("jax", "optax") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
