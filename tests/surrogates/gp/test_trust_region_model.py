"""Local model about a centre: its slope, its Newton step, and its trust region."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.samplers.bayes.layout import layout_of
from seasoned.space import Float, Space
from seasoned.surrogates.gp.process import posterior
from seasoned.surrogates.gp.trust_region_model import Region, neighbourhood, newton_step

SQUARE = Space(x=Float(0, 1), y=Float(0, 1))
WIDE_SQUARE = Space(x=Float(-1, 1), y=Float(-1, 1))


def test_the_local_model_falls_towards_better_neighbours():
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


@pytest.mark.parametrize("penalty", [None, 1e15, 1e300])
def test_a_newton_step_is_taken_beside_a_huge_loss(penalty):
    points = np.random.default_rng(0).random((30, 2))
    losses = np.square(points - 0.5).sum(axis=1)
    best = int(losses.argmin())
    if penalty is not None:
        losses[np.square(points - points[best]).sum(axis=1).argmax()] = penalty
    step = newton_step(layout_of(SQUARE), points, np.ones(points.shape, dtype=bool), losses, best, 0.5)
    np.testing.assert_allclose(step, 0.5, atol=1e-6)


def test_the_local_model_ranks_failures_last():
    layout = layout_of(WIDE_SQUARE)
    rng = np.random.default_rng(0)
    points = rng.random((40, 2))
    active = np.ones((40, 2), dtype=bool)
    losses = points[:, 0] + (points[:, 1] - 0.5) ** 2
    losses[points[:, 0] < 0.3] = np.nan  # where the quadratic's bottom lies
    best = int(np.nanargmin(losses))
    assert newton_step(layout, points, active, losses, best, 0.4) is None
    hood = neighbourhood(layout, points, active, losses, best, 0.4)
    targets, there = hood.gp.sample.targets, hood.gp.sample.features[:, 0] * hood.unit[0] + hood.origin[0] < 0.3
    assert targets[there].min() > targets[~there].max()
    assert np.isfinite(targets).all()


def test_the_trust_region_grows_with_gains_and_shrinks_with_failures():
    region = Region(radius=0.1)
    assert region.stepped(0.1, gained=True, worthy=True).radius == pytest.approx(0.2)
    assert region.stepped(0.03, gained=True, worthy=True).radius == pytest.approx(0.1)
    assert region.stepped(0.001, gained=True, worthy=True).radius < 0.1
    failed = region
    for _ in range(200):
        failed = failed.stepped(0.1, gained=False, worthy=True)
    assert failed.collapsed(3)
    assert Region(radius=0.5).stepped(0.5, gained=True, worthy=True).radius == 0.5


def test_a_local_search_ends_after_many_small_gains():
    region = Region()
    for _ in range(30):
        assert not region.collapsed(5) or region.minor >= 14
        region = region.stepped(0.03, gained=True, worthy=False)
    assert region.collapsed(5)
    assert not region.stepped(0.03, gained=True, worthy=True).collapsed(5)
