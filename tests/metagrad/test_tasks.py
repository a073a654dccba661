"""Tasks: pairs and functions become families; wrong ones are named."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.metagrad import MAML, MLP, Rows, Sinusoids, Task, Training
from seasoned.metagrad.tasks.losses import mean_loss
from seasoned.metagrad.tasks.tasks import TaskFunction, TaskList, as_family


def test_pairs_of_different_sizes_are_padded_with_rows_that_do_not_count():
    rng = np.random.default_rng(0)
    pairs = [tuple((rng.normal(size=(n, 2)), rng.normal(size=n)) for n in sizes) for sizes in ((3, 4), (5, 2))]
    family = as_family(pairs)
    assert isinstance(family, TaskList)
    for place, pair in enumerate(pairs):
        task = jax.tree.map(lambda leaf: leaf[place], family.tasks)  # noqa: B023
        for rows, (X, y) in zip(task, pair, strict=True):
            found = mean_loss("squared_error", rows.X @ jnp.ones((2, 1)), rows)
            assert float(found) == pytest.approx(float(np.mean((X.sum(1) - y) ** 2)), rel=1e-5)


def test_a_function_is_a_family():
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
def test_wrong_tasks_are_named(wrong):
    with pytest.raises(InvalidInput):
        wrong()


@pytest.mark.slow
def test_without_a_guard_no_task_is_kept_from_training():
    rng = np.random.default_rng(1)
    pairs = [tuple((rng.normal(size=(4, 1)), rng.normal(size=4)) for _ in range(2)) for _ in range(8)]
    learner = MAML(network=MLP((3,)), training=Training(steps=4, tasks=3, validation_tasks=0))
    left, right = (learner.fit(pairs, validation=validation, progress=False) for validation in (None, pairs))
    jax.tree.map(np.testing.assert_array_equal, left.theta, right.theta)


@pytest.mark.slow
def test_every_task_of_a_list_is_evaluated_once_and_in_order():
    rng = np.random.default_rng(2)
    sizes = [(3, 4), (5, 2), (2, 6)] * 35  # more than are judged side by side, and not a multiple of that
    pairs = [tuple((rng.normal(size=(n, 2)), rng.normal(size=n)) for n in both) for both in sizes]
    training = Training(steps=4, tasks=3, every=2, validation_tasks=4)
    learner = MAML(0.1, network=MLP((3,)), training=training).fit(pairs, progress=False)
    found = learner.evaluate(pairs, steps=[0, 2])
    for steps, values in found.items():
        adapted = [(learner.adapt(*support, steps=steps), query) for support, query in pairs]
        expected = [np.mean((model.predict(X) - y) ** 2) for model, (X, y) in adapted]
        np.testing.assert_allclose(values, expected, rtol=1e-4)
    assert np.array_equal(learner.evaluate(as_family(pairs), steps=[2])[2], found[2])
    assert len(learner.evaluate(pairs, steps=[2], count=5)[2]) == 5


@pytest.mark.slow
def test_of_a_family_600_tasks_are_drawn():
    training = Training(steps=2, tasks=2, every=2, validation_tasks=2)
    learner = MAML(network=MLP((3,)), training=training).fit(Sinusoids(), progress=False)
    drawn, asked = (learner.evaluate(Sinusoids(), steps=[1], **options)[1] for options in ({}, {"count": 600}))
    np.testing.assert_array_equal(drawn, asked)
