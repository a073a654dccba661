"""Portfolio: greedy choice against brute force, its bounds, similarity of tasks and its text."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasoned.errors import InvalidInput
from seasoned.knowledge.advice.portfolio import Portfolio, conditioned, distances_by_rank, greedy, similarity
from seasoned.knowledge.transfer.cold_search import pool_of

seeds = st.integers(0, 2**32 - 1)


def table(seed, tasks=9, configurations=12, holes=0.2):
    rng = np.random.default_rng(seed)
    losses = rng.random((tasks, configurations))
    losses[rng.random(losses.shape) < holes] = np.nan
    return losses


def value(losses, members):
    filled = np.where(np.isnan(losses), 1.0, losses)
    return float(np.minimum(filled[:, list(members)].min(axis=1), 1.0).mean())


def plain(losses, size):
    """Greedy as the books write it."""
    members = []
    for _ in range(size):
        rest = [j for j in range(losses.shape[1]) if j not in members]
        members.append(min(rest, key=lambda j: value(losses, [*members, j])))
    return members


@given(seeds)
def test_lazy_greedy_equals_plain_greedy(seed):
    losses = table(seed)
    found = greedy(losses, 5)
    assert [value(losses, found.members[: k + 1]) for k in range(5)] == pytest.approx(
        [value(losses, plain(losses, 5)[: k + 1]) for k in range(5)]
    )


@given(seeds)
def test_expected_loss_is_the_mean_of_tasks_with_diminishing_gains(seed):
    losses = table(seed)
    found = greedy(losses, 8)
    assert found.expected == pytest.approx([value(losses, found.members[: k + 1]) for k in range(len(found.members))])
    gains = -np.diff([1.0, *found.expected])
    assert (gains > 0).all()
    assert (np.diff(gains) <= 1e-12).all()


@given(seeds)
def test_greedy_portfolio_reaches_its_bound(seed):
    losses = table(seed, configurations=8)
    best = min(value(losses, members) for members in itertools.combinations(range(8), 3))
    assert 1.0 - greedy(losses, 3).expected[-1] >= (1.0 - 1.0 / np.e) * (1.0 - best)


@given(seeds)
def test_portfolio_with_a_budget_keeps_it_and_reaches_half_of_the_bound(seed):
    losses, seconds = table(seed, configurations=8), np.random.default_rng(seed).uniform(0.1, 3.0, 8)
    found = greedy(losses, 8, seconds=seconds, budget=3.0)
    assert seconds[list(found.members)].sum() <= 3.0 + 1e-9
    assert found.seconds == pytest.approx(np.cumsum(seconds[list(found.members)]))
    affordable = [
        members
        for size in range(1, 9)
        for members in itertools.combinations(range(8), size)
        if seconds[list(members)].sum() <= 3.0
    ]
    best = min((value(losses, members) for members in affordable), default=1.0)
    reached = found.expected[-1] if found.expected else 1.0
    assert 1.0 - reached >= 0.5 * (1.0 - 1.0 / np.e) * (1.0 - best) - 1e-12


def test_task_weights_decide_the_portfolio():
    losses = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    assert greedy(losses, 1).members == (1,)
    assert greedy(losses, 1, weights=np.array([3.0, 1.0, 1.0])).members == (0,)
    assert greedy(losses, 2, weights=np.array([1.0, 0.0, 0.0])).members == (0,)


def test_configurations_without_evaluations_gain_nothing():
    assert greedy(np.array([[np.nan, 0.9], [np.nan, 0.9]]), 2).members == (1,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": np.ones(2)},
        {"weights": np.array([1.0, -1.0, 1.0])},
        {"weights": np.zeros(3)},
        {"seconds": np.ones(3)},
        {"seconds": np.zeros(2)},
        {"budget": 3.0},
    ],
)
def test_portfolio_with_inconsistent_arguments_is_refused(wrong):
    with pytest.raises(InvalidInput):
        greedy(np.ones((3, 2)), 1, **wrong)


def test_portfolio_survives_its_text():
    found = greedy(table(0), 4, seconds=np.full(12, 0.5))
    assert Portfolio.from_json(found.to_json()) == found


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"members": 3, "expected": [], "seconds": []}'])
def test_text_that_is_no_portfolio_is_refused(text):
    with pytest.raises(InvalidInput):
        Portfolio.from_json(text)


@given(seeds)
def test_similarity_ignores_units_of_meta_features(seed):
    rng = np.random.default_rng(seed)
    past, new = rng.normal(size=(20, 3)), rng.normal(size=3)
    alike = similarity(past, new)
    assert ((alike > 0.0) & (alike <= 1.0)).all()
    assert similarity(np.exp(past), np.exp(new)) == pytest.approx(alike)


def test_most_similar_task_is_the_task_itself_despite_missing_features():
    past = np.array([[1.0, 5.0], [2.0, np.nan], [9.0, 1.0]])
    assert np.argmax(similarity(past, past[2])) == 2
    assert np.isfinite(similarity(past, np.array([np.nan, np.nan]))).all()


def test_trust_moves_weight_to_similar_tasks():
    alike = np.array([1.0, 0.5, 0.5])
    assert conditioned(alike, 0.0) == pytest.approx(np.full(3, 1 / 3))
    assert conditioned(alike, 1.0) == pytest.approx([0.5, 0.25, 0.25])
    assert conditioned(alike, 0.3).sum() == pytest.approx(1.0)
    with pytest.raises(InvalidInput):
        conditioned(alike, 1.5)


def test_distances_by_rank_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    past, new = rng.integers(0, 5, size=(30, 4)).astype(float), rng.integers(0, 5, size=4).astype(float)
    past[3, 1] = np.nan
    new[2] = np.nan
    known = np.isfinite(past).sum(axis=0)
    below = ((past[None] < past[:, None]).sum(axis=1) + 0.5 * (past[None] == past[:, None]).sum(axis=1)) / known
    own = ((past < new).sum(axis=0) + 0.5 * (past == new).sum(axis=0)) / known
    ranks, rank = np.where(np.isnan(past), 0.5, below), np.where(np.isnan(new), 0.5, own)
    assert distances_by_rank(past, new) == pytest.approx(np.linalg.norm(ranks - rank, axis=1))


def test_missing_value_is_as_far_from_the_smallest_as_from_the_largest():
    past = np.array([[1.0], [2.0], [3.0], [4.0], *[[np.nan]] * 6])
    distances = distances_by_rank(past, np.array([np.nan]))
    assert distances[0] == pytest.approx(distances[3])
    assert distances[1] == pytest.approx(distances[2])
    assert distances[4:] == pytest.approx(0.0)


def test_pool_and_portfolio_refuse_missing_features_and_weights():
    with pytest.raises(InvalidInput, match="feature 1 is not finite"):
        pool_of(np.array([[0.1, 1.0], [0.9, np.nan], [0.5, 2.0]]))
    losses = np.array([[0.0, 1.0], [1.0, 0.0]])
    for options in ({"weights": np.array([1.0, np.nan])}, {"seconds": np.ones(2), "budget": float("nan")}):
        with pytest.raises(InvalidInput):
            greedy(losses, 2, **options)
    with pytest.raises(InvalidInput, match="at least one task"):
        greedy(np.zeros((0, 5)), 2)
