"""Task families: sinusoids, episodes and grouped rows."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.metagrad import MAML, ConvNet, Episodes, GroupedRows, Sinusoids, Training
from seasoned.metagrad.learners.shape_checks import describe_tasks, refuse_padding
from seasoned.metagrad.tasks.tasks import as_family


def draws(family, count=200):
    keys = jax.random.split(jax.random.key(0), count)
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(family.sample))(keys))


def test_sinusoids_are_those_of_the_paper():
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


def test_short_groups_have_fewer_rows_in_their_tasks():
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
def test_split_keeps_validation_tasks_apart(family):
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
def test_families_with_too_few_rows_or_classes_are_refused(wrong):
    with pytest.raises(InvalidInput):
        wrong()


def test_classes_of_grouped_rows_are_counted_in_all_rows():
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


def test_classes_without_rows_count_where_ways_is_given():
    family = GroupedRows.of(np.ones((40, 2), np.float32), np.arange(40) % 2, np.arange(40) // 8, ways=4)
    assert describe_tasks(family)[1] == 4
    assert all(describe_tasks(part)[1] == 4 for part in family.split(0.4, 0))
    assert describe_tasks(GroupedRows.of(np.ones((40, 2)), np.arange(40.0), np.arange(40) // 8))[1] == 1


def test_truth_values_of_grouped_rows_are_labels():
    family = GroupedRows.of(np.zeros((6, 2)), np.array([True, False] * 3), np.repeat([0, 1, 2], 2))
    assert jnp.issubdtype(family.sample(jax.random.key(0)).support.y.dtype, jnp.integer)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"y": np.zeros(5)}, "X 6, y 5, groups 6"),
        ({"groups": [0, 0, 1]}, "X 6, y 6, groups 3"),
        ({"X": np.zeros((0, 2)), "y": [], "groups": []}, "no rows"),
        ({"shots": 0}, "shots is 0"),
        ({"queries": 2.5}, "queries is 2.5"),
        ({"least": -1}, "least is -1"),
        ({"shots": 2, "least": 3}, "least is 3, and shots 2"),
        ({"X": np.full((6, 2), 1e39)}, "missing or infinite inputs"),
    ],
)
def test_grouped_rows_of_wrong_arguments_are_refused(given, says):
    """JAX takes the last row for one that is not there, and says nothing."""
    table = {"X": np.zeros((6, 2)), "y": np.zeros(6), "groups": np.repeat([0, 1, 2], 2)}
    X, y, groups = ({**table, **given}[name] for name in table)
    with pytest.raises(InvalidInput, match=says):
        GroupedRows.of(X, y, groups, **{name: value for name, value in given.items() if name not in table})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"ways": 0}, "ways is 0"),
        ({"shots": 0}, "shots is 0"),
        ({"y": [0, 1]}, "X 6, y 2"),
        ({"X": [], "y": []}, "no rows"),
    ],
)
def test_episodes_of_wrong_arguments_are_refused(given, says):
    settings = {"X": np.zeros((6, 2)), "y": [0, 0, 0, 1, 1, 1], "ways": 2, "shots": 1, "queries": 1, **given}
    X, y = settings.pop("X"), settings.pop("y")
    with pytest.raises(InvalidInput, match=says):
        Episodes.of(X, y, **settings)


def test_rows_without_a_class_or_a_group_are_refused():
    X = np.zeros((6, 2))
    with pytest.raises(InvalidInput, match="rows without a class"):
        Episodes.of(X, [0, 0, 1, 1, np.nan, np.nan], ways=2, shots=1, queries=1)
    with pytest.raises(InvalidInput, match="rows without a group"):
        GroupedRows.of(X, np.zeros(6), np.array(["a", "a", "b", "b", None, None], dtype=object))


def test_labels_of_grouped_rows_are_counted_without_inputs():
    rng = np.random.default_rng(0)
    table = GroupedRows.of(rng.normal(size=(40, 3)), np.r_[np.zeros(39, int), 7], np.arange(40) % 4)
    assert describe_tasks(table) == ((3,), 8, True)


def grouped(labels):
    """Groups with an intercept of their own."""
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(30), 12)
    X = rng.normal(size=(len(codes), 3)).astype(np.float32)
    y = X[:, 0] + rng.normal(size=30)[codes] + 0.3 * rng.normal(size=len(codes))
    return X, (y > 0).astype(np.int32) if labels else y.astype(np.float32), codes


@pytest.mark.slow
def test_number_of_shots_varies_between_its_bounds():
    X, y, codes = grouped(labels=False)
    family = GroupedRows.of(X, y, codes, shots=6, queries=5, least=2)
    keys = jax.random.split(jax.random.key(0), 200)
    counts = np.asarray(jax.vmap(lambda key: jnp.sum(family.sample(key).support.weight))(keys))
    assert set(counts.tolist()) == {2.0, 3.0, 4.0, 5.0, 6.0}


def test_large_group_among_very_many_is_sampled_in_the_table():
    groups = np.concatenate([np.zeros(60_000, int), np.repeat(np.arange(1, 20_001), 3)])
    X = np.arange(len(groups), dtype=np.float32)[:, None]
    family = GroupedRows.of(X, X[:, 0], groups)
    assert family.table.shape == (20_001, 2_000)
    rows = np.asarray(family.table[0])
    assert len(np.unique(rows)) == 2_000
    assert rows.max() < 60_000
    small = np.asarray(family.table[7])[: int(family.counts[7])]
    np.testing.assert_array_equal(small, np.flatnonzero(groups == 7))
