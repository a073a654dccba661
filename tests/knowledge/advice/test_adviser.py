"""Adviser: good advice is followed, and bad advice costs few trials."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge.advice.adviser import Adviser, AdviserState
from seasoned.knowledge.performance_model.model import fit_metric
from seasoned.knowledge.performance_model.regret import levels_of, regret
from seasoned.knowledge.transfer.cold_search import fit_pool, pool_of

STEPS = 15


def bowls(seed, tasks=40, configurations=150):
    """Tasks whose best lies near (0.7, 0.3) of the square, on scales of their own, and the square's points."""
    rng = np.random.default_rng(seed)
    points = rng.random((configurations, 2))
    centres = np.array([0.7, 0.3]) + 0.08 * rng.normal(size=(tasks, 2))
    table = np.square(points[None] - centres[:, None]).sum(axis=2)
    return rng.uniform(0.1, 0.5, (tasks, 1)) + rng.uniform(0.1, 0.3, (tasks, 1)) * table, points


def searched(adviser, task, steps=STEPS):
    state, open_ = AdviserState(), np.ones(len(task), dtype=bool)
    for _ in range(steps):
        row = adviser.ask(state, open_)
        open_[row] = False
        state = adviser.tell(state, row, float(task[row]))
    return state


def reached(states, tasks):
    regrets = regret(tasks, levels_of(tasks))
    return np.mean([row[list(state.rows)].min() for state, row in zip(states, regrets, strict=True)])


@pytest.fixture(scope="module")
def world():
    table, points = bowls(0)
    return table[:30], table[30:], points


def adviser(past, points):
    return Adviser(fit_metric(past), pool_of(points))


def without_experience(task, points, steps=STEPS):
    pool, rng = pool_of(points).points, np.random.default_rng(0)
    rows = list(rng.permutation(len(task))[:3])
    while len(rows) < steps:
        gains = fit_pool(pool[rows], task[rows]).expected_gain(pool)
        gains[rows] = -1.0
        rows.append(int(np.argmax(gains)))
    return AdviserState(rows=tuple(rows))


def test_adviser_follows_good_advice(world):
    past, new, points = world
    states = [searched(adviser(past, points), task, 3) for task in new]
    assert reached(states, new) < 0.5 * reached([without_experience(task, points, 3) for task in new], new)
    assert np.mean([searched(adviser(past, points), task).share for task in new]) < 0.3


POISONS = {
    "opposite": lambda past: -past,
    "mixed up": lambda past: past[:, np.random.default_rng(1).permutation(past.shape[1])],
    "noise": lambda past: np.random.default_rng(2).normal(size=past.shape),
}


@pytest.mark.parametrize("poison", POISONS)
def test_misleading_past_tasks_cost_few_trials(world, poison):
    past, new, points = world
    states = [searched(adviser(POISONS[poison](past), points), task) for task in new]
    cold = [without_experience(task, points, STEPS - 6) for task in new]
    assert reached(states, new) < reached(cold, new) + 0.02  # at most six of fifteen trials are lost


def test_adviser_tries_every_configuration_once():
    table, points = bowls(0, configurations=40)
    past, new = table[:30], table[30:]
    state = searched(adviser(past, points), new[0], len(points))
    assert sorted(state.rows) == list(range(len(points)))
    with pytest.raises(InvalidInput, match="left"):
        adviser(past, points).ask(state, np.zeros(len(points), dtype=bool))


def test_adviser_without_experience_searches_alone(world):
    _, new, points = world
    states = [searched(Adviser(None, pool_of(points), seed=seed), task) for seed, task in enumerate(new)]
    assert reached(states, new) < 0.05
    assert states[0] != searched(Adviser(None, pool_of(points), seed=7), new[0])


def test_adviser_is_deterministic(world):
    past, new, points = world
    first, second = searched(adviser(past, points), new[1]), searched(adviser(past, points), new[1])
    assert first == second


def test_adviser_share_stays_a_probability_for_any_errors():
    assert AdviserState().share == pytest.approx(0.05)
    assert AdviserState(errors=(0.0, 500.0)).share == pytest.approx(0.05)  # it can always come back
    assert 1.0 - 1e-9 < AdviserState(errors=(500.0, 0.0)).share <= 1.0
