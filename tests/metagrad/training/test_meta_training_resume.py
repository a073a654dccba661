"""Resumed meta-training: the best state, changed settings and changed tasks."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from meta_tasks import lines
from seasoned.errors import InvalidInput
from seasoned.metagrad import MAML, MLP, LearnedOptimizer, MLPRule, Quadratics, Rows, Sinusoids, Task, Training

QUICK = Training(steps=4, every=2, tasks=2, validation_tasks=2)
SMALL = MLP((4,), outputs=1)
THIRTY_STEPS = Training(steps=30, every=10, validation_tasks=4)


@pytest.mark.slow
def test_resume_with_infinite_losses_keeps_the_best_state():
    def sample(key):
        X = jax.random.normal(key, (4, 1))
        return Task(Rows(X, X[:, 0]), Rows(X, X[:, 0]))

    def never(key):
        X = jnp.full((4, 1), jnp.inf)
        return Task(Rows(X, X[:, 0]), Rows(X, X[:, 0]))

    fitted = MAML(network=SMALL, training=QUICK).fit(sample, stop_at=2, progress=False)
    again = fitted.fit(never, validation=sample, resume=True, progress=False)
    assert len(again.fitted.history) == 2
    assert np.isnan(again.fitted.history[-1].loss)


@pytest.mark.slow
def test_resume_refuses_classes_without_an_output():
    few, many = lines(kind=int), lines(kind=int)
    many = [((X, 2 * y), (Xq, 2 * yq)) for (X, y), (Xq, yq) in many]
    fitted = MAML(training=QUICK).fit(few, stop_at=2, progress=False)
    with pytest.raises(InvalidInput, match="the tasks have labels up to 2, and the learner predicts 2 classes"):
        fitted.fit(many, resume=True, progress=False)
    wide = MAML(training=QUICK).fit(many, stop_at=2, progress=False)
    assert wide.fit(few, resume=True, progress=False).fitted.outputs == 3, "it still knows what it has learned"


@dataclasses.dataclass(frozen=True)
class Scaled:
    """Sinusoids, some times as high."""

    scale: float

    def sample(self, key):
        return Task(*[Rows(rows.X, self.scale * rows.y) for rows in Sinusoids().sample(key)])


@pytest.mark.slow
def test_resume_judges_the_best_state_by_the_new_tasks():
    first = MAML(network=SMALL, training=QUICK).fit(Scaled(1e-3), progress=False)
    longer = dataclasses.replace(first, training=dataclasses.replace(QUICK, steps=400, every=50, validation_tasks=20))
    after = longer.fit(Sinusoids(), resume=True, progress=False)
    assert int(after.fitted.state.best_step) > 4
    assert float(after.fitted.state.best_loss) == min(entry.validation for entry in after.fitted.history[2:])


@pytest.mark.parametrize(
    "changes",
    [
        {"network": MLP((8,), outputs=1)},
        {"training": dataclasses.replace(QUICK, steps=9, clip=1.0)},
        {"training": dataclasses.replace(QUICK, steps=9, schedule="cosine")},
    ],
    ids=["network", "clip", "schedule"],
)
def test_resume_refuses_changed_networks_clips_and_schedules(changes):
    learner = MAML(network=SMALL, training=QUICK).fit(Sinusoids(), progress=False)
    with pytest.raises(InvalidInput, match="change no more than steps, rates and guard"):
        dataclasses.replace(learner, **changes).fit(Sinusoids(), resume=True, progress=False)


@pytest.mark.slow
def test_resume_refuses_another_number_of_tasks_of_a_learned_optimizer():
    family = Quadratics(3)
    learner = LearnedOptimizer(MLPRule(), horizon=4, truncation=2, training=QUICK).fit(family, progress=False)
    more = dataclasses.replace(QUICK, steps=9, tasks=3)
    with pytest.raises(InvalidInput, match="another number of tasks"):
        dataclasses.replace(learner, training=more).fit(family, resume=True, progress=False)
    more = dataclasses.replace(QUICK, steps=6)
    after = dataclasses.replace(learner, training=more).fit(family, resume=True, progress=False)
    assert int(after.fitted.state.step) == 6


def test_resume_without_steps_left_logs_a_warning(caplog):
    learner = MAML(network=MLP((4,)), training=THIRTY_STEPS).fit(Sinusoids(), progress=False)
    again = learner.fit(Sinusoids(), resume=True, progress=False)
    assert int(again.fitted.state.step) == 30
    assert "all 30 meta-steps are done, so that nothing is trained; raise training.steps" in caplog.text
    caplog.clear()
    longer = dataclasses.replace(learner, training=dataclasses.replace(THIRTY_STEPS, steps=40))
    assert int(longer.fit(Sinusoids(), resume=True, progress=False).fitted.state.step) == 40
    assert "nothing is trained" not in caplog.text
