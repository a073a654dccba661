"""Deep metric: predictions on a planted world, before and after training."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import spearmanr

from deep_metrics import raw
from seasoned.errors import InvalidInput
from seasoned.knowledge.deep_metric.dataset import Lessons, frame_of
from seasoned.knowledge.deep_metric.file import read_deep_metric, write_deep_metric
from seasoned.knowledge.deep_metric.model import Configurations, DeepMetric, Trials
from seasoned.knowledge.deep_metric.network import first_weights, shapes_of
from seasoned.knowledge.deep_metric.settings import DeepMetricSettings
from seasoned.knowledge.experience.evaluations import quantiles

KNOWN, NEW, PAST = 50, 15, 60
ROWS = np.arange(KNOWN)


class World(NamedTuple):
    """Tasks by configurations; the last tasks and the last configurations are not learned from."""

    scores: np.ndarray
    points: np.ndarray
    about: np.ndarray
    seconds: np.ndarray
    failed: np.ndarray


def made(seed=0, tasks=PAST + 12):
    """The best place along the first number differs by task; failures and seconds follow the other two numbers."""
    rng = np.random.default_rng(seed)
    points = rng.random((KNOWN + NEW, 3))
    taste = rng.choice([-1.0, 1.0], (tasks, 1)) * rng.uniform(0.5, 1.0, (tasks, 1))
    scores = taste * (points[:, 0] - 0.5) + 0.3 * points[:, 1] + 0.02 * rng.normal(size=(tasks, KNOWN + NEW))
    seconds = 10.0 ** (rng.normal(size=(tasks, 1)) + 2.0 * points[:, 2])
    failed = rng.random(scores.shape) < np.where(points[:, 1] > 0.75, 0.6, 0.02)
    scores = np.exp(rng.normal(size=(tasks, 1))) * np.where(failed, np.nan, scores) + rng.normal(size=(tasks, 1))
    return World(scores, points, np.hstack([taste, rng.normal(size=(tasks, 2))]), seconds, failed)


@pytest.fixture(scope="module")
def world():
    return made()


@pytest.fixture(scope="module")
def metric(world):
    from seasoned.knowledge.deep_metric.training import train_deep_metric

    lessons = Lessons(
        world.scores[:PAST, :KNOWN],
        world.points[:KNOWN],
        world.about[:PAST],
        world.seconds[:PAST, :KNOWN],
        world.failed[:PAST, :KNOWN],
    )
    return train_deep_metric(lessons, DeepMetricSettings(members=2, width=12, hidden=32, rank=2, steps=600))


def tried(world, task, count=5):
    """The first that did not fail, spread over the first number."""
    rows = ROWS[np.isfinite(world.scores[task, :KNOWN])][:count]
    return Trials(Configurations(world.points[rows], rows), world.scores[task, rows], world.seconds[task, rows])


def agreement(metric, world, columns, *, about, trials, known=True):
    """Mean rank correlation over the tasks that were not learned from."""
    asked = Configurations(world.points[columns], columns if known else None)
    found = []
    for task in range(PAST, len(world.scores)):
        told_by = tried(world, task) if trials else None
        foreseen = metric.predict(asked, told_by, world.about[task] if about else None)
        scored = np.isfinite(world.scores[task, columns])
        found.append(spearmanr(foreseen.mean[scored], world.scores[task, columns][scored])[0])
    return float(np.mean(found))


def mean_rank(world, columns):
    ranks = np.nanmean([quantiles_of(row) for row in world.scores[:PAST]], axis=0)[columns]
    found = []
    for row in world.scores[PAST:, columns]:
        scored = np.isfinite(row)
        found.append(spearmanr(ranks[scored], row[scored])[0])
    return float(np.mean(found))


def quantiles_of(row):
    found = np.full(len(row), np.nan)
    found[np.isfinite(row)] = quantiles(row[np.isfinite(row)])
    return found


@pytest.mark.parametrize("about", [True, False])
@pytest.mark.slow
def test_deep_metric_ranks_a_new_task_better_than_the_mean_rank(metric, world, about):
    usual = mean_rank(world, ROWS)
    assert usual < 0.5
    assert agreement(metric, world, ROWS, about=about, trials=not about) > max(0.7, usual + 0.2)


@pytest.mark.slow
def test_deep_metric_ranks_untried_configurations(metric, world):
    new = np.arange(KNOWN, KNOWN + NEW)
    asked = Configurations(world.points[new])
    assert metric.predict(asked).mean.shape == (NEW,)
    assert agreement(metric, world, new, about=True, trials=True, known=False) > max(0.6, mean_rank(world, new) + 0.15)


@pytest.mark.slow
def test_deep_metric_predicts_seconds_and_failures(metric, world):
    apart, risks, fails = [], [], []
    for task in range(PAST, len(world.scores)):
        foreseen = metric.predict(Configurations(world.points[:KNOWN], ROWS), tried(world, task))
        apart.append(np.median(np.abs(foreseen.seconds - np.log10(world.seconds[task, :KNOWN]))))
        risks.append(foreseen.failure)
        fails.append(world.failed[task, :KNOWN])
    risk, failed = np.concatenate(risks), np.concatenate(fails)
    assert np.mean(apart) < 0.3  # the tasks' own level has a spread of 1
    assert ((risk >= 0.0) & (risk <= 1.0)).all()
    assert risk[failed].mean() > risk[~failed].mean() + 0.2


@pytest.mark.slow
def test_deep_metric_spread_is_calibrated_on_new_tasks(metric, world):
    inside = []
    for task in range(PAST, len(world.scores)):
        foreseen = metric.predict(Configurations(world.points[:KNOWN], ROWS), None, world.about[task])
        z = (quantiles_of(world.scores[task])[:KNOWN] - foreseen.mean) / foreseen.std
        inside.append((np.abs(z[np.isfinite(z)]) < 0.674).mean())
    assert 0.3 < np.mean(inside) < 0.75


@pytest.mark.slow
def test_deep_metric_ignores_the_order_of_trials(metric, world):
    asked = Configurations(world.points[:KNOWN], ROWS)
    trials = tried(world, PAST, 7)
    order = np.random.default_rng(0).permutation(7)
    shuffled = Trials(
        Configurations(trials.configurations.points[order], trials.configurations.rows[order]),
        trials.scores[order],
        trials.seconds[order],
    )
    for one, other in zip(metric.predict(asked, trials), metric.predict(asked, shuffled), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_deep_metric_ignores_seconds_that_no_lesson_had(world):
    """Their weights were never trained, and moved ranks and spreads at random."""
    frame = frame_of(Lessons(world.scores[:PAST, :KNOWN], world.points[:KNOWN]), 2)
    weights = first_weights(shapes_of(frame.width, 0, 4, 8), np.random.default_rng(0))
    untimed, trials = DeepMetric((weights,), frame, 1.0), tried(world, PAST)
    asked = Configurations(world.points[:KNOWN], ROWS)
    silent = untimed.predict(asked, trials._replace(seconds=None))
    np.testing.assert_array_equal(untimed.predict(asked, trials).order, silent.order)


@pytest.mark.slow
def test_deep_metric_ignores_the_scale_of_the_scores(metric, world):
    asked, trials = Configurations(world.points[:KNOWN], ROWS), tried(world, PAST)
    moved = trials._replace(scores=1000.0 + 37.0 * trials.scores)
    np.testing.assert_allclose(metric.predict(asked, trials).mean, metric.predict(asked, moved).mean, atol=1e-5)


@pytest.mark.slow
def test_deep_metric_uses_failed_trials(metric, world):
    asked, trials = Configurations(world.points[:KNOWN], ROWS), tried(world, PAST)
    failed = trials._replace(scores=np.where(np.arange(5) == 2, np.nan, trials.scores))
    assert np.isfinite(metric.predict(asked, failed).mean).all()
    assert not np.allclose(metric.predict(asked, failed).mean, metric.predict(asked, trials).mean)
    assert np.isfinite(metric.predict(asked, trials._replace(scores=np.full(5, np.nan))).mean).all()


@pytest.mark.slow
def test_trained_deep_metric_survives_its_file_bit_by_bit(metric, world, tmp_path):
    write_deep_metric(metric, tmp_path / "metric.npz")
    again = read_deep_metric(tmp_path / "metric.npz")
    asked, trials = Configurations(world.points, np.arange(KNOWN + NEW) % (KNOWN + 1) - 1), tried(world, PAST)
    for one, other in zip(
        metric.predict(asked, trials, world.about[PAST]), again.predict(asked, trials, world.about[PAST]), strict=True
    ):
        assert np.array_equal(one, other)
    assert (tmp_path / "metric.npz").stat().st_size < 1_000_000


@pytest.mark.slow
def test_deep_metric_network_is_the_same_in_numpy_and_jax(metric, world):
    import jax

    from seasoned.knowledge.deep_metric.network import forward
    from seasoned.metagrad._common.npz_files import unflatten

    query, seen = metric._posed(Configurations(world.points[:KNOWN], ROWS), tried(world, PAST), world.about[PAST])
    weights = unflatten(metric.members[0])
    here = forward(np, weights, query, seen)
    there = jax.jit(lambda *parts: forward(jax.numpy, *parts))(weights, query, seen)
    np.testing.assert_allclose(here, np.asarray(there), atol=1e-5)


def test_deep_metric_refuses_points_rows_and_scores_that_do_not_fit():
    metric = raw()
    points = np.zeros((2, 3))
    with pytest.raises(InvalidInput, match="rows of 3"):
        metric.predict(Configurations(np.zeros((2, 4))))
    with pytest.raises(InvalidInput, match="rows of 3"):
        metric.predict(Configurations(np.full((2, 3), np.nan)))
    for rows in ([0, 4], [0, -2], [0]):
        with pytest.raises(InvalidInput, match="-1 to 3"):
            metric.predict(Configurations(points, np.array(rows)))
    for scores in ([1.0], [1.0, np.inf]):
        with pytest.raises(InvalidInput, match="one score"):
            metric.predict(Configurations(points), Trials(Configurations(points), np.array(scores)))
    with pytest.raises(InvalidInput, match="the 2 of"):
        metric.predict(Configurations(points), None, np.zeros(3))


def test_empty_trials_predict_the_same_as_no_trials():
    metric, points = raw(), np.random.default_rng(0).random((5, 3))
    none = Trials(Configurations(points[:0]), np.empty(0))
    assert np.array_equal(
        metric.predict(Configurations(points)).mean, metric.predict(Configurations(points), none).mean
    )
