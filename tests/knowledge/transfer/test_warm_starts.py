"""Warm starts: rank-weighted ensembles and quantiles of past tasks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasoned import Categorical, Float, Space, Study
from seasoned.errors import InvalidInput
from seasoned.knowledge import quantile_start
from seasoned.knowledge.advice.adviser import Adviser, AdviserState
from seasoned.knowledge.experience.evaluations import Evaluations, quantiles
from seasoned.knowledge.transfer.cold_search import pool_of
from seasoned.knowledge.transfer.warm_starts import ensemble_start, rank_weights
from seasoned.samplers import Bayes

SPACE = Space(x=Float(0, 1), y=Float(0, 1))


def bowl(seed, centre=(0.8, 0.2), scale=1.0):
    points = np.random.default_rng(seed).random((40, 2))
    return Evaluations(points, scale * np.square(points - np.array(centre)).sum(axis=1))


def near(config, centre=(0.8, 0.2)):
    return np.hypot(config["x"] - centre[0], config["y"] - centre[1])


LINE = Space(x=Float(0, 1))


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=30))
def test_quantiles_depend_on_the_order_alone(numbers):
    scores = np.array(numbers, dtype=float)
    assert quantiles(scores).tolist() == quantiles(scores**3 - 7.0).tolist()
    assert quantiles(scores)[np.argmin(scores)] == quantiles(scores).min()
    assert quantiles(-scores) == pytest.approx(-quantiles(scores))


def test_quantile_start_begins_where_tasks_of_any_scale_were_good():
    tasks = [bowl(seed, scale=10.0**seed) for seed in range(5)]
    start = quantile_start(SPACE, tasks)
    assert max(near(config) for config in start.configurations) < 0.35
    assert len(start.points) == len(start.values)
    assert list(start.values) == sorted(start.values)


def test_ensemble_start_follows_tasks_that_agree_with_the_trials():
    agree, other = bowl(0), [bowl(seed, centre=(0.1, 0.9)) for seed in (1, 2)]
    trials = Evaluations(*(part[:12] for part in bowl(3)))
    start = ensemble_start(SPACE, [*other, agree], trials)
    assert near(start.configurations[0]) < 0.25


def test_misleading_tasks_get_no_rank_weight():
    scores = np.arange(6.0)
    wrong = (np.tile(-scores, (4, 1)), np.full((4, 6), 0.01))
    weights = rank_weights(wrong, (scores, np.full(6, 0.01)), scores, floor=0.1, rng=np.random.default_rng(0))
    assert weights[-1] == pytest.approx(1.0)


def test_rank_weights_sum_to_one_with_a_floor_for_the_own_model():
    scores = np.arange(6.0)
    right = (np.tile(scores, (3, 1)), np.full((3, 6), 0.01))
    weights = rank_weights(right, (np.zeros(6), np.ones(6)), scores, floor=0.25, rng=np.random.default_rng(0))
    assert weights[-1] == pytest.approx(0.25)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[:-1] == pytest.approx(np.full(3, 0.25))


def test_study_takes_a_quantile_start_or_an_ensemble_start():
    tasks = [bowl(seed) for seed in range(3)]
    trials = Evaluations(*(part[:5] for part in bowl(9)))
    for start in (quantile_start(SPACE, tasks), ensemble_start(SPACE, tasks, trials)):
        study = Study(SPACE, sampler=Bayes(warm_start=start), seed=0)
        study.optimize(lambda config: near(config) ** 2, trials=8)
        assert study.best.value < 0.01


def test_quantile_start_decodes_categories_to_valid_configurations():
    space = Space(x=Float(0, 1), kind=Categorical(["a", "b", "c"]))
    rng = np.random.default_rng(0)
    points = np.array(
        [space.encode({"x": x, "kind": kind}).unit for x, kind in zip(rng.random(30), "abc" * 10, strict=True)]
    )
    start = quantile_start(space, [Evaluations(points, points[:, 0])])
    for config in start.configurations:
        assert space.contains(config)


def test_warm_starts_without_past_tasks_or_trials_are_refused():
    with pytest.raises(InvalidInput, match="no past task"):
        quantile_start(SPACE, [])
    with pytest.raises(InvalidInput, match="at least 3"):
        ensemble_start(SPACE, [bowl(0)], Evaluations(np.ones((2, 2)), np.ones(2)))


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_warm_starts_and_adviser_refuse_scores_that_are_not_finite(score):
    adviser = Adviser(None, pool_of(np.array([[0.0], [1.0], [2.0], [3.0]])))
    with pytest.raises(InvalidInput, match="a trial's score is"):
        adviser.tell(AdviserState(), 3, score)
    with pytest.raises(InvalidInput, match="a trial's score is"):
        adviser.tell_outside(AdviserState(), score, cold=False)
    points = np.array([[0.1], [0.5], [0.9]])
    good, bad = Evaluations(points, np.array([0.3, 0.2, 0.1])), Evaluations(points, np.array([0.3, score, 0.1]))
    for tasks, trials in (([bad], good), ([good], bad)):
        with pytest.raises(InvalidInput, match="leave out evaluations without a finite score"):
            ensemble_start(LINE, tasks, trials)
    with pytest.raises(InvalidInput, match="leave out evaluations without a finite score"):
        quantile_start(LINE, [bad])
