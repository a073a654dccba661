"""Tasks: pairs, functions and classes become families, and wrong tasks are refused."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from meta_tasks import lines, pairs
from seasoned.errors import InvalidInput
from seasoned.metagrad import MAML, MLP, GroupedRows, LearnedOptimizer, LSTMRule, Rows, Sinusoids, Task, Training
from seasoned.metagrad.tasks.losses import mean_loss
from seasoned.metagrad.tasks.tasks import TaskFunction, TaskList, as_family, as_inputs

QUICK = Training(steps=4, every=2, tasks=2, validation_tasks=2)
SMALL = MLP((4,), outputs=1)


def test_pairs_of_different_sizes_are_padded_with_rows_of_weight_zero():
    rng = np.random.default_rng(0)
    pairs = [tuple((rng.normal(size=(n, 2)), rng.normal(size=n)) for n in sizes) for sizes in ((3, 4), (5, 2))]
    family = as_family(pairs)
    assert isinstance(family, TaskList)
    for place, pair in enumerate(pairs):
        task = jax.tree.map(lambda leaf: leaf[place], family.tasks)  # noqa: B023
        for rows, (X, y) in zip(task, pair, strict=True):
            found = mean_loss("squared_error", rows.X @ jnp.ones((2, 1)), rows)
            assert float(found) == pytest.approx(float(np.mean((X.sum(1) - y) ** 2)), rel=1e-5)


def test_function_becomes_a_task_family():
    rows = Rows(jnp.zeros((1, 1)), jnp.zeros(1))
    assert isinstance(as_family(lambda key: Task(rows, rows)), TaskFunction)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: as_family([]),
        lambda: as_family([((np.ones(3), np.ones(3)), (np.ones((3, 1)), np.ones(3)))]),
        lambda: as_family([((np.ones((3, 1)), np.ones(2)), (np.ones((3, 1)), np.ones(3)))]),
    ],
)
def test_tasks_of_inconsistent_shapes_are_refused(wrong):
    with pytest.raises(InvalidInput):
        wrong()


def test_negative_labels_of_tasks_are_refused():
    with pytest.raises(InvalidInput, match="label -1: number classes from 0 on"):
        as_family(pairs([-1, 1]))
    with pytest.raises(InvalidInput, match="label -1"):
        GroupedRows.of(np.zeros((6, 2)), np.array([-1, 1] * 3), np.repeat([0, 1, 2], 2))


@pytest.mark.parametrize("place", [0, 1])
def test_missing_numbers_in_tasks_are_refused(place):
    given = [np.zeros((4, 2)), np.zeros(4)]
    given[place][1] = np.nan
    with pytest.raises(InvalidInput, match="support set of task 0 has missing or infinite"):
        as_family([(given, (np.zeros((4, 2)), np.zeros(4)))])
    with pytest.raises(InvalidInput, match="the table has missing or infinite"):
        GroupedRows.of(*given, np.array([0, 0, 1, 1]))


def test_tasks_with_different_row_types_are_refused():
    X, labels, numbers = np.ones((2, 3)), np.array([0, 1]), np.array([0.0, 1.0])
    wide = np.ones((2, 4))
    for other in ((wide, labels), (X, numbers), (X, np.ones((2, 2), int))):
        with pytest.raises(InvalidInput, match="differ in what a row is"):
            as_family([((X, labels), (X, labels)), (other, other)])


def test_numbers_of_object_type_become_numeric_targets():
    family = as_family([((X, np.array(y, dtype=object)), (X, y)) for (X, y), _ in pairs([0.5, 1.5])])
    assert family.tasks.support.y.dtype == family.tasks.query.y.dtype


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
def test_family_of_a_class_unknown_to_jax_trains():
    short = Training(steps=4, tasks=2, every=2, validation_tasks=2)
    learner = LearnedOptimizer(LSTMRule(2, 1), horizon=4, truncation=2, training=short).fit(Bowls(), progress=False)
    assert np.isfinite(learner.evaluate(Bowls(), steps=(0, 2), count=4)[2]).all()
    for family in (Lines(), Parted()):
        learner = MAML(network=MLP((4,), 1), training=short).fit(family, progress=False)
        assert np.isfinite(learner.evaluate(family, count=4)[5]).all()


def test_family_without_a_hash_is_refused():
    @dataclass
    class Loose(Lines):
        size: int = 1

    with pytest.raises(InvalidInput, match="a Loose is no tree to JAX and has no hash"):
        as_family(Loose())


def test_missing_targets_of_object_type_are_refused():
    X = np.zeros((2, 3))
    with pytest.raises(InvalidInput, match="support set of task 0 has missing targets"):
        as_family([((X, [1.0, None]), (X, [1.0, 2.0]))])
    with pytest.raises(InvalidInput, match="infinite"):
        as_family([((X, np.array([1.0, np.inf], dtype=object)), (X, [1.0, 2.0]))])
    family = as_family([((X, np.array([1, 0], dtype=object)), (X, np.array([0, 1], dtype=object)))])
    assert jnp.issubdtype(family.sample(jax.random.key(0)).support.y.dtype, jnp.integer)


def test_error_of_a_family_with_arrays_names_a_hash_by_identity():
    @dataclass(frozen=True)
    class Mine:
        X: np.ndarray

        def sample(self, key):
            return Sinusoids().sample(key)

    with pytest.raises(InvalidInput, match="eq=False"):
        as_family(Mine(np.zeros(3)))


def test_objects_and_large_integers_become_floats():
    assert as_inputs(np.array([[1.5, True]], dtype=object)).dtype == np.float32
    assert as_inputs(np.array([[2**40]])).dtype == np.float32
    assert as_inputs(np.zeros((2, 2), np.uint8)).dtype == np.uint8
    X = np.array([[0.5, True], [1.5, False]] * 10, dtype=object)
    assert GroupedRows.of(X, np.arange(20.0), np.arange(20) % 5).X.dtype == np.float32


def test_weights_of_rows_in_given_tasks_count():
    tasks = lines()
    spoilt = [
        ((np.vstack([X, X]), np.append(y, y + 100), np.append(np.ones(len(y)), np.zeros(len(y)))), query)
        for (X, y), query in tasks
    ]
    learner = MAML(network=SMALL, training=QUICK)
    clean, weighted = (learner.fit(given, progress=False).fitted.state.theta for given in (tasks, spoilt))
    for one, other in zip(jax.tree.leaves(clean), jax.tree.leaves(weighted), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    (X, y), query = tasks[0]
    for weight in (np.ones(3), -np.ones(len(y)), np.full(len(y), np.nan)):
        with pytest.raises(InvalidInput, match="give one a row, none below 0 or missing"):
            learner.fit([((X, y, weight), query)], progress=False)
