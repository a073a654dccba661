"""Random forest as a surrogate: predicts mean and standard deviation, and stays fast for many trials.

A forest needs no special treatment of categories and inactive branches. It fits thousands of trials fast, while the
cost of a Gaussian process is cubic in the number of trials. The variance has two parts: between trees of different
bootstrap samples, and between trials in the same leaf. Unlike the variance of a Gaussian process, it does not grow far
from all trials.

Source of the variance: Hutter, Xu, Hoos and Leyton-Brown (2014), Algorithm runtime prediction: methods and evaluation,
Artificial Intelligence 206, section 4.3.2. Source of the splits: Geurts, Ernst and Wehenkel (2006), Extremely
randomized trees.
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
    """Fitted forest: trees with the statistics of their nodes.

    Attributes:
        trees: Trees of scikit-learn, which map a point to a leaf.
        means: Mean of the targets in each node, one array of shape (nodes,) for each tree.
        variances: Variance of the targets in each node, one array of shape (nodes,) for each tree.
        floor: Least variance of a prediction.
    """

    trees: Sequence[Any]
    means: Sequence[NDArray[np.float64]]
    variances: Sequence[NDArray[np.float64]]
    floor: float

    def predict(self, features: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation at points of shape (k, p), each of shape (k,).

        m_t and v_t are the mean and the variance in the leaf of tree t. The predicted mean is `mean(m_t)`. The
        predicted variance is `mean(v_t) + var(m_t)`, by the law of total variance over trees.
        """
        points = np.ascontiguousarray(features, dtype=np.float32)
        leaves = [tree.apply(points) for tree in self.trees]
        means = np.array([mean[leaf] for mean, leaf in zip(self.means, leaves, strict=True)])
        within = np.array([variance[leaf] for variance, leaf in zip(self.variances, leaves, strict=True)])
        variance = within.mean(axis=0) + means.var(axis=0)
        return means.mean(axis=0), np.sqrt(np.maximum(variance, self.floor))

    def by_tree(self, features: ArrayLike) -> NDArray[np.float64]:
        """Prediction of each tree, shape (trees, k): samples of the model, for Thompson sampling and importances."""
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
    """Fit a forest on bootstrap samples.

    Args:
        features: Points as coordinates of the unit cube, shape (n, p). Categories are codes or one-hot; inactive
            coordinates have a constant value.
        targets: Finite targets, shape (n,). Large or heavy-tailed targets should be warped first.
        seed: Random seed; seed and data determine the forest.
        trees: Number of trees.
        leaf: Least number of trials in a leaf.
        random_splits: True draws split thresholds at random, which gives smoother means and larger variances than the
            best thresholds.
        weights: Weights of the points, shape (n,); equal if None.

    Raises:
        InvalidInput: If there is no point, lengths differ, or a value is not finite.

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
