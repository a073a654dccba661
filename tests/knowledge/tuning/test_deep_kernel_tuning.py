"""Tuning of deep kernels: settings judged by families left out."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge.tuning.deep_kernel import DeepSettings, configured, deep_space


@pytest.mark.slow
def test_deep_kernel_is_tuned_by_families_left_out():
    from seasoned.knowledge.transfer.deep_kernel_settings import DeepSettings
    from seasoned.knowledge.transfer.warm_starts import Evaluations
    from seasoned.knowledge.tuning.deep_kernel import left_out_likelihood, tune_deep_kernel

    rng = np.random.default_rng(0)
    tasks = []
    for _ in range(9):
        points = rng.random((40, 3))
        tasks.append(Evaluations(points, np.cos(6 * points[:, 0] + rng.uniform(0, 6))))
    families = [f"f{place // 3}" for place in range(9)]
    small = DeepSettings(hidden=(8,), outputs=2, steps=250)
    longer = left_out_likelihood(tasks, families, small)
    assert longer < left_out_likelihood(tasks, families, DeepSettings(hidden=(8,), outputs=2, steps=1))
    found = tune_deep_kernel(tasks, families, trials=2, default=small)
    assert found.study.best.value <= longer + 1e-9
    with pytest.raises(InvalidInput, match="families"):
        tune_deep_kernel(tasks, ["one"] * 9, default=small)


@pytest.mark.parametrize(
    "given", [{}, {"hidden": (128, 128)}, {"hidden": (64, 32)}, {"hidden": (4,) * 5, "outputs": 30, "lr": 0.1}]
)
def test_default_of_the_deep_kernel_space_is_the_given_settings(given):
    settings = DeepSettings(**given)
    found = configured(settings, dict(deep_space(settings).default))
    assert (found.by, found.hidden, found.outputs) == (settings.by, settings.hidden, settings.outputs)
    assert [found.inner_lr, found.lr] == pytest.approx([settings.inner_lr, settings.lr])
