"""Random forest."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.space import Categorical, Float, Int, Space
from seasoned.tabular.models._common.quantile_regression import rows_to_know
from seasoned.tabular.models._common.target_scaling import Units
from seasoned.tabular.models.trees import tree_file
from seasoned.tabular.models.trees.tree_arrays import Nodes, from_nodes, rounded, shortened
from seasoned.tabular.models.trees.tree_ensemble import TreeModel, scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["TREES", "Forest", "grow", "leaf_quantiles", "nodes_of", "planted"]


def leaf_quantiles(
    leaf: NDArray[np.int64], y: NDArray[np.float64], mass: NDArray[np.float64], quantile: float, nodes: int
) -> NDArray[np.float64]:
    """Weighted quantile of the targets in each leaf, shape (nodes,).

    The quantile is the smallest target at or below which a share `quantile` of the leaf's mass lies. Trees that split
    by the mean also separate rows by most causes of shifted quantiles. Source: Meinshausen 2006, who pools the leaves
    of a forest. Here the leaf quantiles are averaged instead, so that a leaf stores one number. Nodes without rows get
    the mean.

    Args:
        leaf: Leaf index of each row, shape (n,).
        y: Targets, shape (n,).
        mass: Row weights, shape (n,), above 0.
        quantile: Between 0 and 1.
        nodes: Number of nodes of the tree.

    Example:
        >>> import numpy as np
        >>> leaf_quantiles(np.array([1, 1, 1, 2]), np.array([5.0, 3, 4, 9]), np.ones(4), 0.5, 3)
        array([5.25, 4.  , 9.  ])
    """
    order = np.lexsort((y, leaf))
    leaf, y, mass = leaf[order], y[order], mass[order]
    first = np.flatnonzero(np.diff(leaf, prepend=-1))
    reached = np.cumsum(mass)
    before = np.concatenate([[0.0], reached])[first]
    total = np.add.reduceat(mass, first)
    wanted = before + quantile * total * (1 - 1e-12)
    place = np.minimum(np.searchsorted(reached, wanted), np.append(first[1:], len(y)) - 1)
    found = np.full(nodes, np.average(y, weights=mass))
    found[leaf[first]] = y[np.maximum(place, first)]
    return found


TREES = 100
_STEP = 10
_DIGITS = 15  # mantissa bits of a leaf's distance from the median leaf; rounding vanishes in the mean of many trees


@dataclass(frozen=True, slots=True)
class Forest:
    """Bagged trees on random subsets of the features (Breiman 2001); missing values go to a split's better side."""

    name: str = "forest"
    diet: Diet = "codes"
    quantiles: bool = True

    def space(self, task: Task) -> Space:
        """Leaf size, features per split, and the criterion for classes."""
        classes = task != "regression"
        space: dict[str, Any] = {
            "min_samples_leaf": Int(1, 50, log=True, default=2 if classes else 3),
            "max_features": Float(0.1, 1.0, default=0.3 if classes else 0.5),
        }
        if classes:
            space["criterion"] = Categorical(("gini", "entropy"))
        return Space(space)

    def build(self, config: dict[str, Any], job: Job) -> TreeModel:
        """Return an unfitted forest of 100 trees, or of the configuration's number of trees."""
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        kind = RandomForestClassifier if job.n_classes else RandomForestRegressor
        return planted(kind, config, job)

    def fit(
        self,
        estimator: TreeModel,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None = None,
        weights: Weights | None = None,
    ) -> int | None:
        """Fit on (X, y), in a trial ten trees at a time up to the time limit; returns a trial's number of trees."""
        return grow(estimator, train, valid, seconds, weights)

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:
        """Return the configuration with a fixed number of trees."""
        return config if rounds is None else {**config, "rounds": rounds}

    def dump(self, estimator: TreeModel) -> bytes:
        """Serialise the trees as arrays."""
        return tree_file.dump(estimator)

    def load(self, data: bytes) -> TreeModel:
        """Deserialise arrays after a check."""
        return tree_file.load(data, boosted=False)


def planted(kind: Any, config: dict[str, Any], job: Job) -> TreeModel:
    """Return an unfitted forest of scikit-learn's class `kind`, with leaves large enough for a requested quantile."""
    settings = dict(config)
    trees = settings.pop("rounds", TREES)
    if job.quantile is not None:
        settings["min_samples_leaf"] = max(settings["min_samples_leaf"], rows_to_know(job.quantile))
    learner = kind(trees, random_state=job.seed, n_jobs=job.threads, **settings)
    return TreeModel(learner, job.n_classes, quantile=job.quantile)


def grow(
    model: TreeModel,
    train: tuple[Any, Any],
    valid: tuple[Any, Any] | None,
    seconds: float | None,
    weights: Weights | None = None,
) -> int | None:
    """Fit a forest, in a trial ten trees at a time up to the time limit; return a trial's number of trees."""
    forest, (X, y), weight = model.learner, train, None if weights is None else weights[0]
    rows, units = np.asarray(X, dtype=np.float32), Units.of(y, model.n_classes)
    y = units.forward(y)
    if valid is None or seconds is None:
        forest.fit(rows, y, weight)
    else:
        forest.set_params(warm_start=True)
        deadline = time.monotonic() + seconds
        for grown in range(_STEP, forest.n_estimators + 1, _STEP):
            forest.set_params(n_estimators=grown).fit(rows, y, weight)
            if time.monotonic() > deadline:
                break
    _take(model, forest, (rows, np.asarray(y), np.ones(len(y)) if weight is None else np.asarray(weight)), units)
    return None if valid is None else int(forest.n_estimators)


def _take(
    model: TreeModel, forest: Any, data: tuple[NDArray[np.float32], NDArray[Any], NDArray[np.float64]], units: Units
) -> None:
    """Convert scikit-learn's trees to arrays of class shares (of the second of two classes), or of deviations."""
    rows, y, mass = data
    found = [nodes_of(tree.tree_) for tree in forest.estimators_]
    if model.quantile is not None:
        q, leaves = model.quantile, [tree.tree_.apply(rows) for tree in forest.estimators_]
        known = [leaf_quantiles(leaf, y, mass, q, len(part.value)) for leaf, part in zip(leaves, found, strict=True)]
        found = [replace(part, value=values[:, None]) for part, values in zip(found, known, strict=True)]
    seen = tuple(np.asarray(forest.classes_, dtype=np.int64).tolist()) if model.n_classes else ()
    base, scale = (0.0,) * max(1, len(seen) - (len(seen) == 2)), 1.0
    if len(seen) == 2:
        found = [replace(nodes, value=nodes.value[:, 1:]) for nodes in found]
    elif not seen:
        reached = np.concatenate([nodes.value for nodes in found])
        middle = float(np.median(reached))  # a mean may lie far from most leaves, which would then lose digits
        values, scale = scaled(reached, middle)
        ends = np.cumsum([len(nodes.value) for nodes in found])
        found = [replace(nodes, value=part) for nodes, part in zip(found, np.split(values, ends[:-1]), strict=True)]
        base, scale = (float(units.back(middle)),), scale * units.spread
    trees = shortened(from_nodes(found, rows.shape[1]), rows)
    model.take(replace(trees, value=rounded(trees.value, _DIGITS)), seen, base, scale)


def nodes_of(tree: Any) -> Nodes:
    """Arrays of one of scikit-learn's compiled trees."""
    return Nodes(
        tree.children_left, tree.children_right, tree.feature, tree.threshold, tree.missing_go_to_left,
        tree.value[:, 0, :],
    )  # fmt: skip
