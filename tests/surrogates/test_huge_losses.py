"""One penalty among the results must not end what finds the last digits of the others."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.report.study.figures import contour, importances
from seasoned.samplers.bayes.layout import layout_of
from seasoned.space import Float, Space
from seasoned.surrogates.gp.trust_region_model import newton_step
from seasoned.surrogates.quadratic import Quadratic, box_minimum
from seasoned.trials import Config, Trial, TrialState

SQUARE = Space(x=Float(0, 1), y=Float(0, 1))


@pytest.mark.parametrize("penalty", [None, 1e15, 1e300])
def test_a_newton_step_is_taken_beside_a_huge_loss(penalty):
    points = np.random.default_rng(0).random((30, 2))
    losses = np.square(points - 0.5).sum(axis=1)
    best = int(losses.argmin())
    if penalty is not None:
        losses[np.square(points - points[best]).sum(axis=1).argmax()] = penalty
    step = newton_step(layout_of(SQUARE), points, np.ones(points.shape, dtype=bool), losses, best, 0.5)
    np.testing.assert_allclose(step, 0.5, atol=1e-6)


def test_a_fixed_coordinate_stays_where_it_is_though_it_is_beyond_the_box():
    bowl = Quadratic(np.array([-1.0, 0.0]), np.eye(2), 0.0)
    found = box_minimum(bowl, np.array([0.5, -1.0]), np.array([0.4, 1.0]), np.array([True, False]))
    assert found.tolist() == [0.5, 0.0]


def test_importances_and_surfaces_of_the_largest_numbers_are_numbers():
    rng = np.random.default_rng(0)
    trials = [
        Trial(number, Config({"x": float(x), "y": float(y)}), TrialState.COMPLETE, values=(1.7e308 * (x > 0.5),))
        for number, (x, y) in enumerate(rng.random((40, 2)))
    ]
    found = importances(trials, SQUARE)
    assert found.names[0] == "x"
    assert found.total[0] > 0.9
    mean = contour(trials, SQUARE, ("x", "y")).mean
    assert np.isfinite(mean).all()
    assert mean.max() > 1e308
