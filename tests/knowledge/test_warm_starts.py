"""Warm starts from past tasks, and the weights of the rank-weighted ensemble."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasoned import Categorical, Float, Space, Study
from seasoned.errors import InvalidInput
from seasoned.knowledge.transfer.warm_starts import Evaluations, ensemble_start, quantile_start, quantiles, rank_weights
from seasoned.samplers import Bayes

SPACE = Space(x=Float(0, 1), y=Float(0, 1))


def bowl(seed, centre=(0.8, 0.2), scale=1.0):
    points = np.random.default_rng(seed).random((40, 2))
    return Evaluations(points, scale * np.square(points - np.array(centre)).sum(axis=1))


def near(config, centre=(0.8, 0.2)):
    return np.hypot(config["x"] - centre[0], config["y"] - centre[1])


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=30))
def test_quantiles_know_the_order_alone(numbers):
    scores = np.array(numbers, dtype=float)
    assert quantiles(scores).tolist() == quantiles(scores**3 - 7.0).tolist()
    assert quantiles(scores)[np.argmin(scores)] == quantiles(scores).min()
    assert quantiles(-scores) == pytest.approx(-quantiles(scores))


def test_a_quantile_start_begins_where_past_tasks_were_good_on_whatever_scale():
    tasks = [bowl(seed, scale=10.0**seed) for seed in range(5)]
    start = quantile_start(SPACE, tasks)
    assert max(near(config) for config in start.configurations) < 0.35
    assert len(start.points) == len(start.values)
    assert list(start.values) == sorted(start.values)


def test_an_ensemble_start_listens_to_the_tasks_that_agree():
    agree, other = bowl(0), [bowl(seed, centre=(0.1, 0.9)) for seed in (1, 2)]
    trials = Evaluations(*(part[:12] for part in bowl(3)))
    start = ensemble_start(SPACE, [*other, agree], trials)
    assert near(start.configurations[0]) < 0.25


def test_misleading_tasks_cannot_silence_the_new_one():
    scores = np.arange(6.0)
    wrong = (np.tile(-scores, (4, 1)), np.full((4, 6), 0.01))
    weights = rank_weights(wrong, (scores, np.full(6, 0.01)), scores, floor=0.1, rng=np.random.default_rng(0))
    assert weights[-1] == pytest.approx(1.0)


def test_the_own_model_has_a_floor_and_weights_are_shares():
    scores = np.arange(6.0)
    right = (np.tile(scores, (3, 1)), np.full((3, 6), 0.01))
    weights = rank_weights(right, (np.zeros(6), np.ones(6)), scores, floor=0.25, rng=np.random.default_rng(0))
    assert weights[-1] == pytest.approx(0.25)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[:-1] == pytest.approx(np.full(3, 0.25))


def test_a_study_takes_either():
    tasks = [bowl(seed) for seed in range(3)]
    trials = Evaluations(*(part[:5] for part in bowl(9)))
    for start in (quantile_start(SPACE, tasks), ensemble_start(SPACE, tasks, trials)):
        study = Study(SPACE, sampler=Bayes(warm_start=start), seed=0)
        study.optimize(lambda config: near(config) ** 2, trials=8)
        assert study.best.value < 0.01


def test_categories_are_decoded_to_valid_configurations():
    space = Space(x=Float(0, 1), kind=Categorical(["a", "b", "c"]))
    rng = np.random.default_rng(0)
    points = np.array(
        [space.encode({"x": x, "kind": kind}).unit for x, kind in zip(rng.random(30), "abc" * 10, strict=True)]
    )
    start = quantile_start(space, [Evaluations(points, points[:, 0])])
    for config in start.configurations:
        assert space.contains(config)


def test_nothing_to_learn_from_is_refused():
    with pytest.raises(InvalidInput, match="no past task"):
        quantile_start(SPACE, [])
    with pytest.raises(InvalidInput, match="at least 3"):
        ensemble_start(SPACE, [bowl(0)], Evaluations(np.ones((2, 2)), np.ones(2)))
