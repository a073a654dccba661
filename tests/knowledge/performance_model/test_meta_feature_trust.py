"""Trust in meta-features: as large as their help on past tasks."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.knowledge.performance_model.meta_feature_trust import trusted
from seasoned.knowledge.performance_model.model import fit_metric
from seasoned.knowledge.performance_model.task_prior import fit_task_prior


@pytest.fixture(scope="module")
def world():
    """Tasks of two kinds, on which opposite configurations do well."""
    rng = np.random.default_rng(1)
    kind = rng.integers(2, size=80)
    good = np.where(kind[:, None] == 0, np.arange(20.0), np.arange(20.0)[::-1])
    return kind[:, None] + 0.0, fit_metric(good + 0.5 * rng.normal(size=good.shape)), rng


def test_meta_features_that_tell_kinds_of_tasks_apart_are_trusted(world):
    about, metric, rng = world
    noisy = np.hstack([about + 0.1 * rng.normal(size=about.shape), rng.normal(size=(80, 3))])
    assert trusted(fit_task_prior(noisy, metric.factors), metric).trust > 0.0


def test_noise_meta_features_are_hardly_ever_trusted(world):
    _, metric, _ = world
    trusts = []
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(size=(80, 4))
        prior = trusted(fit_task_prior(noise, metric.factors), metric)
        trusts.append(prior.trust)
        if prior.trust == 0.0:
            assert prior.shares(noise[0]) == pytest.approx(np.full(80, 1 / 80))
    assert np.mean(np.array(trusts) > 0.0) <= 0.25  # one standard error: about one in six


def test_meta_features_that_only_name_the_task_are_not_trusted(world):
    """Meta-features that name the task and nothing else fit each task perfectly, and foretell none."""
    _, metric, _ = world
    names = np.random.default_rng(2).permutation(80)[:, None] + 0.0
    assert trusted(fit_task_prior(names, metric.factors), metric).trust == 0.0


def test_trust_ignores_tasks_without_meta_features(world):
    about, metric, _ = world
    some = np.where(np.arange(80)[:, None] % 2, about, np.nan)
    prior = trusted(fit_task_prior(some, metric.factors), metric)
    assert prior.trust > 0.0
    assert prior.shares(about[0])[::2] == pytest.approx((1.0 - prior.trust) / 80)


def test_trust_in_a_missing_prior_is_none():
    scores = np.random.default_rng(0).normal(size=(8, 6))
    metric = fit_metric(scores)
    assert trusted(fit_task_prior(scores[:, :2], metric.factors), metric) is None
