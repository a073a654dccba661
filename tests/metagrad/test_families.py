"""Families of tasks: what a draw holds, what is kept apart, what is refused."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.metagrad import MAML, ConvNet, Episodes, GroupedRows, Sinusoids, Training
from seasoned.metagrad.learners.shape_checks import describe_tasks, refuse_padding
from seasoned.metagrad.tasks.tasks import as_family


def draws(family, count=200):
    keys = jax.random.split(jax.random.key(0), count)
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(family.sample))(keys))


def test_sinusoids_are_the_papers():
    tasks = draws(Sinusoids(shots=3, queries=200), 500)
    X, y = tasks.query.X[..., 0], tasks.query.y[..., 0]
    assert tasks.support.X.shape == (500, 3, 1)
    assert -5 <= X.min() < -4.9
    assert 4.9 < X.max() <= 5
    A = np.stack([np.sin(X), np.cos(X)], axis=-1)  # y = a sin x cos p - a cos x sin p
    ab = np.linalg.solve(np.einsum("trk,trl->tkl", A, A), np.einsum("trk,tr->tk", A, y)[..., None])[..., 0]
    amplitude, phase = np.hypot(*ab.T), np.arctan2(-ab[:, 1], ab[:, 0])
    assert 0.1 <= amplitude.min() < 0.4
    assert 4.8 < amplitude.max() <= 5.001
    assert -1e-2 < phase.min() < 0.2
    assert 2.9 < phase.max() < np.pi + 1e-2


def test_episodes_hold_different_rows_of_different_classes():
    y = np.repeat(np.arange(6), [7, 9, 7, 8, 30, 7])
    family = Episodes.of(np.arange(len(y), dtype=np.float32)[:, None], y, ways=4, shots=2, queries=5)
    tasks = draws(family)
    for place in range(50):
        support, query = tasks.support.X[place, :, 0].astype(int), tasks.query.X[place, :, 0].astype(int)
        assert len({*support, *query}) == 28, "a row was drawn twice"
        classes = [set(y[support[tasks.support.y[place] == way]]) for way in range(4)]
        assert all(len(found) == 1 for found in classes)
        assert len(set.union(*classes)) == 4
        for way in range(4):
            assert set(y[query[tasks.query.y[place] == way]]) == classes[way]
    assert set(y[tasks.query.X.astype(int)].ravel()) == set(range(6))


def test_groups_may_be_short():
    groups = np.repeat(["a", "b", "c", "d"], [1, 2, 4, 50])
    X = np.arange(57, dtype=np.float32)[:, None]
    family = GroupedRows.of(X, X[:, 0], groups, shots=3, queries=4)
    tasks = draws(family)
    seen = set()
    for place in range(200):
        support = tasks.support.X[place, tasks.support.weight[place] > 0, 0].astype(int)
        query = tasks.query.X[place, tasks.query.weight[place] > 0, 0].astype(int)
        (group,) = {*groups[support], *groups[query]}
        assert len({*support, *query}) == len(support) + len(query), "a row is in both sets"
        assert (len(support), len(query)) == {"b": (1, 1), "c": (3, 1), "d": (3, 4)}[group]
        seen.add(group)
    assert seen == {"b", "c", "d"}


@pytest.mark.parametrize(
    "family",
    [
        Episodes.of(np.zeros((60, 1), np.float32), np.arange(60) % 12, ways=3, shots=1, queries=2),
        GroupedRows.of(np.zeros((60, 1), np.float32), np.zeros(60), np.arange(60) % 12, shots=1, queries=2),
    ],
    ids=lambda family: type(family).__name__,
)
def test_validation_tasks_are_kept_apart(family):
    left, right = family.split(0.25, 0)
    rows = [set(np.asarray(part.table).ravel().tolist()) for part in (left, right)]
    assert not rows[0] & rows[1]
    assert rows[0] | rows[1] == set(range(60))
    assert len(right.table) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Episodes.of(np.ones((4, 1)), [0, 0, 1, 1], ways=2, shots=2, queries=1),
        lambda: Episodes.of(np.ones((4, 1)), [0, 0, 1, 1], ways=3, shots=1, queries=1),
        lambda: GroupedRows.of(np.ones((2, 1)), np.ones(2), [0, 1]),
    ],
)
def test_wrong_rows_are_named(wrong):
    with pytest.raises(InvalidInput):
        wrong()


def test_classes_of_a_table_are_counted_in_all_of_its_rows():
    y = np.zeros(60_000, dtype=np.int64)
    y[1::2] = 1
    y[[5, 9]] = 2
    family = GroupedRows.of(np.ones((60_000, 2), np.float32), y, np.arange(60_000) // 20, shots=2, queries=2)
    assert describe_tasks(family)[1:] == (3, True)


def test_padded_sets_and_batch_normalisation_exclude_each_other():
    rng = np.random.default_rng(0)
    sets = [(rng.normal(size=(n, 8, 8)).astype(np.float32), np.arange(n) % 2) for n in (4, 6, 3, 5)]
    tasks = [(sets[0], sets[1]), (sets[2], sets[3])]
    with pytest.raises(InvalidInput, match="normalization='instance'"):
        MAML(network=ConvNet(), training=Training(steps=1)).fit(tasks)
    refuse_padding(ConvNet(), as_family([(sets[0], sets[1]), (sets[0], sets[1])]))
    refuse_padding(ConvNet(normalization="instance"), as_family(tasks))


def test_a_class_of_which_no_row_is_here_counts_if_it_is_said():
    family = GroupedRows.of(np.ones((40, 2), np.float32), np.arange(40) % 2, np.arange(40) // 8, ways=4)
    assert describe_tasks(family)[1] == 4
    assert all(describe_tasks(part)[1] == 4 for part in family.split(0.4, 0))
    assert describe_tasks(GroupedRows.of(np.ones((40, 2)), np.arange(40.0), np.arange(40) // 8))[1] == 1
