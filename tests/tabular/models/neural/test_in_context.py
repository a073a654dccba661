"""Family of the in-context network, and the trees that take its place where no training row may be stored."""

from __future__ import annotations

import numpy as np
import pytest

from seasoned.errors import InvalidInput
from seasoned.incontext.shipped import shipped_digest
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models.registry import choose, find, meant_for, stores_rows, without_rows
from seasoned.tabular.safe_files import npz

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
X[::7, 1] = np.nan
CLASSES = (X[:, 0] > 0).astype(int)


def network(y, n_classes, **job):
    family = find("incontext")
    task = "regression" if not n_classes else "binary" if n_classes == 2 else "multiclass"
    estimator = family.build({}, Job(task, n_classes, 0, **job))
    family.fit(estimator, (X, y), None)
    return family, estimator


@pytest.mark.parametrize(("y", "n_classes"), [(CLASSES, 2), (X[:, 0] * 2, 0)])
def test_a_stored_network_predicts_the_same(y, n_classes):
    family, estimator = network(y, n_classes)
    loaded = family.load(family.dump(estimator))
    np.testing.assert_array_equal(predict(loaded, X, n_classes), predict(estimator, X, n_classes))


def test_quantiles_lie_on_both_sides_of_the_median():
    found = []
    for level in (0.1, 0.5, 0.9):
        family, estimator = network(X[:, 0] * 2, 0, quantile=level)
        found.append(predict(family.load(family.dump(estimator)), X, 0))
    assert (found[0] < found[1]).mean() > 0.9
    assert (found[1] < found[2]).mean() > 0.9


def test_a_large_table_is_sampled_and_no_class_is_lost(monkeypatch):
    family = find("incontext")
    y = np.zeros(2_500, dtype=int)
    y[17] = 1
    estimator = family.build({}, Job("binary", 2, 0))
    monkeypatch.setattr(type(estimator), "_read", lambda self: None)  # the sample alone is of interest
    family.fit(estimator, (np.zeros((2_500, 2)), y), None)
    assert 2_000 <= len(estimator.X) <= 2_001
    assert estimator.y.sum() == 1


def test_forged_rows_are_refused():
    family = find("incontext")
    arrays = {
        "X": np.zeros((4, 2)),
        "gaps": np.zeros((4, 2), dtype=bool),
        "y": np.array([0.0, 1, 0, 1]),
        "categorical": np.array([1]),
        "settings": np.array([2, shipped_digest()]),
    }
    assert family.load(npz.dump(arrays)).n_classes == 2
    forged = (
        {"gaps": np.zeros((4, 3), dtype=bool)},
        {"y": np.array([0.0, 1, 0])},
        {"y": np.array([0.0, 1, 0, 2])},
        {"y": np.array([0.0, 1, 0, 0.5])},
        {"categorical": np.array([2])},
        {"settings": np.array([2])},
        {"settings": np.array([-1, shipped_digest()])},
        {"settings": np.array([10**6, shipped_digest()])},
        {"quantile": np.array([0.5])},
    )
    for change in forged:
        with pytest.raises(InvalidInput, match="do not fit together"):
            family.load(npz.dump({**arrays, **change}))


def test_rows_for_another_network_are_refused():
    arrays = dict.fromkeys(("X", "gaps"), np.zeros((2, 1)))
    arrays |= {"gaps": np.zeros((2, 1), dtype=bool), "y": np.zeros(2), "categorical": np.zeros(0, dtype=int)}
    with pytest.raises(InvalidInput, match="another version of seasoned"):
        find("incontext").load(npz.dump({**arrays, "settings": np.array([0, 1])}))


def test_distilled_trees_learn_what_the_network_predicts():
    family = find("distilled")
    noisy = np.where(rng.random(60) < 0.1, 1 - CLASSES, CLASSES)
    estimator = family.build({}, Job("binary", 2, 0))
    family.fit(estimator, (X, noisy), (X, CLASSES))
    assert (predict(family.load(family.dump(estimator)), X, 2).argmax(axis=1) == CLASSES).mean() > 0.8


def test_distilled_trees_know_a_class_of_a_single_row():
    family = find("distilled")
    y = CLASSES.copy()
    y[3] = 2
    estimator = family.build({}, Job("multiclass", 3, 0))
    family.fit(estimator, (X, y), None)
    shares = predict(estimator, X, 3)
    assert shares.shape == (60, 3)
    assert shares[:, 2].argmax() == 3 or shares[:, 2].max() > 0


def test_the_network_takes_part_within_its_limits_or_by_name():
    both = choose(["linear", "incontext"])
    names = [[model.name for model in meant_for(both, None, *size)] for size in ((2_000, 100, 10), (2_001, 9, 2))]
    assert names == [["linear", "incontext"], ["linear"]]
    assert meant_for(both, ["linear", "incontext"], 10**6, 9, 2) == both
    with pytest.raises(InvalidInput, match="name others"):
        meant_for(choose(["incontext"]), None, 10**6, 9, 2)


def test_families_with_training_rows_are_left_out_on_request():
    found = without_rows(choose(["linear", "incontext", "neighbours"]))
    assert [model.name for model in found] == ["linear", "distilled"]
    assert not any(map(stores_rows, found))
    assert [model.name for model in without_rows(choose(["incontext", "distilled"]))] == ["distilled"]
    with pytest.raises(InvalidInput, match="leave store_rows out"):
        without_rows(choose(["neighbours"]))
