"""Single decision tree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.space import Categorical, Int, Space
from seasoned.tabular.models._common.target_scaling import Units
from seasoned.tabular.models.trees import tree_file
from seasoned.tabular.models.trees.random_forest import nodes_of
from seasoned.tabular.models.trees.tree_arrays import from_nodes
from seasoned.tabular.models.trees.tree_ensemble import TreeModel, scaled

if TYPE_CHECKING:
    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["Tree"]


@dataclass(frozen=True, slots=True)
class Tree:
    """Decision tree (Breiman et al. 1984): weak alone, fast to fit, and readable."""

    name: str = "tree"
    diet: Diet = "codes"
    seeded: bool = False
    readable: bool = True

    def space(self, task: Task) -> Space:
        """Depth, leaf size, and the criterion for classes; default leaves are large enough for reliable frequencies."""
        classes = task != "regression"
        space: dict[str, Any] = {
            "max_depth": Int(2, 30, log=True, default=10),
            "min_samples_leaf": Int(1, 200, log=True, default=15 if classes else 8),
        }
        if classes:
            space["criterion"] = Categorical(("gini", "entropy"), default="entropy")
        return Space(space)

    def build(self, config: dict[str, Any], job: Job) -> TreeModel:
        """Return scikit-learn's tree, which sends missing values to the better side of a split."""
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        kind = DecisionTreeClassifier if job.n_classes else DecisionTreeRegressor
        return TreeModel(kind(random_state=job.seed, **config), job.n_classes)

    def fit(
        self,
        estimator: TreeModel,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,  # noqa: ARG002 - the protocol's signature
        seconds: float | None = None,  # noqa: ARG002
        weights: Weights | None = None,
    ) -> None:
        """Fit on (X, y), and smooth the leaves of a classifier.

        A leaf of n rows has the probability (n p_k + q_k) / (n + 1) of class k. p are the class shares of the leaf, q
        the class shares of all rows. A pure leaf thus never predicts certainty, for which the logarithmic loss is
        unbounded.
        """
        weight = None if weights is None else weights[0]
        units = Units.of(train[1], estimator.n_classes)
        tree = estimator.learner.fit(np.asarray(train[0], dtype=np.float32), units.forward(train[1]), weight)
        nodes, width = nodes_of(tree.tree_), tree.n_features_in_
        if not estimator.n_classes:
            middle = float(np.median(nodes.value))
            values, scale = scaled(nodes.value, middle)
            trees, base = from_nodes([replace(nodes, value=values)], width), float(units.back(middle))
            estimator.take(trees, (), (base,), scale * units.spread)
            return
        rows = tree.tree_.weighted_n_node_samples[:, None]
        smooth = (rows * nodes.value + nodes.value[0]) / (rows + 1.0)
        seen = tuple(np.asarray(tree.classes_, dtype=np.int64).tolist())
        estimator.take(from_nodes([replace(nodes, value=smooth)], width), seen, (0.0,) * len(seen))

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:  # noqa: ARG002
        """Return the configuration unchanged: the model has no rounds."""
        return config

    def dump(self, estimator: TreeModel) -> bytes:
        """Serialise the trees as arrays."""
        return tree_file.dump(estimator)

    def load(self, data: bytes) -> TreeModel:
        """Deserialise arrays after a check."""
        return tree_file.load(data, boosted=False)
