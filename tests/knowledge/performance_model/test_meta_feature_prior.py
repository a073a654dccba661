"""Meta-feature prior: a forecast of scores beside past tasks, before and after trials."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from seasoned.knowledge.performance_model.improvement_targets import Kinds
from seasoned.knowledge.performance_model.meta_feature_prior import MetaFeaturePrior
from seasoned.knowledge.performance_model.model import fit_metric
from seasoned.knowledge.performance_model.score_scale import hypotheses
from seasoned.knowledge.performance_model.task_prior import fit_task_prior

EVERY = np.arange(40)
ROWS = np.array([0, 7, 13])
NOTHING = np.array([], dtype=np.intp)


@pytest.fixture(scope="module")
def world():
    """Tasks of four numbers; meta-features tell each with some noise."""
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(120, 4))
    table = 0.3 * rng.normal(size=40) + weights @ rng.normal(size=(4, 40)) + 0.3 * rng.normal(size=(120, 40))
    about = weights + 0.4 * rng.normal(size=weights.shape)
    metric = fit_metric(table[:90])
    return metric, fit_task_prior(about[:90], metric.factors), table[90:], about[90:]


def spearman(belief, task, rows):
    others = np.setdiff1d(EVERY, rows)
    return spearmanr(belief.standardised(others).mean, task[others]).statistic


@pytest.mark.parametrize("rows", [NOTHING, ROWS], ids=["no trial", "three trials"])
def test_meta_feature_prior_orders_better_than_task_weights_alone(world, rows):
    metric, prior, new, abouts = world
    gains = []
    for task, about in zip(new, abouts, strict=True):
        told = {"weights": prior.shares(about), "foretold": prior.foretold(about)}
        without = metric.condition(rows, task[rows], weights=told["weights"])
        gains.append(spearman(metric.condition(rows, task[rows], **told), task, rows) - spearman(without, task, rows))
    assert np.mean(gains) > 0.02
    assert np.mean(np.array(gains) > 0) > 0.6


def test_meta_feature_prior_is_conditioned_by_bayes_rule(world):
    """With the likelihood to the power 1 and one level possible: against the information form of the same rule."""
    metric, prior, new, abouts = world
    factors, told = metric.factors, prior.foretold(abouts[0])
    grid = hypotheses(new[0, ROWS], metric.level)
    joint = np.zeros(grid.z.shape[1])
    joint[5] = 0.3
    bent = told.bent(grid, ROWS, factors, joint, temper=1.0, kinds=Kinds(), outside=np.array([np.inf]))
    v, z = factors.loadings[:, ROWS], np.minimum(grid.z[:, 5], 3.0)
    precision = np.linalg.inv(told.covariance) + (v / factors.noise[ROWS]) @ v.T
    covariance = np.linalg.inv(precision)
    right = np.linalg.solve(told.covariance, told.latent) + (v / factors.noise[ROWS]) @ (z - factors.mean[ROWS])
    assert bent.covariance == pytest.approx(covariance, abs=1e-9)
    assert bent.latent == pytest.approx(covariance @ right, abs=1e-9)
    assert bent.share == pytest.approx(0.3)
    assert bent.goals == pytest.approx([min(z.min(), 0.0)])


def test_unknown_level_widens_the_meta_feature_prior(world):
    metric, prior, new, abouts = world
    grid = hypotheses(new[0, ROWS], metric.level)
    one, all_ = np.zeros(grid.z.shape[1]), np.exp(grid.prior - grid.prior.max())
    one[int(np.argmax(all_))] = 1.0
    sure, unsure = (
        prior.foretold(abouts[0]).bent(
            grid, ROWS, metric.factors, joint, temper=1.0, kinds=Kinds(), outside=np.array([np.inf])
        )
        for joint in (one, all_ / all_.sum())
    )
    assert np.trace(unsure.covariance) > np.trace(sure.covariance)


def test_meta_feature_prior_loses_weight_where_trials_contradict(world):
    metric, prior, new, abouts = world
    rows = np.arange(0, 40, 3)
    shares = []
    for task, about in zip(new, abouts, strict=True):
        right = prior.foretold(about)
        wrong = replace(right, latent=-3.0 * right.latent)
        shares.append(
            [metric.condition(rows, task[rows], foretold=one).mixture.foretold.share for one in (right, wrong)]
        )
    right, wrong = np.mean(shares, axis=0)
    assert wrong < 0.5 * right


def test_mixture_with_a_prior_follows_the_law_of_total_variance(world):
    """Mean and variance of the two parts by the law of total variance, and gains by their shares."""
    metric, prior, new, abouts = world
    told = prior.foretold(abouts[1])
    both = metric.condition(ROWS, new[1, ROWS], foretold=told).mixture
    past = replace(both, foretold=None)
    share, part = both.foretold.share, both.foretold
    means = past.mean(EVERY), part.mean(metric.factors, EVERY)
    variances = past.variance(EVERY), part.variance(metric.factors, EVERY)
    mean = (1 - share) * means[0] + share * means[1]
    square = (1 - share) * (variances[0] + means[0] ** 2) + share * (variances[1] + means[1] ** 2)
    assert 0.0 < share < 1.0
    assert both.mean(EVERY) == pytest.approx(mean)
    assert both.variance(EVERY) == pytest.approx(square - mean**2)
    only = replace(both, foretold=replace(part, share=1.0)).expected_gain(EVERY)
    assert both.expected_gain(EVERY) == pytest.approx((1 - share) * past.expected_gain(EVERY) + share * only)


def test_spread_before_any_trial_includes_the_distance_of_both_parts(world):
    metric, prior, _, abouts = world
    told = prior.foretold(abouts[1])
    past, only, both = (
        metric.condition(NOTHING, np.array([]), foretold=one).standardised(EVERY)
        for one in (None, replace(told, share=1.0), told)
    )
    assert both.mean == pytest.approx(0.5 * (past.mean + only.mean))
    square = 0.5 * (past.std**2 + past.mean**2 + only.std**2 + only.mean**2)
    assert both.std**2 == pytest.approx(square - both.mean**2)


def test_trial_elsewhere_lowers_the_targets_of_the_prior(world):
    metric, prior, new, abouts = world
    told = prior.foretold(abouts[0])
    without, beyond = (
        metric.condition(ROWS, new[0, ROWS], foretold=told, outside=outside).mixture.foretold
        for outside in (None, {0: float(new[0].min()) - 1.0})
    )
    assert (beyond.goals < without.goals).all()


def test_meta_feature_prior_needs_meta_features(world):
    _, prior, _, abouts = world
    assert prior.foretold(np.full(4, np.nan)) is None
    assert isinstance(replace(prior, trust=0.0).foretold(abouts[0]), MetaFeaturePrior)
