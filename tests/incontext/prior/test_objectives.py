"""Drawn studies: sizes, reproducibility, form of the space, kinds of functions, and the search's concentration."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.incontext.prior.objectives import _half_ranks, draw_trials
from seasoned.incontext.prior.spaces import draw_space
from seasoned.incontext.prior.surfaces import WARPS, bowl, gaussian_process, trees


@pytest.fixture(scope="module")
def studies():
    return [draw_trials(np.random.default_rng([2, seed]), 160, 6) for seed in range(80)]


@pytest.fixture(scope="module")
def spaces():
    return [draw_space(np.random.default_rng([3, seed]), 8) for seed in range(60)]


@pytest.mark.parametrize(("rows", "columns"), [(4, 1), (40, 2), (300, 30)])
def test_study_has_the_asked_size(rows, columns):
    study = draw_trials(np.random.default_rng(0), rows, columns)
    assert study.X.shape == (rows, columns)
    assert study.y.shape == (rows,)
    assert study.categorical.shape == (columns,)
    assert study.X.dtype == study.y.dtype == np.float32
    assert study.n_classes == 0


def test_same_seed_same_study():
    first, second, third = (draw_trials(np.random.default_rng(seed), 100, 5) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.X, second.X)
    np.testing.assert_array_equal(first.y, second.y)
    assert not np.array_equal(first.X, third.X)


def test_losses_are_finite_and_standardised(studies):
    for study in studies:
        assert np.isfinite(study.y).all()
        assert study.y.mean() == pytest.approx(0, abs=1e-4)
        assert study.y.std() == pytest.approx(1, abs=1e-3)


def test_coordinates_lie_in_the_cube_and_gaps_are_some(studies):
    for study in studies:
        known = study.X[~np.isnan(study.X)]
        assert known.min() >= 0
        assert known.max() <= 1
    assert 0.05 < np.mean([np.isnan(study.X).any() for study in studies]) < 0.5
    assert 0.3 < np.mean([study.categorical.any() for study in studies]) < 0.7


def test_points_are_at_their_levels_and_active_where_their_parent_says_so(spaces):
    conditional = 0
    for space in spaces:
        X = space.snap(np.random.default_rng(0).random((200, 8)))
        np.testing.assert_array_equal(space.snap(np.nan_to_num(X, nan=0.5)), X)
        for j, levels in enumerate(space.levels):
            above = space.parent[j]
            active = np.ones(200, bool) if above < 0 else space.level(above, X[:, above]) == space.option[j]
            np.testing.assert_array_equal(~np.isnan(X[:, j]), active)
            assert levels is None or np.isin(X[active, j], levels).all()
            assert not space.nominal[j] or np.allclose(levels, (np.arange(len(levels)) + 0.5) / len(levels))
            assert above < j
            conditional += above >= 0
    assert conditional > 20


def test_rows_are_exchangeable(studies):
    """The halves of a study differ no more than by chance."""
    differences = [(study.y[:80].mean() - study.y[80:].mean()) * np.sqrt(80 / 2) for study in studies]
    assert np.mean(np.square(differences)) < 1.6


def test_trials_are_dense_where_the_losses_are_small(studies):
    """Mean distance to the nearest trial, of the best tenth and of the worst tenth."""
    closer = 0
    for study in studies:
        X = np.nan_to_num(study.X, nan=-1.0)
        nearest = np.sort(np.abs(X[:, None] - X).sum(axis=2), axis=1)[:, 1:4].mean(axis=1)
        order = np.argsort(study.y)
        closer += nearest[order[:16]].mean() < nearest[order[-16:]].mean()
    assert closer > 0.7 * len(studies)


def test_some_columns_do_not_matter_and_some_do():
    """A process with relevance 0 in a column does not change along it."""
    rng = np.random.default_rng(0)
    X = rng.random((50, 3))
    moved = X.copy()
    moved[:, 1] = rng.random(50)
    for kind in (gaussian_process, bowl, trees):
        for relevance, same in ((np.array([1.0, 0.0, 1.0]), True), (np.array([0.2, 1.0, 0.2]), False)):
            function = kind(np.random.default_rng(1), X, relevance)
            assert np.allclose(function(moved), function(X)) == same, kind.__name__


def test_bowl_is_smallest_inside_the_cube():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.random((4000, 2))
        values = bowl(rng, X, np.ones(2))(X)
        assert (np.abs(X[values.argmin()] - 0.5) < 0.49).all()


@pytest.mark.parametrize("warp", sorted(set(WARPS), key=lambda warp: warp.__name__), ids=lambda warp: warp.__name__)
def test_warps_keep_the_order(warp):
    f = np.sort(np.random.default_rng(0).standard_normal(200))
    warped = warp(np.random.default_rng(1), f)(f)
    assert (np.diff(warped) >= -1e-12).all()
    assert warped.std() > 0


def test_many_functions_can_be_learned_and_noise_is_mixed_in(studies):
    """Share of the variance that the nearest trial explains."""
    shares = []
    for study in studies:
        X = np.nan_to_num(study.X, nan=-1.0)
        near = np.abs(X[120:, None] - X[:120]).sum(axis=2).argmin(axis=1)
        shares.append(np.corrcoef(study.y[:120][near], study.y[120:])[0, 1])
    assert np.nanmedian(shares) > 0.3
    assert np.nanmin(shares) < 0.2


def test_half_ranks_keep_the_better_half_and_the_order():
    y = np.random.default_rng(0).standard_normal(101) ** 3
    ranked = _half_ranks(y)
    good = y <= np.median(y)
    np.testing.assert_array_equal(ranked[good], y[good])
    np.testing.assert_array_equal(np.argsort(ranked), np.argsort(y))
    assert ranked.max() < y.max()
    np.testing.assert_array_equal(_half_ranks(np.ones(5)), np.ones(5))
