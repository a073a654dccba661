"""Trees as arrays: the same decisions as scikit-learn's, the same bits whatever the batch, every shape of tree."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

from seasoned.errors import InvalidInput
from seasoned.tabular.models._common.base import Job, predict
from seasoned.tabular.models._common.target_scaling import Units
from seasoned.tabular.models.registry import find
from seasoned.tabular.models.trees.random_forest import nodes_of
from seasoned.tabular.models.trees.tree_arrays import from_nodes, rounded, shortened, structure
from seasoned.tabular.models.trees.tree_prediction import Walk

FAMILIES = ("tree", "extra_trees", "forest", "histogram")


def table(rows=400, seed=0):
    """Numbers with gaps, whole numbers, and a target."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 4)).astype(np.float32).astype(np.float64)
    X[:, 2] = rng.integers(0, 9, rows)
    X[::7, 1] = np.nan
    return X, X[:, 0] + (X[:, 2] % 3) + 0.3 * rng.normal(size=rows)


def fitted(name, task, X, y, **changes):
    model = find(name)
    job = Job(task, 0 if task == "regression" else int(y.max()) + 1, 0)
    config = model.space(task).default | changes
    estimator = model.build(model.with_rounds(config, 10), job)
    learner = estimator.learner
    model.fit(estimator, (X, y), None)
    return model, estimator, learner


def leaves(trees, X):
    return np.concatenate(list(Walk.over(trees).compiled(len(X)).leaves(X)))


def random_bits(rng, nodes):
    """A random full tree in preorder, and its right children by recursion."""
    bits, right = [], {}

    def grow(budget):
        here = len(bits)
        bits.append(budget > 1 and bool(rng.random() < 0.8))
        if bits[here]:
            grow(budget // 2)
            right[here] = len(bits)
            grow(budget - budget // 2 - 1)

    grow(nodes)
    return bits, right


def test_the_bits_tell_the_whole_structure():
    rng = np.random.default_rng(0)
    for _ in range(30):
        bits, right, roots = [], [], []
        for _ in range(rng.integers(1, 6)):
            part, children = random_bits(rng, int(rng.integers(1, 60)))
            roots.append(len(bits))
            right += [len(bits) + children[node] for node in sorted(children)]
            bits += part
        found = structure(np.array(bits, dtype=np.bool_))
        np.testing.assert_array_equal(found[0], right)
        np.testing.assert_array_equal(found[1], roots)
        with pytest.raises(InvalidInput, match="without an end"):
            structure(np.array([*bits, True], dtype=np.bool_))
        with pytest.raises(InvalidInput, match="without an end"):
            structure(np.array([*bits, True, False], dtype=np.bool_))
    with pytest.raises(InvalidInput, match="without an end"):
        structure(np.zeros(0, dtype=np.bool_))


def test_a_chain_deeper_than_16_bits():
    deep = 2**15 + 10
    bits = np.array([True] * deep + [False] * (deep + 1))
    right, roots = structure(bits)
    np.testing.assert_array_equal(right, deep + 1 + np.arange(deep)[::-1])
    assert roots.tolist() == [0]


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("name", FAMILIES)
def test_predictions_are_those_of_scikit_learn(name, task):
    X, y = table()
    y = y if task == "regression" else np.digitize(y, [1.0] if task == "binary" else [0.5, 2.0])
    _, estimator, learner = fitted(name, task, X, y)
    expected = Units.of(y).back(learner.predict(X)) if task == "regression" else learner.predict_proba(X)
    found = predict(estimator, X, 0 if task == "regression" else int(y.max()) + 1)
    if name == "tree" and task != "regression":  # whose leaves are smoothed, so only the order of rows is the same
        assert np.corrcoef(found[:, 0], expected[:, 0])[0, 1] > 0.99
    else:
        np.testing.assert_allclose(found, expected, atol=3e-5 * (1 if task != "regression" else np.ptp(y)))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_row_has_the_same_bits_in_every_batch(name, monkeypatch):
    monkeypatch.setattr("seasoned.tabular.models.trees.tree_ensemble.cpu_count", lambda: 2)
    X, y = table(12_000)  # enough for two threads
    model, estimator, _ = fitted(name, "regression", X[:300], y[:300])
    together = estimator.predict(X)
    np.testing.assert_array_equal(np.concatenate([estimator.predict(X[i : i + 1]) for i in range(40)]), together[:40])
    np.testing.assert_array_equal(np.concatenate([estimator.predict(X[:77]), estimator.predict(X[77:])]), together)
    loaded = model.load(model.dump(estimator))
    np.testing.assert_array_equal(loaded.predict(X), together)
    carried = pickle.loads(pickle.dumps(loaded))
    np.testing.assert_array_equal(carried.predict(X), together)
    assert "Walk" not in str(pickle.dumps(carried)), "the compiled walk does not travel"


@pytest.mark.parametrize("name", FAMILIES)
def test_single_leaves_one_class_and_extreme_numbers(name):
    X, y = table(60)
    for scale in (0.0, 1e-200, 1e200):
        _, estimator, _ = fitted(name, "regression", X, y * scale)
        np.testing.assert_allclose(estimator.predict(X).mean(), (y * scale).mean(), rtol=0.3)
    model, estimator, _ = fitted(name, "regression", X, np.full(60, 7.5))
    np.testing.assert_array_equal(model.load(model.dump(estimator)).predict(X), np.full(60, 7.5))
    model = find(name)
    lonely = model.build(model.with_rounds(model.space("binary").default, 10), Job("binary", 2, 0))
    model.fit(lonely, (X, np.ones(60, dtype=int)), None)
    np.testing.assert_array_equal(predict(model.load(model.dump(lonely)), X, 2), [[0.0, 1.0]] * 60)


def test_no_row_of_the_fit_is_decided_otherwise_by_shorter_thresholds():
    X, y = table(500)
    X = X.astype(np.float32)
    forest = ExtraTreesClassifier(10, random_state=0, max_depth=8).fit(X, y > 1)
    trees = from_nodes([nodes_of(tree.tree_) for tree in forest.estimators_], 4)
    short = shortened(trees, X)
    for before, after, tree in zip(leaves(trees, X), leaves(short, X), forest.estimators_, strict=True):
        np.testing.assert_array_equal(before, after)
        assert len(np.unique(after)) == tree.get_n_leaves()
    zeros = [np.mean(threshold.view(np.uint32) % 2**12 == 0) for threshold in (trees.threshold, short.threshold)]
    assert zeros[0] < 0.1
    assert zeros[1] > 0.7


@pytest.mark.parametrize("name", FAMILIES)
def test_few_rows_and_many_walk_to_the_same_leaves(name):
    X, y = table()
    _, estimator, _ = fitted(name, "multiclass", X, np.digitize(y, [0, 1, 2]))
    walk = Walk.over(estimator.trees)
    few, many = walk.compiled(1), walk.compiled(len(X))
    assert type(few) is not type(many)
    np.testing.assert_array_equal(*(np.concatenate(list(form.leaves(X))) for form in (few, many)))
    together = estimator.predict_proba(X)
    np.testing.assert_array_equal(np.concatenate([estimator.predict_proba(row[None]) for row in X]), together)


def test_a_large_forest_is_compiled_once(monkeypatch):
    X, y = table()
    _, estimator, _ = fitted("forest", "regression", X, y)
    monkeypatch.setattr(
        "seasoned.tabular.models.trees.tree_prediction.MAX_TWO_FORM_NODES", len(estimator.trees.inner) - 1
    )
    walk = Walk.over(estimator.trees)
    assert walk.compiled(1_000) is walk.compiled(1) is walk.compiled(1_000)
    monkeypatch.undo()
    assert walk.compiled(1_000) is not walk.compiled(1)


def test_numbers_are_rounded_to_the_nearest():
    values = np.array([1.0, -1.0, 1.2, -1.2, 3.7e-30, 0.0, 255.9], dtype=np.float32)
    np.testing.assert_allclose(rounded(values, 7), values, rtol=2**-8)
    np.testing.assert_array_equal(rounded(values, 23), values)
    assert not (rounded(values, 7).view(np.uint32) % 2**16).any()


def test_trees_grown_best_first_are_put_in_order():
    X, y = table(300)
    X = X.astype(np.float32)
    tree = DecisionTreeRegressor(max_leaf_nodes=20, random_state=0).fit(X, y)
    left = tree.tree_.children_left
    assert (left[left >= 0] != np.flatnonzero(left >= 0) + 1).any(), "the tree must be in another order"
    trees = from_nodes([nodes_of(tree.tree_)], 4)
    (found,) = leaves(trees, X)
    np.testing.assert_allclose(trees.value[found, 0], tree.predict(X), rtol=1e-6)


def test_a_library_that_numbers_right_branches_first():
    X, y = table(300)
    X = X.astype(np.float32)
    forest = RandomForestRegressor(3, random_state=0, max_depth=5).fit(X, y)
    nodes = [nodes_of(tree.tree_) for tree in forest.estimators_]
    order = [0, *range(len(nodes[0].left) - 1, 0, -1)]
    place = np.argsort(order)
    children = [np.where(c[order] >= 0, place[c[order]], -1) for c in (nodes[0].left, nodes[0].right)]
    rest = [getattr(nodes[0], name)[order] for name in ("feature", "threshold", "missing_left", "value")]
    turned = from_nodes([type(nodes[0])(*children, *rest), *nodes[1:]], 4)
    straight = from_nodes(nodes, 4)
    for one, other in zip(leaves(turned, X), leaves(straight, X), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", FAMILIES)
def test_another_width_is_an_error_and_no_crash(name):
    X, y = table(100)
    _, estimator, _ = fitted(name, "regression", X, y)
    assert estimator.n_features_in_ == 4
    for other in (X[:, :2], np.hstack([X, X]), X[0]):
        with pytest.raises(InvalidInput, match="fitted on 4 columns"):
            estimator.predict(other)
