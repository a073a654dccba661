"""The local model about a centre."""

from __future__ import annotations

import numpy as np

from seasoned.samplers.bayes.layout import layout_of
from seasoned.space import Float, Space
from seasoned.surrogates.gp.process import posterior
from seasoned.surrogates.gp.trust_region_model import neighbourhood


def test_the_model_is_not_upside_down_where_most_neighbours_are_better_than_the_centre():
    """As next to an active constraint, or where an earlier search has left its trials."""
    rng = np.random.default_rng(0)
    old = 0.3 + 0.02 * rng.standard_normal((14, 2))
    points = np.array([*old, [0.4, 0.4], [0.5, 0.5], [0.45, 0.35]])
    losses = np.square(points - 0.3).sum(axis=1)
    layout = layout_of(Space(x=Float(0, 1), y=Float(0, 1)))
    hood = neighbourhood(layout, points, np.ones(points.shape, dtype=bool), losses, 14, 0.1)
    probes = np.array([[0.35, 0.35], [0.3, 0.3], [0.5, 0.5], [0.55, 0.55]])
    scaled = (layout.features(probes, np.ones(probes.shape, dtype=bool)) - hood.origin) / hood.unit
    mean = posterior(hood.gp, scaled).mean
    assert (np.argsort(mean) == [1, 0, 2, 3]).all()
    assert mean[1] < 0 < mean[3]
