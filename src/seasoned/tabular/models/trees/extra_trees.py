"""Extremely randomised trees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seasoned.space import Categorical, Float, Int, Space
from seasoned.tabular.models.trees import tree_file
from seasoned.tabular.models.trees.random_forest import grow, planted

if TYPE_CHECKING:
    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.models.trees.tree_ensemble import TreeModel
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["ExtraTrees"]


@dataclass(frozen=True, slots=True)
class ExtraTrees:
    """Trees on all rows, with random thresholds (Geurts, Ernst and Wehenkel 2006).

    A split may consider most columns at low cost, because no threshold is searched. The random thresholds decorrelate
    the trees.
    """

    name: str = "extra_trees"
    diet: Diet = "codes"
    quantiles: bool = True

    def space(self, task: Task) -> Space:
        """Leaf size, features per split, and the criterion for classes."""
        classes = task != "regression"
        space: dict[str, Any] = {
            "min_samples_leaf": Int(1, 50, log=True, default=2),
            "max_features": Float(0.1, 1.0, default=0.5 if classes else 1.0),
        }
        if classes:
            space["criterion"] = Categorical(("gini", "entropy"))
        return Space(space)

    def build(self, config: dict[str, Any], job: Job) -> TreeModel:
        """Return an unfitted forest of 100 trees, or of the configuration's number of trees."""
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

        kind = ExtraTreesClassifier if job.n_classes else ExtraTreesRegressor
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
