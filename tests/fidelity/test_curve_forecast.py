"""Forecasts of learning curves: their cost and their certainty."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.fidelity.curve import forecast


def test_a_forecast_depends_on_the_reported_steps_alone():
    steps = [10**5, 2 * 10**5, 4 * 10**5, 8 * 10**5]
    found = forecast({step: 0.2 + step**-0.5 for step in steps}, 10**9)
    assert found is not None
    assert 0.19 < found.mean < 0.2013
    near = forecast({step: 0.2 + step**-0.5 for step in range(1, 20)}, 100)
    np.testing.assert_allclose(near.mean, 0.3, atol=0.02)


def test_the_forecast_of_a_flat_curve_does_not_depend_on_its_unit():
    """A loss that has stood at 0.002 for ten epochs, with a best of 0.001, is as hopeless as one of 2,000 and 1,000."""
    flat = [forecast(dict.fromkeys(range(1, 11), 2 * unit), 81) for unit in (1e-3, 1.0, 1e3)]
    chances = [found.probability_below(unit) for found, unit in zip(flat, (1e-3, 1.0, 1e3), strict=True)]
    assert chances == pytest.approx([chances[0]] * 3)
    assert chances[0] < 0.05
