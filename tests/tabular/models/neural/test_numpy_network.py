"""The perceptron's gradient, dropout and optimiser against their definitions."""

from types import SimpleNamespace

import numpy as np
import pytest

from seasoned.tabular.models.neural import numpy_training
from seasoned.tabular.models.neural.numpy_network import Dropout, Loss, Shape, forward, gradient, initial, loss_of
from seasoned.tabular.models.neural.numpy_training import Recipe, train

SHAPE = Shape((3, 5, 4, 2))


def parameters(shape: Shape) -> np.ndarray:
    vector = initial(shape, np.random.default_rng(0)).astype(np.float64)
    return vector + 0.1 * np.random.default_rng(1).normal(size=shape.size)  # the last layer is 0 at first


def differences(shape: Shape, vector: np.ndarray, batch: tuple, loss: Loss, step: float = 1e-6) -> np.ndarray:
    def at(moved: np.ndarray) -> float:
        return loss_of(forward(shape, moved, batch[0]), batch[1], batch[2], loss)

    shifts = step * np.eye(shape.size)
    return np.array([(at(vector + shift) - at(vector - shift)) / (2 * step) for shift in shifts])


@pytest.mark.parametrize("weighted", [False, True])
def test_gradient_of_cross_entropy_is_that_of_finite_differences(weighted):
    rng = np.random.default_rng(2)
    X, vector = rng.normal(size=(16, 3)), parameters(SHAPE)
    y = np.eye(2)[rng.integers(2, size=16)]
    weight = rng.uniform(0.5, 2.0, size=16) if weighted else None
    weight = None if weight is None else weight / weight.mean()
    found = gradient(SHAPE, vector, (X, y, weight), Loss("classes"), Dropout(0.0, rng))
    np.testing.assert_allclose(found, differences(SHAPE, vector, (X, y, weight), Loss("classes")), atol=1e-6, rtol=1e-5)


def test_gradient_of_squares_is_that_of_half_the_squared_error():
    shape, rng = Shape((3, 6, 1)), np.random.default_rng(3)
    X, y, vector = rng.normal(size=(16, 3)), rng.normal(size=(16, 1)), parameters(shape)
    found = gradient(shape, vector, (X, y, None), Loss("squares"), Dropout(0.0, rng))
    np.testing.assert_allclose(
        found, differences(shape, vector, (X, y, None), Loss("squares")) / 2, atol=1e-6, rtol=1e-5
    )


def test_gradient_of_pinball_loss_away_from_its_corner():
    shape, rng = Shape((3, 6, 1)), np.random.default_rng(4)
    X, vector = rng.normal(size=(16, 3)), parameters(shape)
    y = forward(shape, vector, X) + np.where(rng.random((16, 1)) < 0.5, 3.0, -3.0)
    loss = Loss("quantile", 0.8)
    found = gradient(shape, vector, (X, y, None), loss, Dropout(0.0, rng))
    np.testing.assert_allclose(found, differences(shape, vector, (X, y, None), loss), atol=1e-6, rtol=1e-5)


def test_dropout_keeps_its_share_and_the_mean():
    factors = Dropout(0.15, np.random.default_rng(5)).factors((2000, 50))
    assert set(np.unique(factors)) == {np.float32(0.0), np.float32(256 / (256 - 38))}
    assert np.mean(factors == 0.0) == pytest.approx(38 / 256, abs=0.005)
    assert factors.mean() == pytest.approx(1.0, abs=0.01)
    assert Dropout(0.0, np.random.default_rng(5)).factors((4, 4)) is None


def test_gradient_with_dropout_is_on_average_smaller_nowhere_biased_for_a_linear_loss():
    shape, rng = Shape((2, 8, 1)), np.random.default_rng(6)
    X, y, vector = rng.normal(size=(32, 2)), np.full((32, 1), 50.0), parameters(shape)
    loss = Loss("quantile", 0.5)  # its slope is constant far from the target, so outputs enter linearly
    whole = gradient(shape, vector, (X, y, None), loss, Dropout(0.0, rng))
    drawn = [gradient(shape, vector, (X, y, None), loss, Dropout(0.3, rng)) for _ in range(4000)]
    deviation = np.std(drawn, axis=0) / np.sqrt(len(drawn))
    np.testing.assert_array_less(np.abs(np.mean(drawn, axis=0) - whole), 5 * deviation + 1e-9)


def test_first_step_of_adam_moves_each_parameter_by_its_rate():
    shape, rng = Shape((2, 3, 1)), np.random.default_rng(7)
    X, y = rng.normal(size=(8, 2)).astype(np.float32), rng.normal(size=(8, 1)).astype(np.float32)
    start = initial(shape, rng)
    start[-4:] = 0.5  # else the hidden layer has no gradient
    recipe = Recipe(1, 4, 0.01, 0.0, 0.0, 0.0, Loss("squares"))
    moved, epochs = train(shape, start, (X, y, None), None, recipe, rng=np.random.default_rng(0), seconds=None)
    assert epochs == 1
    scales, layers = shape.views(np.abs(moved - start))
    schedule = 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * 0.5)))  # the first of two steps has a rate of 0
    assert scales.max() <= 6 * 0.01 * schedule * 1.8
    assert scales.min() > 0
    for weights, bias in layers:
        assert 0 < weights.max() <= 0.01 * schedule * 1.8
        assert 0 < bias.max() <= 0.001 * schedule * 1.8


def test_network_learns_a_product():
    rng = np.random.default_rng(8)
    X = rng.normal(size=(2000, 2)).astype(np.float32)
    y = np.eye(2, dtype=np.float32)[(X[:, 0] * X[:, 1] > 0).astype(int)]
    recipe = Recipe(30, 64, 0.02, 0.01, 0.1, 0.0, Loss("classes"))
    shape = Shape((2, 32, 32, 2))
    vector, _ = train(shape, initial(shape, rng), (X, y, None), None, recipe, rng=rng, seconds=None)
    fresh = rng.normal(size=(1000, 2)).astype(np.float32)
    right = forward(shape, vector, fresh).argmax(axis=1) == (fresh[:, 0] * fresh[:, 1] > 0)
    assert right.mean() > 0.95


def test_whom_the_time_cuts_off_says_how_far_it_came(monkeypatch):
    """Two epochs in no time at all, as a coarse clock has it, and then a second for each."""
    ticks = iter([0.0, *[0.0] * 2, *range(1, 90)])
    clock = SimpleNamespace(monotonic=lambda: float(next(ticks)))
    monkeypatch.setattr("seasoned.tabular.models.neural.numpy_training.time", clock)
    monkeypatch.setattr("seasoned.tabular.models.neural.numpy_training.run_epoch", lambda *_, **__: None)
    shape, rng = Shape((2, 3, 1)), np.random.default_rng(7)
    rows = rng.normal(size=(8, 2)).astype(np.float32), rng.normal(size=(8, 1)).astype(np.float32), None
    recipe = Recipe(50, 4, 0.01, 0.0, 0.0, 0.0, Loss("squares"))
    _, epochs = train(shape, initial(shape, rng), rows, None, recipe, rng=rng, seconds=3.5)
    assert epochs == 6


def test_an_epoch_of_the_network_ends_at_its_time_limit(monkeypatch):
    steps = []
    monkeypatch.setattr(numpy_training.Adam, "step", lambda *_: steps.append(1))
    shape, rng = Shape((2, 4, 1)), np.random.default_rng(0)
    data = rng.normal(size=(4000, 2)).astype(np.float32), rng.normal(size=(4000, 1)).astype(np.float32), None
    recipe = numpy_training.Recipe(3, 8, 0.1, 0.0, 0.0, 0.0, Loss("squares"))
    numpy_training.train(shape, np.zeros(shape.size, np.float32), data, None, recipe, rng=rng, seconds=0.0)
    assert len(steps) == 50
