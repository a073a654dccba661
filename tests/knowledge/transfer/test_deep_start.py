"""Deep start: a warm start by a deep kernel over past tasks."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from deep_kernels import kernel_of
from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.evaluations import Evaluations
from seasoned.knowledge.transfer.deep_kernel import deep_start
from seasoned.space import Float, Space
from seasoned.surrogates.gp.deep_kernel import DeepKernel, Layer

FOUR = Space({f"x{index}": Float(0, 1) for index in range(4)})
FIRST = DeepKernel((Layer(np.eye(4)[:, :1] * 3.0, np.zeros(1)),), 0.02)
"""Knows what `tasks_along_the_first` has in common: that the first coordinate alone counts."""


def alike(count=6, seed=0, sign=1.0):
    rng = np.random.default_rng(seed)
    return [
        Evaluations(points, sign * 10.0**place * np.square(points[:, 0] - 0.7))
        for place, points in enumerate(rng.random((count, 40, 4)))
    ]


def test_deep_start_begins_where_past_tasks_were_good():
    start = deep_start(FOUR, alike(), FIRST)
    assert start.relative
    assert all(abs(config["x0"] - 0.7) < 0.1 for config in start.configurations)
    assert deep_start(FOUR, alike(), FIRST) == start


def test_deep_start_follows_trials_against_contrary_past_tasks():
    trials = Evaluations(*(part[:12] for part in alike(1, seed=9)[0]))
    misled = deep_start(FOUR, alike(sign=-1.0), FIRST)
    told = deep_start(FOUR, alike(sign=-1.0), FIRST, trials=trials)
    assert min(abs(config["x0"] - 0.7) for config in misled.configurations) > 0.4
    assert abs(told.configurations[0]["x0"] - 0.7) < 0.2


def test_deep_start_with_a_floor_of_one_ignores_the_kernel():
    trials = Evaluations(*(part[:12] for part in alike(1, seed=9)[0]))
    starts = [
        deep_start(FOUR, alike(), kernel, trials=trials, floor=1.0)
        for kernel in (FIRST, DeepKernel((Layer(np.eye(4)[::-1], np.zeros(4)),), 0.02))
    ]
    assert starts[0] == starts[1]


def test_deep_start_with_inconsistent_arguments_is_refused():
    with pytest.raises(InvalidInput, match="no past task"):
        deep_start(FOUR, [], FIRST)
    with pytest.raises(InvalidInput, match="at least 3"):
        deep_start(FOUR, alike(), FIRST, trials=Evaluations(np.ones((2, 4)), np.ones(2)))
    with pytest.raises(InvalidInput, match="rows of 3"):
        deep_start(FOUR, alike(), kernel_of(0))


def test_deep_start_needs_no_jax():
    code = """
import sys
import numpy as np
from seasoned import Float, Space
from seasoned.knowledge import DeepKernel, DeepSettings, Evaluations, deep_start
text = '{"layers": [{"weight": [[1.0]], "offset": [0.0]}], "noise": 0.02, "rate": 0.05}'
points = np.linspace(0, 1, 20)[:, None]
task = Evaluations(points, points[:, 0])
deep_start(Space(x=Float(0, 1)), [task], DeepKernel.of_text(text), trials=task)
print([name for name in ("jax", "optax") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
