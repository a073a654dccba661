"""LightGBM, and its trees as arrays.

The trees are read from the text of the model. Reference: LightGBM 4, `include/LightGBM/tree.h` (`NumericalDecision`,
`CategoricalDecision`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.space import Float, Int, Space
from seasoned.tabular.models._common.booster_settings import LEAF_STEP, bins, most_rounds, patience
from seasoned.tabular.models._common.quantile_regression import rows_to_know
from seasoned.tabular.models._common.target_scaling import PLAIN, Units
from seasoned.tabular.models.trees import tree_file
from seasoned.tabular.models.trees.tree_arrays import Nodes
from seasoned.tabular.models.trees.tree_ensemble import TreeModel, probabilities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["Booster", "LightGBM"]

_OBJECTIVES = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}
# largest number of levels on one side of a categorical split, with many-level columns; 32 would fit noise
_MOST_TOGETHER = 4
_CATEGORICAL: Final = 1  # bits of the decision type of a split, in the text of a model
_DEFAULT_LEFT: Final = 2
_MISSING_NAN: Final = 8


@dataclass(slots=True)
class Booster:
    """LightGBM booster with scikit-learn's `predict` and `predict_proba`.

    The booster uses the native training call, because the scikit-learn wrapper drops a class that is absent from a
    fold.

    Attributes:
        parameters: LightGBM's own parameters.
        rounds: Number of rounds, or the largest number with early stopping.
        patience: Patience of early stopping: rounds without a lower validation loss.
        n_classes: Number of classes; 0 for regression.
        categorical: Indices of the columns that contain level codes.
        units: Scale of the target.
        booster: The fitted `lightgbm.Booster`.
    """

    parameters: dict[str, Any]
    rounds: int
    patience: int
    n_classes: int
    categorical: tuple[int, ...] = ()
    units: Units = PLAIN
    booster: Any = None

    @property
    def classes_(self) -> NDArray[np.int64]:
        """All class codes, including classes absent from the training rows."""
        return np.arange(self.n_classes)

    @property
    def n_features_in_(self) -> int:
        """Number of columns of the fit."""
        return int(self.booster.num_feature())

    def fit(
        self,
        X: NDArray[np.float64],
        y: NDArray[Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None,
        weights: Weights | None = None,
    ) -> None:
        """Train; with validation rows, stop early (see `patience`) and retain the best round."""
        import lightgbm

        weight, weight_valid = weights or (None, None)
        self.units = Units.of(y, self.n_classes)
        most = bins(len(X)) - 1
        data = lightgbm.Dataset(
            X,
            self.units.forward(y),
            weight=weight,
            categorical_feature=list(self.categorical),
            params={"max_bin": most},
            free_raw_data=True,
        )
        watched = []
        if valid is not None:
            known = self._known(valid[1], y)
            rows, truth = (valid[0][known], valid[1][known]) if not known.all() else valid
            held = None if weight_valid is None else weight_valid[known]
            watched = [lightgbm.Dataset(rows, self.units.forward(truth), reference=data, weight=held)]
        stop: list[Any] = [lightgbm.early_stopping(self.patience, verbose=False)] if watched else []
        if watched and seconds is not None:
            stop.append(_stop_after(seconds))
        parameters = {**self.parameters, "max_bin": most}
        if "max_cat_threshold" in parameters:
            parameters["min_data_per_group"] = _least_of_a_level(len(X))
        if parameters["objective"] != "quantile":  # quantile leaves are large on purpose
            parameters["min_data_in_leaf"] = min(parameters.get("min_data_in_leaf", 20), max(1, len(X) // 4))
        if parameters.get("bagging_fraction", 1.0) * len(X) < 1:  # LightGBM fails on an empty sample
            parameters = {**parameters, "bagging_fraction": 1.0}
        self.booster = lightgbm.train(parameters, data, self.rounds, valid_sets=watched, callbacks=stop)

    def trees(self) -> TreeModel:
        """Return the fitted trees as arrays."""
        model = TreeModel(None, self.n_classes, boosted=True)
        outputs = self.n_classes if self.n_classes > 2 else 1
        nodes = _read_trees(self.booster.model_to_string())
        model.take_boosted(list(nodes), self.n_features_in_, (0.0,) * outputs, self.units, double=True)
        return model

    def _known(self, held: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
        """Mask of the validation rows whose class occurs in the training rows; all rows if no class does.

        The loss of other classes only rises during training.
        """
        known = np.isin(held, y) if self.n_classes else np.ones(len(held), dtype=np.bool_)
        return known if known.any() else ~known

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict numbers, shape (n,)."""
        return self.units.back(self.booster.predict(X))

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict probabilities, shape (n, n_classes)."""
        return probabilities(self.booster.predict(X, raw_score=True).reshape(len(X), -1))


def _least_of_a_level(rows: int) -> int:
    """Smallest number of rows of a separable level: LightGBM's 100 from 20,000 rows on, fewer in proportion.

    On small tables, 100 would exclude all levels.
    """
    return min(100, max(2, rows // 200))


def _stop_after(seconds: float) -> Any:
    """Return a callback that stops the training at a deadline and retains the round with the lowest validation loss."""
    from lightgbm.callback import EarlyStopException

    deadline = time.monotonic() + seconds
    best: list[Any] = []  # lowest loss, its round, and the evaluation results of the round

    def stop(env: Any) -> None:
        loss = env.evaluation_result_list[0][2]
        if not best or loss < best[0]:
            best[:] = [loss, env.iteration, env.evaluation_result_list]
        if time.monotonic() > deadline:
            raise EarlyStopException(*best[1:])

    return stop


def _read_trees(text: str) -> Iterator[Nodes]:
    """Yield the trees of a model text (`Booster.model_to_string`), round after round."""
    head, _, _ = text.partition("end of trees")
    for block in head.split("\nTree=")[1:]:
        yield _nodes(dict(line.partition("=")[::2] for line in block.split("\n")))


def _nodes(tree: dict[str, str]) -> Nodes:
    splits = int(tree["num_leaves"]) - 1
    value = np.concatenate([np.zeros(splits), _reals(tree["leaf_value"])])[:, None]
    count = 2 * splits + 1
    left, right, feature, kind = (np.full(count, -1), np.full(count, -1), *np.zeros((2, count), dtype=np.int64))
    threshold = np.zeros(count)
    if not splits:
        return Nodes(left, right, feature, threshold, feature, value)
    for name, child in (("left_child", left), ("right_child", right)):
        found = _whole(tree[name])
        child[:splits] = np.where(found < 0, splits + ~found, found)  # leaf i is written as ~i
    feature[:splits], kind[:splits] = _whole(tree["split_feature"]), _whole(tree["decision_type"])
    threshold[:splits] = _reals(tree["threshold"])
    # without missing values in a column of the training rows, a missing value counts as 0
    missing_left = np.where(kind & _MISSING_NAN, kind & _DEFAULT_LEFT, threshold >= 0) > 0
    categorical = np.flatnonzero(kind & _CATEGORICAL)
    missing_left[categorical] = False
    sets = _sets(tree, threshold[categorical].astype(np.int64)) if len(categorical) else ()
    return Nodes(
        left, right, feature, threshold, missing_left, value, dict(zip(categorical.tolist(), sets, strict=True))
    )


def _sets(tree: dict[str, str], which: NDArray[np.int64]) -> list[list[int]]:
    """Level codes of the sets: set i is a bitset in the 32-bit words from boundary i to boundary i + 1."""
    bounds = _whole(tree["cat_boundaries"])
    words = np.array(tree["cat_threshold"].split(" "), dtype="<u4")
    parts = (words[bounds[one] : bounds[one + 1]] for one in which)
    return [np.flatnonzero(np.unpackbits(part.view(np.uint8), bitorder="little")).tolist() for part in parts]


def _whole(text: str) -> NDArray[Any]:
    return np.array(text.split(" "), dtype=np.int64)


def _reals(text: str) -> NDArray[np.float64]:
    return np.array(text.split(" "), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class LightGBM:
    """Leaf-wise boosting with native categories.

    Defaults: the tuned defaults of Holzmüller, Grinsztajn and Steinwart 2024 ("Better by default"), with a shorter
    patience. Search space: TabArena 2025.
    """

    name: str = "lightgbm"
    diet: Diet = "codes"
    quantiles: bool = True

    def space(self, task: Task) -> Space:
        """Learning rate, tree size, sampling, penalties and the treatment of categories."""
        classes = task != "regression"
        return Space(
            learning_rate=Float(5e-3, 0.2, log=True, default=0.04 if classes else 0.05),
            num_leaves=Int(2, 200, log=True, default=50 if classes else 100),
            min_data_in_leaf=Int(1, 64, log=True, default=40 if classes else 3),
            bagging_fraction=Float(0.5, 1.0, default=0.75 if classes else 0.7),
            feature_fraction=Float(0.4, 1.0, default=1.0),
            lambda_l1=Float(1e-5, 1.0, log=True, default=1e-5),
            lambda_l2=Float(1e-5, 4.0, log=True, default=1e-5),
            cat_l2=Float(0.1, 50.0, log=True, default=10.0),
            cat_smooth=Float(0.1, 100.0, log=True, default=10.0),
            max_cat_to_onehot=Int(4, 128, log=True, default=4),
        )

    def build(self, config: dict[str, Any], job: Job) -> Booster:
        """Return an unfitted booster; its rounds come from the configuration, or from early stopping."""
        settings = dict(config)
        rate = settings["learning_rate"]
        rounds = settings.pop("rounds", None) or most_rounds(rate)
        parameters = {
            **settings,
            "objective": _OBJECTIVES[job.task],
            "num_threads": job.threads,
            "seed": job.seed,
            "bagging_freq": 1,
            "min_sum_hessian_in_leaf": 1e-7,
            "deterministic": True,  # the same trees for any number of threads
            "force_row_wise": True,
            "verbosity": -1,
        }
        if job.n_classes:
            parameters["max_delta_step"] = LEAF_STEP
        if job.many:
            parameters["max_cat_threshold"] = _MOST_TOGETHER
        if job.quantile is not None:
            least = max(settings["min_data_in_leaf"], rows_to_know(job.quantile))
            parameters |= {"objective": "quantile", "alpha": job.quantile, "min_data_in_leaf": least}
        if job.task == "multiclass":
            parameters["num_class"] = job.n_classes
        return Booster(parameters, rounds, patience(rate), job.n_classes, job.categorical)

    def fit(
        self,
        estimator: Booster,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None = None,
        weights: Weights | None = None,
    ) -> int | None:
        """Fit on (X, y) and monitor the loss of the validation rows; returns the best round."""
        estimator.fit(*train, valid, seconds, weights)
        return None if valid is None else max(1, int(estimator.booster.best_iteration))

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:
        """Return the configuration with a fixed number of rounds."""
        return config if rounds is None else {**config, "rounds": rounds}

    def dump(self, estimator: Booster | TreeModel) -> bytes:
        """Serialise the trees as arrays."""
        return tree_file.dump(estimator if isinstance(estimator, TreeModel) else estimator.trees())

    def load(self, data: bytes) -> TreeModel:
        """Deserialise arrays after a check."""
        return tree_file.load(data, boosted=True)
