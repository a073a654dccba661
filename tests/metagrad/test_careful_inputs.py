"""What tasks may hold, and what happens at the edges of the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytest

from meta_tasks import pairs
from seasoned.errors import InvalidInput
from seasoned.metagrad import (
    MAML,
    MLP,
    Episodes,
    Function,
    GroupedRows,
    JointTraining,
    LearnedOptimizer,
    LSTMRule,
    PrototypicalNetworks,
    Quadratics,
    Training,
    guarded,
    load_learner,
    sgd_hd,
)
from seasoned.metagrad.tasks.tasks import Rows, Task, as_family, at_once

RNG = np.random.default_rng(0)
SHORT = Training(steps=20, tasks=4, every=10, validation_tasks=8)


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


@pytest.mark.slow
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
    with pytest.raises(InvalidInput, match=r"y has shape \(3, 2\).* of shape \[rows\]"):
        learner.adapt(RNG.normal(size=(3, 3)), np.array([[3, 7], [5, 1], [2, 2]]))


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


@pytest.mark.slow
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


@pytest.mark.parametrize("tune", [False, True])
def test_missing_targets_are_refused_when_a_learner_adapts(tune):
    """With `tune=True` the untrained model came back, as if it had been adapted in no steps."""
    X, y = RNG.normal(size=(4, 3)), np.array([0.5, np.nan, 1.0, 2.0])
    learner = MAML(network=MLP((4,), 1), training=SHORT).fit(pairs([0.5, 1.0, 2.0, 0.0]), progress=False)
    with pytest.raises(InvalidInput, match="missing or infinite targets: leave those rows out"):
        learner.adapt(X, y, tune=tune)


@pytest.mark.slow
def test_truth_values_mean_what_they_meant_in_training():
    learner = MAML(network=MLP((4,), 2), training=SHORT).fit(pairs([False, True, False, True]), progress=False)
    X = RNG.normal(size=(3, 3))
    said, counted = learner.adapt(X, [True, True, True]), learner.adapt(X, [1, 1, 1])
    assert said.classes.tolist() == [False, True]
    np.testing.assert_array_equal(said.predict_proba(X), counted.predict_proba(X))
    objects = learner.adapt(X, np.array([1, 1, 1], dtype=object))
    assert objects.classes.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"y": np.zeros(5)}, "X 6, y 5, groups 6"),
        ({"groups": [0, 0, 1]}, "X 6, y 6, groups 3"),
        ({"X": np.zeros((0, 2)), "y": [], "groups": []}, "no rows"),
        ({"shots": 0}, "shots is 0"),
        ({"queries": 2.5}, "queries is 2.5"),
        ({"least": -1}, "least is -1"),
        ({"shots": 2, "least": 3}, "least is 3, and shots 2"),
        ({"X": np.full((6, 2), 1e39)}, "missing or infinite inputs"),
    ],
)
def test_a_table_of_groups_is_looked_at(given, says):
    """JAX takes the last row for one that is not there, and says nothing."""
    table = {"X": np.zeros((6, 2)), "y": np.zeros(6), "groups": np.repeat([0, 1, 2], 2)}
    X, y, groups = ({**table, **given}[name] for name in table)
    with pytest.raises(InvalidInput, match=says):
        GroupedRows.of(X, y, groups, **{name: value for name, value in given.items() if name not in table})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"ways": 0}, "ways is 0"),
        ({"shots": 0}, "shots is 0"),
        ({"y": [0, 1]}, "X 6, y 2"),
        ({"X": [], "y": []}, "no rows"),
    ],
)
def test_episodes_are_looked_at(given, says):
    settings = {"X": np.zeros((6, 2)), "y": [0, 0, 0, 1, 1, 1], "ways": 2, "shots": 1, "queries": 1, **given}
    X, y = settings.pop("X"), settings.pop("y")
    with pytest.raises(InvalidInput, match=says):
        Episodes.of(X, y, **settings)


@pytest.mark.slow
def test_a_learner_of_problems_says_that_it_takes_no_rows():
    short = Training(steps=4, tasks=2, every=2, validation_tasks=2)
    learner = LearnedOptimizer(LSTMRule(2, 1), horizon=4, truncation=2, training=short).fit(Quadratics(2))
    for X in ([[1.0]], [1.0]):
        with pytest.raises(InvalidInput, match="trained on problems, which have no rows"):
            learner.adapt(X, [1.0])
    with pytest.raises(InvalidInput, match="trained on problems"):
        learner.evaluate(pairs([0.5, 1.0]))


class Bowls:
    """A family of problems as `problems.py` says that one is: no more than these four."""

    def sample(self, key):
        return jax.random.normal(key, (3,))

    def init(self, key, data):
        return jnp.zeros(3)

    def loss(self, params, data):
        return jnp.sum((params - data) ** 2)

    judge = loss


class Lines:
    """A family of tasks as `tasks.py` says that one is."""

    def sample(self, key):
        X = jax.random.normal(key, (8, 1))
        y = X[:, 0] * jax.random.normal(jax.random.fold_in(key, 1))
        return Task(Rows(X[:4], y[:4]), Rows(X[4:], y[4:]))


class Parted(Lines):
    def split(self, fraction, seed):
        return Lines(), Lines()


@pytest.mark.slow
def test_families_of_classes_that_jax_does_not_know():
    short = Training(steps=4, tasks=2, every=2, validation_tasks=2)
    learner = LearnedOptimizer(LSTMRule(2, 1), horizon=4, truncation=2, training=short).fit(Bowls(), progress=False)
    assert np.isfinite(learner.evaluate(Bowls(), steps=(0, 2), count=4)[2]).all()
    for family in (Lines(), Parted()):
        learner = MAML(network=MLP((4,), 1), training=short).fit(family, progress=False)
        assert np.isfinite(learner.evaluate(family, count=4)[5]).all()


def test_a_family_without_a_hash_is_refused():
    @dataclass
    class Loose(Lines):
        size: int = 1

    with pytest.raises(InvalidInput, match="a Loose is no tree to JAX and has no hash"):
        as_family(Loose())


@partial(jax.tree_util.register_dataclass, data_fields=["w"], meta_fields=[])
@dataclass
class Parameters:
    w: jax.Array


def test_a_function_whose_parameters_are_a_class_predicts():
    network = Function(lambda params, X: X[:, :1] * params.w, lambda _: Parameters(jnp.ones(())))
    learner = MAML(network=network, training=SHORT).fit(pairs([0.5, 1.0]), progress=False)
    X = RNG.normal(size=(2, 3))
    assert np.isfinite(learner.adapt(X, [0.5, 1.0]).predict(X)).all()


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"clip": -1.0}, "clip is -1.0"),
        ({"clip": 0.0}, "clip is 0.0"),
        ({"steps": 2.5}, "steps is 2.5"),
        ({"lr": np.inf}, "lr is inf"),
        ({"validation_tasks": -3}, "validation_tasks is -3"),
    ],
)
def test_settings_of_training_that_do_harm_are_refused(setting, says):
    with pytest.raises(InvalidInput, match=says):
        Training(**setting)


@pytest.mark.parametrize("horizon", [0, -20, 10])
def test_a_horizon_has_a_whole_truncation_at_least(horizon):
    with pytest.raises(InvalidInput, match=f"horizon {horizon}"):
        LearnedOptimizer(horizon=horizon, truncation=20)


def test_tasks_that_differ_in_what_a_row_is_are_refused():
    X, labels, numbers = np.ones((2, 3)), np.array([0, 1]), np.array([0.0, 1.0])
    wide = np.ones((2, 4))
    for other in ((wide, labels), (X, numbers), (X, np.ones((2, 2), int))):
        with pytest.raises(InvalidInput, match="differ in what a row is"):
            as_family([((X, labels), (X, labels)), (other, other)])


def test_numbers_as_objects_are_numbers():
    family = as_family([((X, np.array(y, dtype=object)), (X, y)) for (X, y), _ in pairs([0.5, 1.5])])
    assert family.tasks.support.y.dtype == family.tasks.query.y.dtype


def test_training_that_diverged_gives_no_weights():
    X = np.random.default_rng(0).normal(size=(60, 2))
    with pytest.raises(InvalidInput, match="diverged"), np.errstate(all="ignore"):
        JointTraining(MLP((4,)), "squared_error", rounds=10).fit(1e25 * X, X[:, 0], np.zeros(60, int))


@pytest.mark.slow
def test_prototypes_take_as_many_classes_as_they_have_places_for():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.arange(60) % 6
    family = Episodes.of(X, y, ways=2, shots=2, queries=3)
    learner = PrototypicalNetworks(network=MLP((4,), outputs=3), ways=5, training=SHORT).fit(family)
    model = learner.adapt(X[:20], np.array(list("abcd"))[y[:20] % 4])
    assert model.predict_proba(X[:3]).shape == (3, 4)
    assert learner.adapt(X[:20], y[:20] % 5).predict_proba(X[:3]).shape == (3, 5)
    with pytest.raises(InvalidInput, match="trained for 5"):
        learner.adapt(X[:20], y[:20])


@pytest.mark.parametrize(
    "column", [["dry", "wet"], [pd.NA, 2], np.array(["2020-01-01", "2020-01-02"], "datetime64[s]")]
)
@pytest.mark.slow
def test_what_is_no_number_is_refused_in_a_sentence(column):
    cells = column if isinstance(column, np.ndarray) else np.array(column, dtype=object)
    strange = np.stack([cells] * 2, axis=1)
    texts = strange.astype(object).astype(np.str_)
    numbers, y = np.arange(20.0).reshape(10, 2), np.arange(10.0)
    for X in (strange, texts):
        with pytest.raises(InvalidInput, match=r"such as .* networks take numbers"):
            MAML(training=SHORT).fit([((X, y[:2]), (X, y[:2]))])
    learner = MAML(training=SHORT).fit([((numbers[:5], y[:5]), (numbers[5:], y[5:]))])
    model = learner.adapt(numbers, y)
    for call in (lambda: learner.adapt(strange, y[:2]), lambda: model.predict(strange)):
        with pytest.raises(InvalidInput, match=r"X has inputs such as .* networks take numbers"):
            call()


def test_tasks_of_many_bytes_are_judged_few_at_a_time():
    small, large = (as_family([task(rows)]) for rows in (10, 40_000))
    key = jax.random.key(0)
    assert at_once(small, key, 100) == 100
    assert 1 <= at_once(large, key, 100) < 20
    learner = MAML(network=MLP((2,)), training=Training(steps=1, tasks=1, validation_tasks=3, every=1))
    fitted = learner.fit(large, validation=large, progress=False)
    assert np.isfinite(fitted.fitted.history[-1].validation)


def task(rows):
    X = np.random.default_rng(0).normal(size=(rows, 50)).astype(np.float32)
    return (X, X[:, :1]), (X, X[:, :1])
