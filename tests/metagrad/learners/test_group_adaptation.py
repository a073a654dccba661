"""Adaptation to many groups: refused groups, and groups solved together."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.metagrad import MAML, MLP, ConvNet, GroupedRows, RidgeHead, Training, WideDeep, adapt_groups
from seasoned.metagrad.learners import shrinkage
from seasoned.tabular.few_shot.adapter import adapter_of

QUICK = Training(steps=4, every=2, tasks=2, validation_tasks=2)
SMALL = MLP((4,), outputs=1)
RNG = np.random.default_rng(0)


@pytest.mark.slow
def test_groups_of_missing_rows_or_values_are_refused():
    X, y = RNG.normal(size=(30, 2)).astype(np.float32), RNG.normal(size=30).astype(np.float32)
    learner = MAML(network=SMALL, training=QUICK).fit(GroupedRows.of(X, y, np.arange(30) % 3), progress=False)
    masks = [np.arange(30) % 3 == group for group in range(3)]
    by_mask, by_number = (adapt_groups(learner, X, y, groups) for groups in (masks, list(map(np.flatnonzero, masks))))
    for one, other in zip(jax.tree.leaves(by_mask), jax.tree.leaves(by_number), strict=True):
        np.testing.assert_array_equal(one, other)
    for groups, given, sentence in (
        ([np.array([0, 30])], (X, y), "a group has the rows"),
        ([np.array([-1, 2])], (X, y), "a group has the rows"),
        ([np.arange(3)], (np.where(X[0, 0] == X, np.nan, X), y), "missing or infinite inputs"),
        ([np.arange(3)], (X, np.array(["a"] * 30)), "which is text"),
        ([np.arange(3)], (X[:, :1], y), "the learner takes rows of"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            adapt_groups(learner, *given, groups)


@pytest.mark.slow
def test_groups_that_diverge_or_have_other_targets_are_refused():
    X, y = RNG.normal(size=(30, 2)).astype(np.float32), RNG.normal(size=30).astype(np.float32)
    learner = MAML(network=SMALL, training=QUICK).fit(GroupedRows.of(X, y, np.arange(30) % 3), progress=False)
    groups = [np.arange(10), np.arange(10, 20)]
    wild = X.copy()
    wild[10:] *= 1e30
    with pytest.raises(InvalidInput, match="diverged on 1 of 2 groups, the first of them number 1"):
        adapt_groups(learner, wild, y, groups)
    with pytest.raises(InvalidInput, match="targets of 1 numbers"):
        adapt_groups(learner, X, np.stack([y, y], axis=1), groups)
    adapt_groups(learner, X, -np.arange(30), groups)  # whole numbers are numbers, too
    codes = (y > 0).astype(int)
    learner = RidgeHead(network=WideDeep((4,), outputs=2), training=QUICK).fit(
        GroupedRows.of(X, codes, np.arange(30) % 3), progress=False
    )
    with pytest.raises(InvalidInput, match="fractions"):
        adapt_groups(learner, X, codes + 0.5, groups)


def test_empty_groups_and_batch_normalisation_are_refused():
    learner = MAML(network=ConvNet(blocks=1, filters=2, outputs=2))
    X, y = np.zeros((6, 8, 8, 1)), np.zeros(6, int)
    with pytest.raises(InvalidInput, match="each needs a row"):
        adapt_groups(learner, X, y, [np.arange(3), np.arange(0)])
    with pytest.raises(InvalidInput, match="normalization='batch'"):
        adapt_groups(learner, X, y, [np.arange(3)])


@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
def test_heads_of_many_groups_equal_those_of_each_group_alone(loss, monkeypatch):
    monkeypatch.setattr(shrinkage, "TOGETHER", 3)
    rng = np.random.default_rng(0)
    labels = loss == "cross_entropy"
    X = rng.normal(size=(60, 4)).astype(np.float32)
    y = rng.integers(0, 3, 60) if labels else rng.normal(size=60)
    groups = [np.arange(start, start + size) for start, size in ((0, 1), (1, 7), (8, 8), (16, 9), (25, 3), (28, 32))]
    tasks = GroupedRows.of(X, y, np.repeat(np.arange(6), [1, 7, 8, 9, 3, 32]))
    learner = RidgeHead(training=Training(steps=4, every=2, validation_tasks=0)).fit(tasks, progress=False)
    adapter = adapter_of(learner)
    found = adapter.heads_of(X, y, groups)
    for rows, head in zip(groups, found, strict=True):
        np.testing.assert_allclose(head, adapter.adapt(X[rows], y[rows], tune=False)[0]["head"], rtol=1e-5, atol=1e-6)
