"""What tasks may hold, and what happens at the edges of the numbers."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from seasoned.errors import InvalidInput
from seasoned.metagrad import (
    MAML,
    MLP,
    GroupedRows,
    JointTraining,
    PrototypicalNetworks,
    Training,
    guarded,
    load_learner,
    sgd_hd,
)
from seasoned.metagrad.tasks import Rows, as_family

RNG = np.random.default_rng(0)
SHORT = Training(steps=20, tasks=4, every=10, validation_tasks=8)


def pairs(labels, count=8):
    X = RNG.normal(size=(count, 2, len(labels), 3))
    return [((left, np.array(labels)), (right, np.array(labels))) for left, right in X]


def test_labels_below_zero_are_refused():
    with pytest.raises(InvalidInput, match="label -1: number classes from 0 on"):
        as_family(pairs([-1, 1]))
    with pytest.raises(InvalidInput, match="label -1"):
        GroupedRows.of(np.zeros((6, 2)), np.array([-1, 1] * 3), np.repeat([0, 1, 2], 2))


@pytest.mark.parametrize("place", [0, 1])
def test_missing_numbers_are_refused(place):
    given = [np.zeros((4, 2)), np.zeros(4)]
    given[place][1] = np.nan
    with pytest.raises(InvalidInput, match="support set of task 0 has missing or infinite"):
        as_family([(given, (np.zeros((4, 2)), np.zeros(4)))])
    with pytest.raises(InvalidInput, match="the table has missing or infinite"):
        GroupedRows.of(*given, np.array([0, 0, 1, 1]))


def test_truth_values_are_labels_in_a_table_of_groups_too():
    family = GroupedRows.of(np.zeros((6, 2)), np.array([True, False] * 3), np.repeat([0, 1, 2], 2))
    assert jnp.issubdtype(family.sample(jax.random.key(0)).support.y.dtype, jnp.integer)


def test_a_loss_of_ones_own_gets_labels_where_it_learned_from_labels(tmp_path):
    loss = optax.softmax_cross_entropy_with_integer_labels
    learner = MAML(network=MLP((4,), 2), loss=loss, training=SHORT).fit(pairs([0, 1, 0, 1]), progress=False)
    X = RNG.normal(size=(4, 3))
    model = learner.adapt(X, np.array([0, 1, 1, 0]))
    assert set(model.predict(X)) <= {0, 1}
    learner.save(tmp_path / "m.npz")
    again = load_learner(tmp_path / "m.npz", loss=loss).adapt(X, np.array([0, 1, 1, 0]))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_whole_numbers_may_be_targets_of_a_squared_error():
    learner = MAML(network=MLP((4,), 1), loss="squared_error", training=SHORT).fit(pairs([3, 7, 5, 1]), progress=False)
    assert learner.adapt(RNG.normal(size=(3, 3)), np.array([3, 7, 5])).predict(np.zeros((2, 3))).dtype.kind == "f"


def test_without_a_guard_the_last_parameters_are_used():
    settings = Training(steps=40, tasks=4, every=10, validation_tasks=0, lr=0.05)
    learner = MAML(network=MLP((4,), 2), training=settings).fit(pairs([0, 1, 0, 1]), stop_at=15, progress=False)
    last, used = (jax.tree.leaves(tree)[0] for tree in (learner.fitted.state.theta, learner.theta))
    np.testing.assert_array_equal(last, used)


def test_a_class_without_support_does_not_train_an_embedding():
    learner = PrototypicalNetworks(network=MLP((8,), outputs=4), ways=2, loss="cross_entropy")
    theta = learner.initial(jax.random.key(0), (3,))
    support = Rows(jnp.ones((2, 3)), jnp.zeros(2, jnp.int32))
    query = Rows(jnp.asarray(RNG.normal(size=(4, 3)), jnp.float32), jnp.array([0, 1, 0, 1]))
    params = learner.params(learner.descend(theta, support, 1))
    assert learner.row_loss(params, query) < 10
    some = Rows(query.X[::2], query.y[::2])
    np.testing.assert_allclose(learner.row_loss(params, query), learner.row_loss(params, some), rtol=1e-6)


def test_the_rate_goes_by_the_angle_whatever_the_losses_scale():
    def rate(scale):
        optimizer, w = sgd_hd(1e-3, 0.1), jnp.ones(3)
        state = optimizer.init(w)
        for _ in range(20):
            _, state = optimizer.update(scale * jnp.ones(3), state)
        return float(state.rate)

    assert rate(1.0) > 5e-3
    assert [rate(scale) for scale in (1e-25, 1e-11, 1e15, 1e30)] == pytest.approx([rate(1.0)] * 4, rel=1e-5)


def run(optimizer, w, gradients, values):
    state = optimizer.init(w)
    for gradient, value in zip(gradients, values, strict=True):
        updates, state = optimizer.update(jnp.asarray(gradient), state, w, value=jnp.asarray(value))
        w = optax.apply_updates(w, updates)
    return w, state


def test_a_guard_turns_back_before_parameters_are_no_numbers():
    optimizer = guarded(optax.sgd(0.1), optax.sgd(0.0))
    w, state = run(optimizer, jnp.array([1.0]), [[1.0], [1.0], [np.nan], [1.0]], [3.0, 2.0, 1.0, 1.0])
    assert bool(state.fallen)
    np.testing.assert_allclose(w, state.best)
    np.testing.assert_allclose(w, [0.8], rtol=1e-6)


def test_a_guard_comes_home_from_far_away():
    optimizer = guarded(optax.sgd(1e12), optax.sgd(0.0), patience=1)
    w, state = run(optimizer, jnp.array([3.3]), [[1.0]] * 5, [1.0, 9.0, 9.0, 9.0, 9.0])
    assert bool(state.fallen)
    np.testing.assert_allclose(w, [3.3], rtol=1e-5)


@pytest.mark.parametrize("rounds", [3, 10, 13])
def test_joint_training_takes_as_many_rounds_as_are_asked_for(rounds):
    X = RNG.normal(size=(60, 3))
    found = JointTraining(MLP((4,)), "squared_error", rounds=rounds).fit(X, X[:, 0], np.zeros(60, int))
    assert len(found.losses) == rounds
    assert 1 <= found.rounds <= rounds
    assert np.isfinite(found.losses).all()


def test_labels_that_a_learner_has_no_output_for_are_refused():
    few, more = pairs([0, 1, 2]), pairs([0, 1, 4])
    sentence = "labels up to 4, and the learner predicts 3 classes"
    with pytest.raises(InvalidInput, match=sentence):
        MAML(0.1, network=MLP((4,), outputs=3), training=SHORT).fit(more)
    with pytest.raises(InvalidInput, match=sentence):
        PrototypicalNetworks(ways=3, training=SHORT).fit(more)
    with pytest.raises(InvalidInput, match=sentence):
        MAML(0.1, training=SHORT).fit(few, validation=more)
    learner = MAML(0.1, training=SHORT).fit(few)
    with pytest.raises(InvalidInput, match=sentence):
        learner.evaluate(more, steps=[1], count=4)
    assert np.isfinite(learner.evaluate(few, steps=[1], count=4)[1]).all()


@pytest.mark.parametrize("labels", [["no", "yes"], ["0", "1"], np.array([1.0, "yes"], dtype=object)])
def test_text_is_no_target(labels):
    sentence = f"has the target '{labels[1] if labels[0] == 1.0 else labels[0]}', which is text: number classes from 0"
    with pytest.raises(InvalidInput, match=f"the support set of task 0 {sentence}"):
        MAML(0.1, training=SHORT).fit(pairs(labels), progress=False)
    with pytest.raises(InvalidInput, match=f"the table {sentence}"):
        GroupedRows.of(np.zeros((6, 2)), np.tile(labels, 3), np.repeat([0, 1, 2], 2))


def test_text_is_no_target_of_a_learner_of_numbers():
    learner = MAML(0.1, network=MLP((4,)), training=SHORT).fit(pairs([0.5, 1.5]), progress=False)
    with pytest.raises(InvalidInput, match="y has the target 'no', and the learner was trained on numbers: give numb"):
        learner.adapt(np.zeros((2, 3)), ["no", "yes"])


def test_numbers_as_objects_are_numbers():
    family = as_family([((X, np.array(y, dtype=object)), (X, y)) for (X, y), _ in pairs([0.5, 1.5])])
    assert family.tasks.support.y.dtype == family.tasks.query.y.dtype
