"""Evaluation of meta-learners on test tasks."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from seasoned.metagrad import MAML, MLP, Sinusoids, Training
from seasoned.metagrad.tasks.tasks import as_family, at_once


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
def test_evaluation_draws_600_tasks_of_a_family():
    training = Training(steps=2, tasks=2, every=2, validation_tasks=2)
    learner = MAML(network=MLP((3,)), training=training).fit(Sinusoids(), progress=False)
    drawn, asked = (learner.evaluate(Sinusoids(), steps=[1], **options)[1] for options in ({}, {"count": 600}))
    np.testing.assert_array_equal(drawn, asked)


def task(rows):
    X = np.random.default_rng(0).normal(size=(rows, 50)).astype(np.float32)
    return (X, X[:, :1]), (X, X[:, :1])


def test_evaluation_judges_large_tasks_few_at_a_time():
    small, large = (as_family([task(rows)]) for rows in (10, 40_000))
    key = jax.random.key(0)
    assert at_once(small, key, 100) == 100
    assert 1 <= at_once(large, key, 100) < 20
    learner = MAML(network=MLP((2,)), training=Training(steps=1, tasks=1, validation_tasks=3, every=1))
    fitted = learner.fit(large, validation=large, progress=False)
    assert np.isfinite(fitted.fitted.history[-1].validation)
