"""Very many groups: dealt quickly, whole, and each fold with as much of every class."""

from __future__ import annotations

import numpy as np
import pandas as pd

from seasoned.tabular.input.sample_roles import Roles
from seasoned.tabular.input.target import read_target
from seasoned.tabular.validation.declared import MANY_GROUPS, ByTurns, declared_folds


def many(groups, seed=0):
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(groups), rng.integers(1, 6, groups))
    rng.shuffle(of)
    lean = rng.random(groups) < 0.1  # whose rows are mostly of the rare class
    y = np.where(rng.random(len(of)) < np.where(lean[of], 0.9, 0.05), 2, rng.integers(0, 2, len(of)))
    return of, y


def test_groups_stay_whole_and_classes_in_proportion():
    groups, y = many(2 * MANY_GROUPS)
    target = read_target(pd.Series(y), "classification")
    frame = pd.DataFrame({"x": np.zeros(len(y))})
    folds = declared_folds(None, None, frame, target, Roles(groups=groups), default=5)
    assert len(folds) == 5
    np.testing.assert_array_equal(np.sort(np.concatenate([held for _, held in folds])), np.arange(len(y)))
    whole = np.bincount(y) / len(y)
    for train, held in folds:
        assert not set(groups[train]) & set(groups[held])
        assert len(train) + len(held) == len(y)
        assert abs(len(held) / len(y) - 0.2) < 0.01
        assert np.abs(np.bincount(y[held], minlength=3) / len(held) - whole).max() < 0.015


def test_a_held_out_fifth_is_one_of_the_folds():
    groups, y = many(MANY_GROUPS + 1)
    target = read_target(pd.Series(y), "classification")
    frame = pd.DataFrame({"x": np.zeros(len(y))})
    ((train, held),) = declared_folds(None, None, frame, target, Roles(groups=groups), default=1)
    assert abs(len(held) / len(y) - 0.2) < 0.01
    assert not set(groups[train]) & set(groups[held])


def test_each_group_goes_with_its_commonest_class():
    groups, y = np.array([0, 0, 0, 1, 1, 1, 2, 3]), np.array([1, 1, 0, 1, 1, 0, 0, 0])
    folds = list(ByTurns(2).split(None, y, groups))
    for _, held in folds:
        kinds = {int(group): np.bincount(y[groups == group], minlength=2).argmax() for group in groups[held]}
        assert sorted(kinds.values()) == [0, 1], "one group of each kind in each fold"
