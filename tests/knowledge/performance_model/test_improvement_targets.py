"""Improvement targets: the score that a configuration of each kind must beat."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.knowledge.advice.adviser import Adviser, AdviserState
from seasoned.knowledge.performance_model.improvement_targets import Kinds
from seasoned.knowledge.performance_model.model import fit_metric
from seasoned.knowledge.performance_model.task_prior import fit_task_prior
from seasoned.knowledge.transfer.cold_search import pool_of

OF = np.array([0, 0, 1, 1, 2])
ROOM = 0.25
KINDS = Kinds(OF, count=4, room=ROOM)


def test_leading_kind_must_beat_itself_and_other_kinds_come_near():
    goals = KINDS.goals(np.array([-0.3, -0.8, -0.2]), np.array([0, 1, 2]))
    assert goals == pytest.approx([-0.8, -0.55, -0.55, -0.55])


def test_kind_that_has_come_near_must_beat_itself():
    goals = KINDS.goals(np.array([-0.8, -0.7]), np.array([0, 3]))
    assert goals == pytest.approx([-0.8, -0.7, -0.55, -0.55])


def test_trials_of_other_configurations_count_for_their_kind():
    others = KINDS.least({2: -1.2})
    assert np.isinf(others[[0, 1, 3]]).all()
    assert KINDS.goals(np.array([-0.8]), np.array([0]), others) == pytest.approx([-0.95, -0.95, -1.2, -0.95])
    assert others[2] == -1.2, "it is not changed"


def test_no_target_lies_above_the_median():
    assert (KINDS.goals(np.array([0.4, -0.1]), np.array([0, 2])) == [0.0, -0.1, 0.0, 0.0]).all()


def test_each_past_task_has_its_own_targets():
    goals = KINDS.goals(np.array([[-0.8, -0.7], [-0.1, -0.9]]), np.array([0, 2]))
    assert goals == pytest.approx(np.array([[-0.8, -0.7, -0.55, -0.55], [-0.65, -0.9, -0.65, -0.65]]))


@pytest.mark.parametrize("kinds", [Kinds(), Kinds(room=0.5), Kinds(np.zeros(5, dtype=int), 1, 0.5)])
def test_target_of_a_single_kind_is_the_best_score(kinds):
    assert kinds.goals(np.array([-0.3, -0.8]), np.array([0, 4])) == pytest.approx([-0.8])


@pytest.fixture(scope="module")
def world():
    """Two kinds of twenty configurations: on most tasks the best of one is as good as the best of the other."""
    rng = np.random.default_rng(5)
    weights, loadings = rng.normal(size=(60, 3)), rng.normal(size=(3, 40))
    table = weights @ loadings + 0.1 * rng.normal(size=(60, 40))
    about = weights + 0.2 * rng.normal(size=weights.shape)
    metric = fit_metric(table[:-1])
    return metric, fit_task_prior(about[:-1], metric.factors).foretold(about[-1]), table[-1]


OPEN = np.arange(40)


def gains(world, rows, kinds, *, foretold=False, outside=None):
    metric, told, scores = world
    belief = metric.condition(rows, scores[rows], kinds=kinds, foretold=told if foretold else None, outside=outside)
    return belief.expected_gain(OPEN)


@pytest.mark.parametrize("foretold", [False, True])
def test_kinds_without_room_leave_expected_gains_unchanged(world, foretold):
    rows = np.argsort(world[2])[:2]
    kinds = Kinds((OPEN >= 20).astype(int), 2, 0.0)
    with_kinds, without = (gains(world, rows, some, foretold=foretold) for some in (kinds, None))
    np.testing.assert_allclose(with_kinds, without)


@pytest.mark.parametrize("foretold", [False, True])
def test_room_raises_the_share_of_gain_of_a_kind_without_trials(world, foretold):
    best = int(np.argmin(world[2]))
    kinds = Kinds((OPEN >= 20).astype(int), 2, 0.5)
    other = kinds.of != kinds.of[best]
    rows = np.array([best])
    was, now = gains(world, rows, None, foretold=foretold), gains(world, rows, kinds, foretold=foretold)
    assert now[other].sum() / now.sum() > 1.05 * was[other].sum() / was.sum()


def test_trial_elsewhere_takes_the_room_of_its_kind(world):
    best = int(np.argmin(world[2]))
    kinds = Kinds((OPEN >= 20).astype(int), 2, 0.5)
    other = int(1 - kinds.of[best])
    rows = np.array([best])
    was = gains(world, rows, kinds)
    now = gains(world, rows, kinds, outside={other: float(world[2][best])})
    kin = kinds.of == other
    assert now[kin].sum() / now.sum() < 0.9 * was[kin].sum() / was.sum()


def test_adviser_turns_to_another_kind_after_a_good_trial():
    rng = np.random.default_rng(8)
    true = np.array([0.0, 0.02, 0.04, 0.2, 0.5, 0.9, 0.1, 0.5, 0.8, 0.7])  # six of a kind that leads, four of another
    table = true + 0.02 * rng.normal(size=(30, 10))
    metric, pool = fit_metric(table), pool_of(np.arange(10.0)[:, None])
    alone, both = (
        Adviser(metric, pool, kinds=kinds) for kinds in (Kinds(), Kinds((np.arange(10) >= 6).astype(int), 2, 0.5))
    )
    nextly = []
    for adviser in (alone, both):
        state = adviser.tell(AdviserState(), 0, 0.0)
        open_ = np.arange(10) != 0
        nextly.append(adviser.ask(state, open_))
    assert nextly[0] in (1, 2)
    assert nextly[1] == 6
