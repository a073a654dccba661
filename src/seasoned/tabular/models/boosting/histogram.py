"""Histogram gradient boosting of scikit-learn."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.space import Float, Int, Space
from seasoned.tabular.models._common.booster_settings import BYTE, bins, most_rounds, patience
from seasoned.tabular.models._common.quantile_regression import rows_to_know
from seasoned.tabular.models._common.target_scaling import Units
from seasoned.tabular.models.trees import tree_file
from seasoned.tabular.models.trees.tree_arrays import Nodes
from seasoned.tabular.models.trees.tree_ensemble import TreeModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["Histogram"]

_PROBE = 10


@dataclass(frozen=True, slots=True)
class Histogram:
    """HistGradientBoosting on ordinal codes, with early stopping."""

    name: str = "histogram"
    diet: Diet = "codes"
    quantiles: bool = True

    def space(self, task: Task) -> Space:
        """Learning rate, tree size and penalties."""
        return Space(
            learning_rate=Float(0.01, 0.3, log=True, default=0.08),
            max_leaf_nodes=Int(4, 128, log=True, default=31),
            min_samples_leaf=Int(1, 100, log=True, default=20 if task != "regression" else 10),
            l2_regularization=Float(1e-4, 10.0, log=True, default=1e-3),
            max_features=Float(0.3, 1.0, default=0.7),
        )

    def build(self, config: dict[str, Any], job: Job) -> TreeModel:
        """Return an unfitted model; its rounds come from the configuration, or from early stopping."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        settings = dict(config)
        rounds = settings.pop("rounds", None)
        kind = HistGradientBoostingClassifier if job.n_classes else HistGradientBoostingRegressor
        if job.quantile is not None:
            least = max(settings["min_samples_leaf"], rows_to_know(job.quantile))
            settings |= {"loss": "quantile", "quantile": job.quantile, "min_samples_leaf": least}
        learner = kind(
            max_iter=rounds or most_rounds(settings["learning_rate"]),
            early_stopping=rounds is None,
            n_iter_no_change=patience(settings["learning_rate"]),
            # absolute tolerance of the loss: any other value would stop the training at once for targets of small scale
            tol=0.0,
            categorical_features=None,
            random_state=job.seed,
            **settings,
        )
        return TreeModel(learner, job.n_classes, boosted=True)

    def fit(
        self,
        estimator: TreeModel,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None = None,
        weights: Weights | None = None,
    ) -> int | None:
        """Fit on (X, y) and monitor the loss of the validation rows; returns the best round."""
        empty = np.isnan(train[0]).all(axis=0)
        learner, X, units = estimator.learner, _matrix(train[0], empty), Units.of(train[1], estimator.n_classes)
        y = units.forward(train[1])
        weight, weight_valid = weights or (None, None)
        learner.set_params(max_bins=min(bins(len(X)), BYTE))
        if valid is None or not learner.early_stopping:
            _take(estimator, learner.fit(X, y, weight), units)
            return None
        X_valid, y_valid = _matrix(valid[0], empty), units.forward(valid[1])
        if estimator.n_classes:  # scikit-learn rejects classes that occur only in the validation rows
            known = np.isin(y_valid, y)
            X_valid, y_valid = (X_valid[known], y_valid[known]) if known.any() else (X, y)
            weight_valid = weight_valid[known] if weight_valid is not None and known.any() else weight
        if seconds is not None:
            learner.set_params(
                max_iter=rounds_in(seconds, learner, X, y, estimator.n_classes if estimator.n_classes > 2 else 1)
            )
        found = learner.fit(X, y, weight, X_val=X_valid, y_val=y_valid, sample_weight_val=weight_valid)
        best = max(1, int(np.argmax(learner.validation_score_)))  # the first score is the score without trees
        _take(estimator, found, units, best)
        return best

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:
        """Return the configuration with a fixed number of rounds."""
        return config if rounds is None else {**config, "rounds": rounds}

    def dump(self, estimator: TreeModel) -> bytes:
        """Serialise the trees as arrays."""
        return tree_file.dump(estimator)

    def load(self, data: bytes) -> TreeModel:
        """Deserialise arrays after a check."""
        return tree_file.load(data, boosted=True)


def rounds_in(seconds: float, estimator: Any, X: NDArray[np.float64], y: NDArray[Any], trees: int) -> int:
    """Number of rounds of `trees` trees within the time limit, from a timed probe.

    scikit-learn has no callback that could stop the training.
    """
    from sklearn.base import clone

    probe = max(1, _PROBE // trees)
    start = time.monotonic()
    clone(estimator).set_params(max_iter=probe, early_stopping=False).fit(X, y)
    spent = max(time.monotonic() - start, 1e-6)  # clocks may be coarse
    return int(np.clip(probe * (seconds - spent) / spent, probe, estimator.max_iter))


def _matrix(X: NDArray[np.float64], empty: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Round numbers to single precision, as in predictions, and set columns without values to zero.

    scikit-learn cannot bin a column without values, and no tree can split on such a column.

    Args:
        X: Shape (n, d).
        empty: Mask of the columns without any value in the training rows, shape (d,). Values missing only in the
            validation rows stay missing, as in predictions.
    """
    single = X.astype(np.float32).astype(np.float64)
    return np.where(empty, 0.0, single) if empty.any() else single


def _take(model: TreeModel, learner: Any, units: Units, rounds: int | None = None) -> None:
    """Convert the first `rounds` rounds of scikit-learn's trees to arrays, ordered by round and output."""
    found = [_nodes(predictor.nodes) for stage in learner._predictors[:rounds] for predictor in stage]  # noqa: SLF001
    seen = tuple(np.asarray(learner.classes_, dtype=np.int64).tolist()) if model.n_classes else ()
    base = tuple(np.ravel(learner._baseline_prediction).tolist())  # noqa: SLF001
    model.take_boosted(found, learner.n_features_in_, base, units, seen=seen)


def _nodes(record: NDArray[Any]) -> Nodes:
    leaf = record["is_leaf"] != 0
    left, right = (np.where(leaf, -1, record[name].astype(np.int64)) for name in ("left", "right"))
    return Nodes(
        left, right, record["feature_idx"], record["num_threshold"], record["missing_go_to_left"],
        record["value"][:, None],
    )  # fmt: skip
