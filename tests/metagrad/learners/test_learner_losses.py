"""Losses of meta-learners: own losses, their shapes and labels."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from meta_tasks import lines, pairs
from seasoned.errors import InvalidInput
from seasoned.metagrad import MAML, MLP, Function, Training, load_learner

RNG = np.random.default_rng(0)
SHORT = Training(steps=20, tasks=4, every=10, validation_tasks=8)
QUICK = Training(steps=4, every=2, tasks=2, validation_tasks=2)
SMALL = MLP((4,), outputs=1)


@pytest.mark.slow
def test_own_loss_gets_labels_where_it_learned_from_labels(tmp_path):
    loss = optax.softmax_cross_entropy_with_integer_labels
    learner = MAML(network=MLP((4,), 2), loss=loss, training=SHORT).fit(pairs([0, 1, 0, 1]), progress=False)
    X = RNG.normal(size=(4, 3))
    model = learner.adapt(X, np.array([0, 1, 1, 0]))
    assert set(model.predict(X)) <= {0, 1}
    learner.save(tmp_path / "m.npz")
    again = load_learner(tmp_path / "m.npz", loss=loss).adapt(X, np.array([0, 1, 1, 0]))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@dataclass(frozen=True)
class Likely(MAML):
    """Mean and log-variance of one number a row."""

    def row_loss(self, params, rows, loss=None):
        mean, log = self.predictor.apply(params, rows.X).T
        return jnp.mean(log + (rows.y - mean) ** 2 / jnp.exp(log))


@pytest.mark.slow
def test_own_row_loss_defines_the_meaning_of_outputs():
    fitted = Likely(network=MLP((4,), outputs=2), training=QUICK).fit(lines(), progress=False)
    assert np.isfinite(fitted.fitted.history[-1].loss)

    def init(key):
        return {"w": 0.1 * jax.random.normal(key, (2, 1))}

    @dataclass(frozen=True)
    class Pair(MAML):
        def row_loss(self, params, rows, loss=None):
            mean, spread = self.predictor.apply(params, rows.X)
            return jnp.mean((mean - rows.y) ** 2 + spread)

    pair = Function(lambda params, X: ((X @ params["w"])[:, 0], jnp.ones(len(X))), init)
    assert Pair(network=pair, training=QUICK).fit(lines(), progress=False).fitted.outputs == 1


@pytest.mark.parametrize(
    "loss", [lambda out, y: (out - y) ** 2, lambda out, y: jnp.mean((out[:, 0] - y) ** 2)], ids=["a matrix", "a scalar"]
)
def test_loss_without_one_number_a_row_is_refused(loss):
    with pytest.raises(InvalidInput, match="each row needs one"):
        MAML(network=SMALL, loss=loss, training=QUICK).fit(lines(), progress=False)


def test_metric_as_a_loss_is_refused():
    labels = lines(kind=int)
    with pytest.raises(InvalidInput, match="choose one of squared_error, cross_entropy"):
        MAML(loss="accuracy", training=QUICK).fit(labels, progress=False)
    learner = MAML(training=QUICK).fit(labels, progress=False)
    assert set(np.concatenate(list(learner.evaluate(labels, metric="accuracy").values())) * 8 % 1) == {0.0}
