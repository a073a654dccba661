"""Head step: the weighted ridge solution for numbers, and descent for classes."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.metagrad.learners.head_step import head_step


@pytest.mark.parametrize("rows", [3, 12])  # fewer and more rows than features: both forms of the solve
def test_head_step_is_the_weighted_ridge_solution(rows):
    rng = np.random.default_rng(0)
    features, targets = rng.normal(size=(rows, 5)), rng.normal(size=(rows, 1))
    weight, variance = rng.random(rows), rng.random(5) + 0.1
    centre = rng.normal(size=(5, 1))
    offsets = np.zeros((rows, 1))
    head = head_step(np, "squared_error", (features, offsets, targets, weight), centre, (centre, variance))
    hessian = 2 * features.T @ (weight[:, None] * features) + np.diag(1 / variance)
    right = 2 * features.T @ (weight[:, None] * targets) + centre / variance[:, None]
    np.testing.assert_allclose(head, np.linalg.solve(hessian, right), rtol=1e-9)


def test_head_steps_for_classes_descend_to_the_optimum():
    rng = np.random.default_rng(1)
    features, offsets = rng.normal(size=(20, 4)), rng.normal(size=(20, 3))
    targets, variance = np.eye(3)[rng.integers(3, size=20)], np.full(4, 0.5)
    centre = np.zeros((4, 3))

    def objective(head):
        outputs = offsets + features @ head
        logs = outputs - np.log(np.exp(outputs).sum(axis=1, keepdims=True))
        return -(logs * targets).sum() + 0.5 * ((head - centre) ** 2 / variance[:, None]).sum()

    head, losses = centre, []
    for _ in range(200):
        losses.append(objective(head))
        head = head_step(np, "cross_entropy", (features, offsets, targets, np.ones(20)), head, (centre, variance))
    assert (np.diff(losses) <= 1e-12).all()
    for place in np.ndindex(head.shape):
        for step in (-1e-3, 1e-3):
            moved = head.copy()
            moved[place] += step
            assert objective(moved) >= objective(head)
