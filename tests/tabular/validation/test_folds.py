"""Rows that belong together stay together where a fit holds some out by itself."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_process import estimator, stay_in_process
from seasoned.tabular.features.base import Given, Rows
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import find
from seasoned.tabular.validation.folds import dealt, together_in


@given(groups=st.lists(st.integers(0, 8), min_size=1, max_size=60), folds=st.integers(1, 6), seed=st.integers(0, 9))
def test_no_group_is_parted_and_folds_are_filled_evenly(groups, folds, seed):
    together = np.array(groups)
    place = together_in(together, folds, np.random.default_rng(seed))
    assert all(len(np.unique(place[together == group])) == 1 for group in np.unique(together))
    sizes = np.bincount(place)
    assert len(sizes) == min(folds, len(np.unique(together)))
    assert sizes.max() - sizes.min() <= np.bincount(together).max()


def test_targets_are_in_proportion_where_rows_are_free():
    y = np.repeat([0, 1], [80, 20])
    folds = dealt(y, np.random.default_rng(0))
    assert [int(y[held].sum()) for _, held in folds] == [4] * 5
    assert sorted(np.concatenate([held for _, held in folds]).tolist()) == list(range(100))


def test_one_group_alone_is_parted_for_there_is_no_other_way():
    assert len(dealt(np.arange(10.0), np.random.default_rng(0), np.zeros(10, dtype=int))) == 5


def clustered(groups=40, each=15, seed=0):
    """Columns that tell the group and nothing else; the target is the group's own number, which tells of no other."""
    rng = np.random.default_rng(seed)
    together = np.repeat(np.arange(groups), each)
    X = rng.normal(size=(groups, 6))[together]
    return X, rng.normal(size=groups)[together] + 0.1 * rng.normal(size=groups * each), together


@pytest.mark.parametrize("name", ["splines", "adaptive_linear"])
def test_penalties_are_chosen_on_whole_groups(name):
    """On groups that it has not seen nothing can be known: whoever parts groups believes that much is."""
    X, y, together = clustered()
    fresh = clustered(seed=1)
    model, said = find(name), {}
    for given_groups in (None, together):
        estimator_ = model.build(model.space("regression").default, Job("regression", 0, 0))
        model.fit(estimator_, (X, y), None, together=given_groups)
        said[given_groups is None] = float(np.mean((estimator_.predict(fresh[0]) - y.mean()) ** 2))
    assert said[False] < 0.5 * said[True]


def test_encodings_take_their_means_from_other_groups():
    together = np.repeat(np.arange(20), 5)
    rows = Rows(Given(np.zeros((100, 1))), frozenset([0]), np.zeros((100, 1)), None, 0, together=together)
    assert all(len(np.unique(rows.dealt(5)[together == group])) == 1 for group in range(20))
    free = Rows(Given(np.zeros((100, 1))), frozenset([0]), np.zeros((100, 1)), None, 0)
    assert any(len(np.unique(free.dealt(5)[together == group])) > 1 for group in range(20))


def test_groups_of_a_whole_fit_reach_the_models(monkeypatch):
    stay_in_process(monkeypatch)
    seen = []
    fit = type(find("splines")).fit
    monkeypatch.setattr(
        type(find("splines")), "fit", lambda *some, **more: seen.append(more.get("together")) or fit(*some, **more)
    )
    X, y, together = clustered(groups=12)
    estimator("regression", ["splines"]).fit(X, y, groups=[f"g{group}" for group in together])
    assert [len(np.unique(some)) for some in seen] == [6, 6, 12]  # two folds, and all rows
    seen.clear()
    estimator("regression", ["splines"]).fit(X, y)
    assert seen == [None] * 3


def test_few_groups_stay_whole_in_inner_folds():
    together = np.repeat([0, 1, 2, 3], 25)
    rows = Rows(SimpleNamespace(codes=np.zeros((100, 1))), frozenset(), np.zeros((100, 1)), None, 0, together=together)
    dealt = rows.dealt(5)
    assert all(len(np.unique(dealt[together == group])) == 1 for group in range(4))
    assert len(np.unique(dealt)) == 4
