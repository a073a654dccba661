"""Labels and targets as pandas and people give them, and what files keep of learners of one's own."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

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
    AdaptedModel,
    BilevelProblem,
    ConvNet,
    DrMAD,
    Episodes,
    GroupedRows,
    LearnedOptimizer,
    MLPRule,
    PrototypicalNetworks,
    Reverse,
    RidgeHead,
    Sinusoids,
    Training,
    Truncated,
    load_learner,
)
from seasoned.metagrad.tasks.tasks import as_family
from seasoned.metagrad.training.loop import AdamW

RNG = np.random.default_rng(0)
SHORT = Training(steps=4, tasks=4, every=2, validation_tasks=4)


@pytest.fixture(scope="module")
def classes():
    return MAML(network=MLP((4,), 3), training=SHORT).fit(pairs([0, 1, 2, 0]), progress=False)


@pytest.mark.parametrize("learner", [MAML, RidgeHead])
@pytest.mark.slow
def test_counts_are_targets_of_a_squared_error_without_a_network_too(learner):
    fitted = learner(loss="squared_error", training=SHORT).fit(pairs([3, 7000, 5, 1]), progress=False)
    assert fitted.fitted.outputs == 1
    assert fitted.adapt(RNG.normal(size=(3, 3)), np.array([3, 7, 5])).predict(np.zeros((2, 3))).shape == (2,)


def test_float_labels_are_refused_where_classes_are_learned():
    with pytest.raises(InvalidInput, match=r"targets are floats, and cross_entropy takes classes"):
        MAML(network=MLP((4,), 3), loss="cross_entropy", training=SHORT).fit(pairs([0.0, 1.0, 2.0]), progress=False)


def test_whole_floats_keep_the_meaning_of_labels(classes):
    X = RNG.normal(size=(2, 3))
    whole, floats = classes.adapt(X, [1, 2]), classes.adapt(X, [1.0, 2.0])
    np.testing.assert_array_equal(whole.outputs(X), floats.outputs(X))
    assert floats.classes.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.slow
def test_labels_of_an_episode_are_all_its_classes(tmp_path):
    """A learner of 5-way episodes, and three classes that happen to be the numbers 0 to 2."""
    X = RNG.normal(size=(60, 3)).astype(np.float32)
    tasks = Episodes.of(X, np.arange(60) % 6, ways=5, shots=2, queries=2)
    learner = PrototypicalNetworks(network=MLP((4,), 4), training=SHORT).fit(tasks, progress=False)
    learner.save(tmp_path / "l.npz")
    for one in (learner, load_learner(tmp_path / "l.npz")):
        model = one.adapt(X[:6], [0, 1, 2] * 2)
        assert model.classes.tolist() == [0, 1, 2]
        assert model.predict_proba(X).shape == (60, 3)
        assert one.adapt(X[:5], [0, 1, 2, 3, 4]).predict_proba(X).shape == (60, 5)


@pytest.mark.parametrize("y", [["a", np.nan], ["a", None], [1, pd.NA], np.array(["a", None], dtype=object)])
def test_missing_labels_are_refused(classes, y):
    with pytest.raises(InvalidInput, match="missing"):
        classes.adapt(RNG.normal(size=(2, 3)), y)


def test_labels_of_several_types_are_refused(classes):
    with pytest.raises(InvalidInput, match="labels of the types int, str"):
        classes.adapt(RNG.normal(size=(2, 3)), np.array(["a", 1], dtype=object))


def test_texts_of_pandas_are_saved(classes, tmp_path):
    X = RNG.normal(size=(4, 3))
    model = classes.adapt(X, pd.Series(["cat", "dog", "cat", "dog"]))
    model.save(tmp_path / "m.npz")
    assert AdaptedModel.load(tmp_path / "m.npz").predict(X).tolist() == model.predict(X).tolist()


def test_missing_cells_are_no_rows_to_predict(classes):
    model = classes.adapt(RNG.normal(size=(3, 3)), [0, 1, 2])
    with pytest.raises(InvalidInput, match="X has missing or infinite values"):
        model.predict([[0.0, np.nan, 1.0]])
    with pytest.raises(InvalidInput, match="X has missing or infinite values"):
        model.predict_proba([[0.0, np.inf, 1.0]])


@pytest.mark.slow
def test_no_rows_have_no_predictions(classes):
    assert classes.adapt(RNG.normal(size=(3, 3)), [0, 1, 2]).predict_proba(np.zeros((0, 3))).shape == (0, 3)
    images = [((X, np.array([0, 1])), (X, np.array([0, 1]))) for X in RNG.normal(size=(4, 2, 4, 4))]
    network = ConvNet(blocks=1, filters=2, outputs=2)
    model = MAML(network=network, training=SHORT).fit(images, progress=False).adapt(images[0][0][0], [0, 1])
    assert model.predict(np.zeros((0, 4, 4))).shape == (0,)
    even, odd = images[0][0], (images[0][0][0][:1], images[0][0][1][:1])
    with pytest.raises(InvalidInput, match="the tasks' sets differ in size"):
        MAML(network=network, training=SHORT).fit(images, validation=[(even, even), (odd, even)], progress=False)
    fitted = MAML(network=network, training=SHORT).fit(images, progress=False)
    with pytest.raises(InvalidInput, match="the tasks' sets differ in size"):
        fitted.evaluate([(even, even), (odd, even)])


def test_missing_targets_in_objects_are_refused_and_whole_ones_are_labels():
    X = np.zeros((2, 3))
    with pytest.raises(InvalidInput, match="support set of task 0 has missing targets"):
        as_family([((X, [1.0, None]), (X, [1.0, 2.0]))])
    with pytest.raises(InvalidInput, match="infinite"):
        as_family([((X, np.array([1.0, np.inf], dtype=object)), (X, [1.0, 2.0]))])
    family = as_family([((X, np.array([1, 0], dtype=object)), (X, np.array([0, 1], dtype=object)))])
    assert jnp.issubdtype(family.sample(jax.random.key(0)).support.y.dtype, jnp.integer)


def test_rows_of_no_class_and_of_no_group_are_refused():
    X = np.zeros((6, 2))
    with pytest.raises(InvalidInput, match="rows without a class"):
        Episodes.of(X, [0, 0, 1, 1, np.nan, np.nan], ways=2, shots=1, queries=1)
    with pytest.raises(InvalidInput, match="rows without a group"):
        GroupedRows.of(X, np.zeros(6), np.array(["a", "a", "b", "b", None, None], dtype=object))


def test_a_family_with_arrays_is_told_how_to_have_a_hash():
    @dataclass(frozen=True)
    class Mine:
        X: np.ndarray

        def sample(self, key):
            return Sinusoids().sample(key)

    with pytest.raises(InvalidInput, match="eq=False"):
        as_family(Mine(np.zeros(3)))


@dataclass(frozen=True, kw_only=True)
class Own(MAML):
    """A learner of one's own."""


@pytest.mark.slow
def test_a_learner_of_ones_own_is_loaded_by_its_class(tmp_path):
    fitted = Own(training=dataclasses.replace(SHORT, steps=np.int64(4))).fit(Sinusoids(), progress=False)
    fitted.save(tmp_path / "m.npz")
    with pytest.raises(InvalidInput, match=r"kinds=\[Own\]"):
        load_learner(tmp_path / "m.npz")
    again = load_learner(tmp_path / "m.npz", kinds=[Own])
    X, y = np.zeros((2, 1)), np.array([0.5, 1.0])
    np.testing.assert_array_equal(again.adapt(X, y).predict(X), fitted.adapt(X, y).predict(X))


def test_what_a_file_cannot_hold_is_named(tmp_path):
    fitted = MAML(inner_lr=0.01, training=SHORT).fit(Sinusoids(), progress=False)
    model = fitted.adapt(np.zeros((2, 1)), np.zeros(2), steps=np.int64(2))
    model.save(tmp_path / "m.npz")
    assert AdaptedModel.load(tmp_path / "m.npz").steps == 2
    with pytest.raises(InvalidInput, match="a setting is"):
        dataclasses.replace(model, rate_scale=object()).save(tmp_path / "n.npz")


@pytest.mark.parametrize("backend", [DrMAD(), Truncated(30), Truncated(7)])
def test_a_counter_in_the_state_has_no_slope(backend):
    optimizer = optax.sgd(optax.constant_schedule(0.1))  # whose state counts its steps

    def advance(state, outer, *_):
        weights, inner = state
        slope = jax.grad(lambda w: jnp.sum((w - outer) ** 2))(weights)
        updates, inner = optimizer.update(slope, inner, weights)
        return optax.apply_updates(weights, updates), inner

    start = jnp.zeros(2)
    problem = BilevelProblem(
        lambda state, outer: jnp.sum((state[0] - outer) ** 2),
        lambda state, _outer: jnp.sum(state[0] ** 2),
        lambda outer: (start + 0.0 * outer, optimizer.init(start)),
        step=advance,
        inner_steps=30,
    )
    found = problem.hypergradient(jnp.ones(2), backend).gradient
    exact = problem.hypergradient(jnp.ones(2), Reverse()).gradient
    np.testing.assert_allclose(found, exact, rtol=0.3)


@pytest.mark.slow
def test_decay_leaves_the_network_that_is_not_trained_as_it_is():
    training = dataclasses.replace(SHORT, optimizer=AdamW(0.5), lr=0.1)
    learner = LearnedOptimizer(network=MLP((4,), 1), rule=MLPRule(), horizon=4, truncation=2, training=training)
    fitted = learner.fit(Sinusoids(), progress=False)
    first = fitted.initial(jax.random.key(training.seed + 1), (1,))
    for before, after in zip(jax.tree.leaves(first["start"]), jax.tree.leaves(fitted.theta["start"]), strict=True):
        np.testing.assert_array_equal(before, after)
    assert any(
        not np.array_equal(before, after)
        for before, after in zip(jax.tree.leaves(first["rule"]), jax.tree.leaves(fitted.theta["rule"]), strict=True)
    )
