"""The learned acquisition: log-EI where it has learned nothing or nothing is left, whole searches, and its training."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.evaluations import Evaluations
from seasoned.knowledge.transfer.acquisition_training import (
    LOG_EI,
    Problems,
    prior_samples,
    searched,
    stored_samples,
    train_acquisition,
)
from seasoned.surrogates.acquisition.functions import log_expected_improvement
from seasoned.surrogates.acquisition.learned import Correction, LearnedAcquisition, Progress

SOME = Correction.of_vector(np.random.default_rng(3).normal(size=18))
EARLY, LAST = Progress(3, 20), Progress(19, 20)


@given(st.floats(-5, 5), st.floats(0.01, 2.0), st.floats(-5, 5))
@pytest.mark.parametrize(("correction", "progress"), [(LOG_EI, EARLY), (SOME, LAST)])
def test_without_weights_and_for_the_last_trial_it_is_log_ei(correction, progress, mean, std, best):
    at = (np.array([mean]), np.array([std]), best)
    for got, usual in zip(LearnedAcquisition(correction, progress)(*at), log_expected_improvement(*at), strict=True):
        assert got == usual


@pytest.mark.parametrize("prior_std", [1.0, 3.0])
def test_derivatives_are_finite_differences(prior_std):
    means, stds = np.array([-2.0, -0.5, 0.0, 0.3, 1.5, 30.0]), np.array([0.1, 0.5, 1.0, 2.0, 0.7, 0.5])
    function, step = LearnedAcquisition(SOME, EARLY, prior_std), 1e-6
    found = function(means, stds, 0.2)
    by_mean = (function(means + step, stds, 0.2).value - function(means - step, stds, 0.2).value) / (2 * step)
    by_std = (function(means, stds + step, 0.2).value - function(means, stds - step, 0.2).value) / (2 * step)
    assert np.allclose(found.by_mean, by_mean, rtol=1e-5, atol=1e-6)
    assert np.allclose(found.by_std, by_std, rtol=1e-5, atol=1e-6)
    assert not np.allclose(found.value, log_expected_improvement(means, stds, 0.2).value, atol=1e-2)


def test_units_of_the_objective_do_not_matter():
    mean, std = np.array([-1.0, 0.4, 2.0]), np.array([0.3, 0.8, 0.1])
    one, ten = (LearnedAcquisition(SOME, EARLY, unit)(unit * mean, unit * std, unit * 0.1).value for unit in (1, 10))
    assert np.allclose(one, ten - np.log(10))


def test_weights_go_into_a_row_and_back():
    vector = np.random.default_rng(0).normal(size=18)
    assert Correction.of_vector(vector).vector() == pytest.approx(vector)
    assert len({Correction.of_vector(vector), Correction.of_vector(vector), Correction.of_vector(vector + 1)}) == 2


@pytest.mark.parametrize("vector", [np.zeros(5), np.zeros(0), np.full(6, np.nan)])
def test_weights_that_are_none_are_refused(vector):
    with pytest.raises(InvalidInput, match="finite"):
        Correction.of_vector(vector)


def test_a_weight_on_width_prefers_wide_candidates():
    vector = np.zeros(6)
    vector[1], vector[5] = 1.0, 10.0
    mean, std = np.array([0.0, 0.3]), np.array([0.2, 0.6])
    plain = log_expected_improvement(mean, std, -0.5).value
    wide = LearnedAcquisition(Correction.of_vector(vector), EARLY)(mean, std, -0.5).value
    assert (wide - plain)[1] > (wide - plain)[0]


def test_a_search_conditions_exactly():
    problems = prior_samples(3, points=12, seed=4)
    curves = searched(problems, LOG_EI, 12)
    assert curves[:, -1] == pytest.approx(np.zeros(3))  # all points tried
    assert curves[:, 0] == pytest.approx(problems.values[np.arange(3), problems.first[:, 0]] - problems.values.min(1))


@pytest.mark.parametrize("sort", ["prior", "stored"])
def test_log_ei_beats_chance(sort):
    """Of a prior's samples, and of past tasks: bowls with their bottoms elsewhere."""
    if sort == "prior":
        problems = prior_samples(60, points=60, seed=1)
    else:
        rng = np.random.default_rng(5)
        points = rng.random((80, 2))
        tasks = [Evaluations(points, ((points - rng.random(2)) ** 2).sum(axis=1)) for _ in range(6)]
        problems = stored_samples(tasks, 60, points=60, seed=1)
    rng = np.random.default_rng(0)
    chance = [row[rng.permutation(60)[:12]].min() - row.min() for row in problems.values]
    assert searched(problems, LOG_EI, 12)[:, -1].mean() < 0.5 * np.mean(chance)


def test_past_tasks_become_problems_in_units_of_their_process():
    points = np.linspace(0, 1, 40)[:, None]
    task = Evaluations(points, np.sin(5 * points[:, 0]))
    problems = stored_samples([task, Evaluations(points[:5], np.zeros(5))], 4, points=20)
    assert problems.covariance.shape == (4, 20, 20)
    assert np.allclose(np.diagonal(problems.covariance, axis1=1, axis2=2), 1.0)
    assert (np.linalg.eigvalsh(problems.covariance) > 0).all()
    with pytest.raises(InvalidInput, match="smaller pool"):
        stored_samples([task], 4, points=41)


def test_what_training_returns_is_no_worse_than_log_ei_on_the_exam():
    lessons, exam = ([(prior_samples(8, points=24, seed=seed), 8)] for seed in (3, 4))
    trained = train_acquisition(lessons, exam, rounds=12, seed=3)
    ours, usual = (searched(exam[0][0], one, 8)[:, 4:].mean() for one in (trained, LOG_EI))
    assert ours <= usual


def test_what_can_be_learned_by_heart_is():
    lessons = [(prior_samples(4, points=24, seed=3), 6)]
    trained = train_acquisition(lessons, lessons, rounds=24, seed=3)
    ours, usual = (searched(lessons[0][0], one, 6)[:, 3:].mean() for one in (trained, LOG_EI))
    assert ours < usual


def test_what_only_the_lessons_teach_is_not_learned():
    """The exam's values are the lessons' negated, so whoever learned these by heart is worse there."""
    problems = prior_samples(1, points=24, seed=3)
    exam = Problems(problems.covariance, -problems.values, problems.first)
    trained = train_acquisition([(problems, 6)], [(exam, 6)], rounds=12, seed=3)
    ours, usual = (searched(exam, one, 6)[:, 3:].mean() for one in (trained, LOG_EI))
    assert ours <= usual


def test_training_needs_lessons_and_an_exam():
    lessons = [(prior_samples(2, points=10), 5)]
    for pair in (([], lessons), (lessons, [])):
        with pytest.raises(InvalidInput, match="one at least"):
            train_acquisition(*pair)


def test_trials_must_fit_the_pool():
    with pytest.raises(InvalidInput, match="pool"):
        searched(prior_samples(1, points=5), LOG_EI, 6)


def test_a_batch_on_which_log_ei_has_no_regret_teaches_nothing_and_fails_nothing():
    problems = prior_samples(2, points=12, seed=3)
    easy = Problems(problems.covariance, np.zeros_like(problems.values), problems.first)
    other = [(prior_samples(4, points=12, seed=4), 6)]
    found = [train_acquisition(batches, batches, rounds=4, seed=3) for batches in (other, [(easy, 6), *other])]
    np.testing.assert_array_equal(*(one.vector() for one in found))
