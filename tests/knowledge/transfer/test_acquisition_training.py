"""Training of the learned acquisition function: searches of sampled problems, lessons and held-out problems."""

from __future__ import annotations

import numpy as np
import pytest

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


def test_search_of_a_sampled_problem_conditions_exactly():
    problems = prior_samples(3, points=12, seed=4)
    curves = searched(problems, LOG_EI, 12)
    assert curves[:, -1] == pytest.approx(np.zeros(3))  # all points tried
    assert curves[:, 0] == pytest.approx(problems.values[np.arange(3), problems.first[:, 0]] - problems.values.min(1))


@pytest.mark.parametrize("sort", ["prior", "stored"])
def test_log_expected_improvement_beats_chance(sort):
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


def test_past_tasks_become_problems_of_unit_variance():
    points = np.linspace(0, 1, 40)[:, None]
    task = Evaluations(points, np.sin(5 * points[:, 0]))
    problems = stored_samples([task, Evaluations(points[:5], np.zeros(5))], 4, points=20)
    assert problems.covariance.shape == (4, 20, 20)
    assert np.allclose(np.diagonal(problems.covariance, axis1=1, axis2=2), 1.0)
    assert (np.linalg.eigvalsh(problems.covariance) > 0).all()
    with pytest.raises(InvalidInput, match="smaller pool"):
        stored_samples([task], 4, points=41)


def test_trained_acquisition_is_no_worse_than_log_ei_on_the_exam():
    lessons, exam = ([(prior_samples(8, points=24, seed=seed), 8)] for seed in (3, 4))
    trained = train_acquisition(lessons, exam, rounds=12, seed=3)
    ours, usual = (searched(exam[0][0], one, 8)[:, 4:].mean() for one in (trained, LOG_EI))
    assert ours <= usual


def test_trained_acquisition_fits_its_own_problems():
    lessons = [(prior_samples(4, points=24, seed=3), 6)]
    trained = train_acquisition(lessons, lessons, rounds=24, seed=3)
    ours, usual = (searched(lessons[0][0], one, 6)[:, 3:].mean() for one in (trained, LOG_EI))
    assert ours < usual


def test_acquisition_that_overfits_its_lessons_is_not_returned():
    """The exam's values are the lessons' negated, so whoever learned these by heart is worse there."""
    problems = prior_samples(1, points=24, seed=3)
    exam = Problems(problems.covariance, -problems.values, problems.first)
    trained = train_acquisition([(problems, 6)], [(exam, 6)], rounds=12, seed=3)
    ours, usual = (searched(exam, one, 6)[:, 3:].mean() for one in (trained, LOG_EI))
    assert ours <= usual


def test_acquisition_training_needs_lessons_and_an_exam():
    lessons = [(prior_samples(2, points=10), 5)]
    for pair in (([], lessons), (lessons, [])):
        with pytest.raises(InvalidInput, match="one at least"):
            train_acquisition(*pair)


def test_search_with_more_trials_than_points_is_refused():
    with pytest.raises(InvalidInput, match="pool"):
        searched(prior_samples(1, points=5), LOG_EI, 6)


def test_batch_without_regret_leaves_acquisition_training_unchanged():
    problems = prior_samples(2, points=12, seed=3)
    easy = Problems(problems.covariance, np.zeros_like(problems.values), problems.first)
    other = [(prior_samples(4, points=12, seed=4), 6)]
    found = [train_acquisition(batches, batches, rounds=4, seed=3) for batches in (other, [(easy, 6), *other])]
    np.testing.assert_array_equal(*(one.vector() for one in found))
