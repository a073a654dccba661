"""Meta-training: guards, infinite losses, interrupts, progress and refused settings."""

from __future__ import annotations

import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from meta_tasks import pairs
from seasoned.errors import InvalidInput
from seasoned.metagrad import MAML, MLP, Interrupted, RidgeHead, Rows, Sinusoids, Task, Training, WideDeep
from seasoned.metagrad.training import loop as stack
from seasoned.metagrad.training import progress as showing
from seasoned.metagrad.training.loop import Entry, begin

SMALL = MLP((4,), outputs=1)
QUICK = Training(steps=4, every=2, tasks=2, validation_tasks=2)
THIRTY_STEPS = Training(steps=30, every=10, validation_tasks=4)


def test_training_without_a_guard_uses_the_last_parameters():
    settings = Training(steps=40, tasks=4, every=10, validation_tasks=0, lr=0.05)
    learner = MAML(network=MLP((4,), 2), training=settings).fit(pairs([0, 1, 0, 1]), stop_at=15, progress=False)
    last, used = (jax.tree.leaves(tree)[0] for tree in (learner.fitted.state.theta, learner.theta))
    np.testing.assert_array_equal(last, used)


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
def test_training_refuses_harmful_settings(setting, says):
    with pytest.raises(InvalidInput, match=says):
        Training(**setting)


@pytest.mark.slow
def test_training_without_a_guard_uses_all_tasks():
    rng = np.random.default_rng(1)
    pairs = [tuple((rng.normal(size=(4, 1)), rng.normal(size=4)) for _ in range(2)) for _ in range(8)]
    learner = MAML(network=MLP((3,)), training=Training(steps=4, tasks=3, validation_tasks=0))
    left, right = (learner.fit(pairs, validation=validation, progress=False) for validation in (None, pairs))
    jax.tree.map(np.testing.assert_array_equal, left.theta, right.theta)


def test_steps_with_infinite_losses_change_nothing_and_are_logged(caplog):
    def sample(key):
        X = jax.random.normal(key, (4, 1))
        y = X[:, 0] * jnp.where(jax.random.bernoulli(key, 0.5), 1.0, jnp.inf)
        return Task(Rows(X, y), Rows(X, y))

    training = Training(steps=40, every=40, tasks=1, validation_tasks=0, lr=0.1)
    with caplog.at_level(logging.WARNING, "seasoned.metagrad"):
        MAML(network=SMALL, training=training).fit(sample, progress=False)
    assert "of the last 40 meta-steps had a loss or a gradient that was not finite, and changed nothing" in caplog.text

    def never(key):
        X = jax.random.normal(key, (4, 1))
        y = X[:, 0] * jnp.where(jax.random.bernoulli(key, 0.999), jnp.inf, 1.0)
        return Task(Rows(X, y), Rows(X, y))

    first = MAML(network=SMALL, training=training)
    start = first.resolved(1, labels=False).initial(jax.random.key(1), (1,))
    with pytest.raises(InvalidInput, match="never saw a finite loss"):
        first.fit(never, progress=False)
    kept = []
    with pytest.raises(InvalidInput):
        first.fit(never, progress=False, on_validation=lambda learner: kept.append(learner.fitted.state.theta))
    for one, other in zip(jax.tree.leaves(start), jax.tree.leaves(kept[0]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_losses_of_half_precision_learners_are_in_single_precision():
    learner = MAML(network=SMALL, training=QUICK).resolved(1, labels=False)
    theta = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), learner.initial(jax.random.key(0), (1,)))
    assert begin(learner, theta, ()).best_loss.dtype == jnp.float32


def test_interrupt_leaves_a_learner_that_can_resume():
    def interrupt(learner):
        if int(learner.fitted.state.step) == 20:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="interrupted after meta-step 20 of 30") as stopped:
        MAML(network=MLP((4,)), training=THIRTY_STEPS).fit(Sinusoids(), on_validation=interrupt, progress=False)
    found = stopped.value.learner
    assert int(found.fitted.state.step) == 20
    assert isinstance(stopped.value, KeyboardInterrupt), "it ends studies, and all else"
    whole = MAML(network=MLP((4,)), training=THIRTY_STEPS).fit(Sinusoids(), progress=False)
    again = found.fit(Sinusoids(), resume=True, progress=False)
    np.testing.assert_array_equal(ravel_pytree(again.theta)[0], ravel_pytree(whole.theta)[0])


def test_notebook_without_widgets_shows_a_progress_line(monkeypatch):
    shown = []

    class Handle:
        def update(self, content, raw):
            shown.append(content["text/plain"])

    class Display:
        @staticmethod
        def display(content, raw, display_id):
            shown.append(content["text/plain"])
            return Handle()

    monkeypatch.setattr(showing.importlib, "import_module", lambda _: Display)
    line = showing.StatusLine(30)
    line.start()
    progress = showing.Progress(30, False)
    progress._bar = line
    progress.update(Entry(10, 0.5, 0.25))
    assert shown == ["meta-training: compiling", "meta-training: 10 of 30 steps, loss 0.5, validation 0.25"]


@pytest.mark.slow
def test_training_compiles_once_for_resumed_runs():
    program = RidgeHead(network=WideDeep((3,)), training=Training(steps=4, every=2, tasks=2, validation_tasks=2))
    before = stack.run_meta_steps._cache_size(), stack.validate._cache_size()
    fitted = program.fit(Sinusoids(), stop_at=2, progress=False).fit(Sinusoids(), resume=True, progress=False)
    assert len(fitted.fitted.history) == 2
    assert (stack.run_meta_steps._cache_size(), stack.validate._cache_size()) == (before[0] + 1, before[1] + 1)
