"""Every setting that is legal is the first point of the space that tunes it."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge.tuning.deep_kernel import DeepSettings, configured, deep_space
from seasoned.knowledge.tuning.learner_spaces import configured as learner_of
from seasoned.knowledge.tuning.learner_spaces import space_of
from seasoned.knowledge.tuning.performance_model import MetricSettings, metric_space
from seasoned.metagrad import MAML, AdamW, ConvNet, Training, adapt_groups


@pytest.mark.parametrize(
    "given", [{}, {"hidden": (128, 128)}, {"hidden": (64, 32)}, {"hidden": (4,) * 5, "outputs": 30, "lr": 0.1}]
)
def test_deep_settings(given):
    settings = DeepSettings(**given)
    found = configured(settings, dict(deep_space(settings).default))
    assert (found.by, found.hidden, found.outputs) == (settings.by, settings.hidden, settings.outputs)
    assert [found.inner_lr, found.lr] == pytest.approx([settings.inner_lr, settings.lr])


@pytest.mark.parametrize("given", [{"rank": 100}, {"rank": 2}, {"tasks_per_factor": 12}, {"temper": 0.01}])
def test_metric_settings(given):
    settings = MetricSettings(**given)
    found = MetricSettings(**metric_space(settings).default)
    assert all(getattr(found, name) == pytest.approx(value) for name, value in given.items())


def test_no_decay():
    learner = MAML(training=Training(optimizer=AdamW(0.0)))
    assert learner_of(learner, space_of(learner).default, 1).training.optimizer == AdamW(0.0)


def test_groups_that_cannot_be_adapted_to_are_refused():
    learner = MAML(network=ConvNet(blocks=1, filters=2, outputs=2))
    X, y = np.zeros((6, 8, 8, 1)), np.zeros(6, int)
    with pytest.raises(InvalidInput, match="each needs a row"):
        adapt_groups(learner, X, y, [np.arange(3), np.arange(0)])
    with pytest.raises(InvalidInput, match="normalization='batch'"):
        adapt_groups(learner, X, y, [np.arange(3)])
