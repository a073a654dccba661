"""A random forest as a surrogate: a mean and a spread at any point, at a cost that hardly grows with trials.

A forest takes categories and unused branches as they come and fits thousands of trials in a fraction of a second, where
a Gaussian process is cubic in them. Its spread is that of trees grown on different samples, and of the trials that
share a leaf; it does not grow far away from all trials as a Gaussian process's does.

Hutter, Xu, Hoos and Leyton-Brown (2014), Algorithm runtime prediction: methods and evaluation, Artificial Intelligence
206, section 4.3.2, for the spread; Geurts, Ernst and Wehenkel (2006), Extremely randomized trees, for the splits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Forest", "fit_forest"]

_FLOOR: Final = 1e-10  # least variance of a prediction, as a share of the targets' variance


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees, and what lies in their leaves.

    Attributes:
        trees: scikit-learn's trees, which find the leaf of a point.
        means: Mean of the targets in each node of each tree.
        variances: Their variance in each node of each tree.
        floor: The smallest variance of a prediction.
    """

    trees: Sequence[Any]
    means: Sequence[NDArray[np.float64]]
    variances: Sequence[NDArray[np.float64]]
    floor: float

    def predict(self, features: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation at points, shape (k, p) to (k,) each.

        With m_t and v_t the mean and the variance in the leaf of tree t, the mean is that of the m_t, and the variance
        `mean(v_t) + var(m_t)`, the law of total variance over trees.
        """
        points = np.ascontiguousarray(features, dtype=np.float32)
        leaves = [tree.apply(points) for tree in self.trees]
        means = np.array([mean[leaf] for mean, leaf in zip(self.means, leaves, strict=True)])
        within = np.array([variance[leaf] for variance, leaf in zip(self.variances, leaves, strict=True)])
        variance = within.mean(axis=0) + means.var(axis=0)
        return means.mean(axis=0), np.sqrt(np.maximum(variance, self.floor))

    def by_tree(self, features: ArrayLike) -> NDArray[np.float64]:
        """What each tree predicts, shape (trees, k): draws from the model, for Thompson sampling and importances."""
        points = np.ascontiguousarray(features, dtype=np.float32)
        return np.array([mean[tree.apply(points)] for mean, tree in zip(self.means, self.trees, strict=True)])


def fit_forest(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    seed: int,
    trees: int = 50,
    leaf: int = 1,
    random_splits: bool = True,
    weights: ArrayLike | None = None,
) -> Forest:
    """A forest grown on bootstrap samples.

    Args:
        features: Points, shape (n, p): coordinates of the cube; categories as codes or one-hot, unused ones all alike.
        targets: What to predict, shape (n,), finite; large and heavy-tailed ones are better warped first.
        seed: With the data, determines the forest.
        trees: How many.
        leaf: Least number of trials in a leaf.
        random_splits: Whether thresholds are drawn: means are then smoother and spreads wider than with the best ones.
        weights: How much each point counts, shape (n,); the same if None.

    Raises:
        InvalidInput: If there is no point, the lengths differ, or anything is not finite.

    Example:
        >>> points = np.linspace(0, 1, 40)[:, None]
        >>> mean, std = fit_forest(points, points[:, 0] ** 2, seed=0).predict([[0.5]])
        >>> bool(abs(mean[0] - 0.25) < 0.05), bool(std[0] > 0)
        (True, True)
    """
    from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

    points = np.ascontiguousarray(features, dtype=np.float32)
    values = np.asarray(targets, dtype=np.float64)
    if points.ndim != 2 or values.shape != points.shape[:1] or len(values) == 0:
        raise InvalidInput(
            f"a forest was given features of shape {points.shape} and targets of shape {values.shape}; give (n, p) and "
            f"(n,) with n of at least 1."
        )
    if not (np.isfinite(points).all() and np.isfinite(values).all()):
        raise InvalidInput("a forest was given values that are not finite; leave these trials out or warp them.")
    kind = ExtraTreesRegressor if random_splits else RandomForestRegressor
    centre, scale = float(values.mean()), max(float(values.std()), np.finfo(np.float64).tiny)
    grown = kind(trees, min_samples_leaf=leaf, bootstrap=True, max_features=5 / 6, random_state=seed, n_jobs=1)
    grown.fit(points, (values - centre) / scale, sample_weight=weights)
    inner = [tree.tree_ for tree in grown.estimators_]
    return Forest(
        inner,
        [centre + scale * tree.value[:, 0, 0] for tree in inner],
        [scale**2 * tree.impurity for tree in inner],
        _FLOOR * scale**2,
    )
