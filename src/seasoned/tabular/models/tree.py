"""A single decision tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seasoned.space import Categorical, Int, Space
from seasoned.tabular.models import sklearn_file

if TYPE_CHECKING:
    from seasoned.tabular.columns.plan import Diet
    from seasoned.tabular.models.base import Job
    from seasoned.tabular.target import Task

__all__ = ["Tree"]


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree (Breiman et al. 1984): weak alone, fitted in milliseconds, and small enough to be read."""

    name: str = "tree"
    diet: Diet = "codes"

    def space(self, task: Task) -> Space:
        """Depth and leaf size, and the criterion for classes; leaves are large, so that frequencies mean something."""
        classes = task != "regression"
        space: dict[str, Any] = {
            "max_depth": Int(2, 30, log=True, default=10),
            "min_samples_leaf": Int(1, 200, log=True, default=15 if classes else 8),
        }
        if classes:
            space["criterion"] = Categorical(("gini", "entropy"), default="entropy")
        return Space(space)

    def build(self, config: dict[str, Any], job: Job) -> Any:
        """scikit-learn's tree, which sends missing values the better way."""
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        kind = DecisionTreeClassifier if job.n_classes else DecisionTreeRegressor
        return kind(random_state=job.seed, **config)

    def fit(
        self,
        estimator: Any,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,  # noqa: ARG002 - the protocol's signature
        seconds: float | None = None,  # noqa: ARG002
    ) -> None:
        """Fit on (X, y), and smooth the leaves of a classifier.

        A leaf of n rows gives class k the probability (n p_k + q_k) / (n + 1), where p are its shares and q those of
        all rows, so that a pure leaf does not promise certainty, which the logarithmic loss punishes without limit.
        """
        estimator.fit(*train)
        if hasattr(estimator, "classes_"):
            tree = estimator.tree_
            rows = tree.weighted_n_node_samples[:, None, None]
            tree.value[:] = (rows * tree.value + tree.value[0]) / (rows + 1.0)  # a view of the tree's own memory

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:  # noqa: ARG002
        """Unchanged: it has no rounds."""
        return config

    def dump(self, estimator: Any) -> bytes:
        """As a skops archive."""
        return sklearn_file.dump(estimator)

    def load(self, data: bytes) -> Any:
        """From a skops archive."""
        return sklearn_file.load(data, ("DecisionTreeClassifier", "DecisionTreeRegressor"))
