"""What readers with fresh eyes found in learners: inputs that are no floats, interrupts, resumes, notebooks."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from seasoned.metagrad import MAML, MLP, GroupedRows, Interrupted, RidgeHead, Sinusoids, Training
from seasoned.metagrad.learners import shrinkage
from seasoned.metagrad.learners.base import MetaLearner
from seasoned.metagrad.learners.shape_checks import describe_tasks
from seasoned.metagrad.tasks.tasks import Rows, Task, as_inputs
from seasoned.metagrad.training import progress as showing
from seasoned.metagrad.training.loop import Entry
from seasoned.tabular.few_shot.adapter import adapter_of

QUICK = Training(steps=30, every=10, validation_tasks=4)


@pytest.mark.parametrize("kind", [np.uint8, np.bool_, np.int32])
def test_inputs_that_are_no_floats_have_the_same_meta_gradient(kind):
    rng = np.random.default_rng(0)
    learner = MAML(0.001, network=MLP((20,), outputs=1), loss="squared_error")
    most = 2 if kind is np.bool_ else 256

    def rows(count):
        X = rng.integers(0, most, (3, count, 50)).astype(kind)
        return X, rng.normal(size=(3, count)).astype(np.float32)

    support, query = rows(5), rows(7)
    whole = Task(*(Rows(jax.numpy.asarray(X), jax.numpy.asarray(y), None) for X, y in (support, query)))
    theta = learner.initial(jax.random.key(0), (50,))
    loss, gradient = jax.jit(learner.meta_gradient)(theta, whole, 0.0)
    floats = Task(*(part._replace(X=part.X.astype(np.float32)) for part in whole))
    expected_loss, expected = jax.jit(lambda *given: MetaLearner.meta_gradient(learner, *given))(theta, floats, 0.0)
    assert float(loss) == pytest.approx(float(expected_loss), rel=1e-3)
    found, wanted = ravel_pytree(gradient)[0], ravel_pytree(expected)[0]
    assert float(np.linalg.norm(found - wanted)) < 1e-2 * float(np.linalg.norm(wanted))


def test_objects_and_large_whole_numbers_are_numbers():
    assert as_inputs(np.array([[1.5, True]], dtype=object)).dtype == np.float32
    assert as_inputs(np.array([[2**40]])).dtype == np.float32
    assert as_inputs(np.zeros((2, 2), np.uint8)).dtype == np.uint8
    X = np.array([[0.5, True], [1.5, False]] * 10, dtype=object)
    assert GroupedRows.of(X, np.arange(20.0), np.arange(20) % 5).X.dtype == np.float32


def test_an_interrupt_leaves_what_was_trained():
    def interrupt(learner):
        if int(learner.fitted.state.step) == 20:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="interrupted after meta-step 20 of 30") as stopped:
        MAML(network=MLP((4,)), training=QUICK).fit(Sinusoids(), on_validation=interrupt, progress=False)
    found = stopped.value.learner
    assert int(found.fitted.state.step) == 20
    assert isinstance(stopped.value, KeyboardInterrupt), "it ends studies, and all else"
    whole = MAML(network=MLP((4,)), training=QUICK).fit(Sinusoids(), progress=False)
    again = found.fit(Sinusoids(), resume=True, progress=False)
    np.testing.assert_array_equal(ravel_pytree(again.theta)[0], ravel_pytree(whole.theta)[0])


def test_a_resume_with_nothing_left_to_do_says_so(caplog):
    learner = MAML(network=MLP((4,)), training=QUICK).fit(Sinusoids(), progress=False)
    again = learner.fit(Sinusoids(), resume=True, progress=False)
    assert int(again.fitted.state.step) == 30
    assert "all 30 meta-steps are done, so that nothing is trained; raise training.steps" in caplog.text
    caplog.clear()
    longer = dataclasses.replace(learner, training=dataclasses.replace(QUICK, steps=40))
    assert int(longer.fit(Sinusoids(), resume=True, progress=False).fitted.state.step) == 40
    assert "nothing is trained" not in caplog.text


def test_a_notebook_without_widgets_has_a_line(monkeypatch):
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
    line = showing._Line(30)
    line.start()
    progress = showing.Progress(30, False)
    progress._bar = line
    progress.update(Entry(10, 0.5, 0.25))
    assert shown == ["meta-training: compiling", "meta-training: 10 of 30 steps, loss 0.5, validation 0.25"]


def test_labels_are_counted_without_inputs():
    rng = np.random.default_rng(0)
    table = GroupedRows.of(rng.normal(size=(40, 3)), np.r_[np.zeros(39, int), 7], np.arange(40) % 4)
    assert describe_tasks(table) == ((3,), 8, True)


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_very_many_tasks_are_adapted_as_each_alone(loss, monkeypatch):
    monkeypatch.setattr(shrinkage, "TOGETHER", 3)
    rng = np.random.default_rng(0)
    labels = loss == "cross_entropy"
    X = rng.normal(size=(60, 4)).astype(np.float32)
    y = rng.integers(0, 3, 60) if labels else rng.normal(size=60)
    groups = [np.arange(start, start + size) for start, size in ((0, 1), (1, 7), (8, 8), (16, 9), (25, 3), (28, 32))]
    tasks = GroupedRows.of(X, y, np.repeat(np.arange(6), [1, 7, 8, 9, 3, 32]))
    learner = RidgeHead(training=Training(steps=4, every=2, validation_tasks=0)).fit(tasks, progress=False)
    adapter = adapter_of(learner)
    found = adapter.heads_of(X, y, groups)
    for rows, head in zip(groups, found, strict=True):
        np.testing.assert_allclose(head, adapter.adapt(X[rows], y[rows], tune=False)[0]["head"], rtol=1e-5, atol=1e-6)
