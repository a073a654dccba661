"""Study figures of huge values: importances and surfaces stay finite."""

from __future__ import annotations

import numpy as np

from seasoned.report.study.figures import contour, importances
from seasoned.space import Float, Space
from seasoned.trials import Config, Trial, TrialState

SQUARE = Space(x=Float(0, 1), y=Float(0, 1))


def test_importances_and_surfaces_of_the_largest_numbers_are_finite():
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
