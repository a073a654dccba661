"""Prototypical networks: class means, the number of classes and missing classes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.metagrad import MLP, Episodes, PrototypicalNetworks, Training, load_learner
from seasoned.metagrad.tasks.tasks import Rows

RNG = np.random.default_rng(0)
SHORT = Training(steps=20, tasks=4, every=10, validation_tasks=8)
BRIEF = Training(steps=4, tasks=4, every=2, validation_tasks=4)


@pytest.mark.slow
def test_prototypes_are_class_means(double):
    rng = np.random.default_rng(0)
    pairs = [((rng.normal(size=(6, 2)), [0, 1, 2] * 2), (rng.normal(size=(6, 2)), [0, 1, 2] * 2)) for _ in range(6)]
    training = Training(steps=2, every=1, tasks=2)
    fitted = PrototypicalNetworks(network=MLP((), 3), training=training).fit(pairs, progress=False)
    X, y = rng.normal(size=(5, 2)), np.array([0, 1, 1, 0, 1])
    model = fitted.adapt(X, y)
    embedded = fitted.network.forward(fitted.theta["params"], X)
    np.testing.assert_allclose(model.params["prototypes"][0], embedded[y == 0].mean(0))
    new = rng.normal(size=(4, 2))
    distances = ((fitted.network.forward(fitted.theta["params"], new)[:, None] - model.params["prototypes"]) ** 2).sum(
        -1
    )
    assert np.array_equal(model.predict(new), distances.argmin(1))
    assert set(model.predict(new)) <= {0, 1}, "a class without support rows was predicted"


@pytest.mark.slow
def test_tuned_adaptation_of_prototypes_changes_nothing():
    rng = np.random.default_rng(0)
    centres = np.array([[4.0, 0.0], [0.0, 4.0], [-4.0, -4.0]])

    def drawn(labels):
        return (centres[labels] + 0.1 * rng.normal(size=(len(labels), 2))).astype(np.float32), labels

    tasks = [(drawn(np.array([0, 0, 1, 1, 2])), drawn(np.arange(9) % 3)) for _ in range(20)]
    learner = PrototypicalNetworks(training=Training(steps=20, validation_tasks=0)).fit(tasks, progress=False)
    X, y = drawn(np.array([0, 0, 1, 1, 2]))  # one row of the last class
    fresh, truth = drawn(np.arange(30) % 3)
    tuned = learner.adapt(X, y, tune=True)
    assert (tuned.predict(fresh) == truth).all()
    np.testing.assert_array_equal(tuned.predict(fresh), learner.adapt(X, y).predict(fresh))


def test_class_without_support_rows_does_not_train_the_embedding():
    learner = PrototypicalNetworks(network=MLP((8,), outputs=4), ways=2, loss="cross_entropy")
    theta = learner.initial(jax.random.key(0), (3,))
    support = Rows(jnp.ones((2, 3)), jnp.zeros(2, jnp.int32))
    query = Rows(jnp.asarray(RNG.normal(size=(4, 3)), jnp.float32), jnp.array([0, 1, 0, 1]))
    params = learner.params(learner.descend(theta, support, 1))
    assert learner.row_loss(params, query) < 10
    some = Rows(query.X[::2], query.y[::2])
    np.testing.assert_allclose(learner.row_loss(params, query), learner.row_loss(params, some), rtol=1e-6)


@pytest.mark.slow
def test_prototypes_take_at_most_as_many_classes_as_ways():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.arange(60) % 6
    family = Episodes.of(X, y, ways=2, shots=2, queries=3)
    learner = PrototypicalNetworks(network=MLP((4,), outputs=3), ways=5, training=SHORT).fit(family)
    model = learner.adapt(X[:20], np.array(list("abcd"))[y[:20] % 4])
    assert model.predict_proba(X[:3]).shape == (3, 4)
    assert learner.adapt(X[:20], y[:20] % 5).predict_proba(X[:3]).shape == (3, 5)
    with pytest.raises(InvalidInput, match="trained for 5"):
        learner.adapt(X[:20], y[:20])


@pytest.mark.slow
def test_labels_given_for_adaptation_are_all_classes_of_the_prototypes(tmp_path):
    """A learner of 5-way episodes, and three classes that happen to be the numbers 0 to 2."""
    X = RNG.normal(size=(60, 3)).astype(np.float32)
    tasks = Episodes.of(X, np.arange(60) % 6, ways=5, shots=2, queries=2)
    learner = PrototypicalNetworks(network=MLP((4,), 4), training=BRIEF).fit(tasks, progress=False)
    learner.save(tmp_path / "l.npz")
    for one in (learner, load_learner(tmp_path / "l.npz")):
        model = one.adapt(X[:6], [0, 1, 2] * 2)
        assert model.classes.tolist() == [0, 1, 2]
        assert model.predict_proba(X).shape == (60, 3)
        assert one.adapt(X[:5], [0, 1, 2, 3, 4]).predict_proba(X).shape == (60, 5)
