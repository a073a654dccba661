"""Trees of LightGBM and XGBoost as arrays: the library's own predictions, for level codes and missing values too."""

from __future__ import annotations

import numpy as np
import pytest

from optional import needs
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models.registry import find
from seasoned.tabular.models.trees.node_layout import Layout
from seasoned.tabular.models.trees.tree_arrays import Nodes, from_nodes
from seasoned.tabular.models.trees.tree_prediction import Walk

CATEGORICAL = (3, 4)


def rows(rng, count, levels):
    """Numbers with gaps, whole numbers, and two columns of level codes with gaps."""
    X = rng.normal(size=(count, 5))
    X[:, 1] = np.round(X[:, 1], 1)
    X[rng.random(X.shape) < 0.1] = np.nan
    X[:, 2] = rng.normal(size=count)  # without missing values at the fit
    X[:, 3], X[:, 4] = rng.integers(0, 6, count), rng.integers(0, levels, count)
    X[::9, 4] = np.nan
    return X


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_arrays_predict_the_bits_of_the_library(name, task):
    needs(name)
    rng = np.random.default_rng(0)
    X = rows(rng, 1500, 40)
    filled = np.nan_to_num(X)
    signal = filled[:, 0] + filled[:, 1] + 2 * np.isin(X[:, 3], [1, 4]) + np.sin(7 * filled[:, 4])
    y = 1e4 * signal + 3 if task == "regression" else np.digitize(signal, [1.0] if task == "binary" else [0.0, 1.5])
    n_classes = 0 if task == "regression" else int(y.max()) + 1
    model = find(name)
    config = model.with_rounds(model.space(task).default, 40)
    library = model.build(config, Job(task, n_classes, 0, categorical=CATEGORICAL))
    model.fit(library, (X, y), None)
    arrays = model.load(model.dump(library))
    assert arrays.trees.sets is not None, "the table must lead to splits on level codes"
    new = rows(rng, 500, 60)  # with unknown levels
    new[::5] = X[:100]
    new[::7] = np.nan
    expected = predict(library, new, n_classes)
    np.testing.assert_array_equal(predict(arrays, new, n_classes), expected)
    for size in (1, 7, 60):
        np.testing.assert_array_equal(predict(arrays, new[:size], n_classes), expected[:size])
    np.testing.assert_array_equal(model.dump(arrays), model.dump(library))


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_huge_numbers_of_the_table_cost_no_precision_of_the_leaves(name):
    """XGBoost stores thresholds and leaf values in one array; leaf values were scaled by the largest of both."""
    needs(name)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 2)), rng.normal(size=300)
    X[:, 0] *= 1e37
    model = find(name)
    library = model.build(model.with_rounds(model.space("regression").default, 20), Job("regression", 0, 0))
    model.fit(library, (X, y), None)
    np.testing.assert_array_equal(model.load(model.dump(library)).predict(X), library.predict(X))


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_a_base_score_at_the_end_of_its_range_has_a_finite_logit(probability):
    needs("xgboost")
    X, y = np.arange(40.0)[:, None], np.arange(40) % 2
    weights = np.where(y == probability, 1e30, 1.0)
    model = find("xgboost")
    library = model.build(model.with_rounds(model.space("binary").default, 5), Job("binary", 2, 0))
    model.fit(library, (X, y), None, weights=(weights / weights.mean(), None))
    found = predict(library, X, 2)
    assert np.isfinite(found).all()
    assert (found[:, int(probability)] > 0.99).all()
    np.testing.assert_array_equal(predict(model.load(model.dump(library)), X, 2), found)


@pytest.mark.parametrize("missing_left", [False, True])
def test_a_level_set_contains_its_codes_and_no_others(missing_left):
    rng = np.random.default_rng(0)
    codes = np.append(np.arange(-1.0, 41.0), np.nan)
    for _ in range(50):
        sets = [np.flatnonzero(rng.random(40) < share) for share in rng.random(3)]
        sets = [one if len(one) else np.array([7]) for one in sets]
        trees = from_nodes([split_on(one.tolist(), missing_left) for one in sets], 1)
        walk = Walk.over(trees)
        found = np.concatenate(list(walk.compiled(1000).leaves(codes[:, None])))
        np.testing.assert_array_equal(np.concatenate(list(walk.compiled(1).leaves(codes[:, None]))), found)
        for number, one in enumerate(sets):
            inside = np.isin(codes, one) | (np.isnan(codes) & missing_left)
            np.testing.assert_array_equal(found[number], 2 * number + np.where(inside, 0, 1))


def test_a_level_set_is_searched_in_a_logarithmic_number_of_comparisons():
    levels = list(range(0, 2**10, 2))
    trees = from_nodes([split_on(levels, missing_left=False)], 1)
    nodes = Layout.of(trees, trees.threshold).nodes
    depth = np.zeros(len(nodes), dtype=int)
    for node in range(len(nodes)):
        for child in (nodes["left_child"][node], nodes["right_child"][node]):
            if child > node:
                depth[child] = max(depth[child], depth[node] + 1)
    assert len(nodes) == 2 * len(levels) + 2
    assert depth.max() <= 11


def split_on(levels, missing_left):
    """A tree of one split on a set of level codes."""
    leaf, zeros = np.array([0, -1, -1]), np.zeros(3)
    left, right = np.array([1, -1, -1]), np.array([2, -1, -1])
    return Nodes(left, right, leaf * 0, zeros, np.full(3, missing_left), zeros[:, None], {0: levels})
