"""XGBoost, from the extra `boosters`, and its trees as arrays.

Trees and base scores are read from the JSON of the booster. Reference: XGBoost's JSON schema,
https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned._util.optional_packages import require
from seasoned.space import Float, Int, Space
from seasoned.tabular.models._common.booster_settings import LEAF_STEP, bins, most_rounds, patience
from seasoned.tabular.models._common.target_scaling import PLAIN, Units
from seasoned.tabular.models.trees import tree_file
from seasoned.tabular.models.trees.tree_arrays import Nodes
from seasoned.tabular.models.trees.tree_ensemble import TreeModel, probabilities

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["XGBoost", "XGBooster"]

_CELLS = 200_000  # matrix cells per thread; on smaller tables, synchronisation takes longer than the work
_EPSILON = 2.0**-24  # distance from 1 of the next number in single precision, in which XGBoost stores probabilities
_OBJECTIVES = {"binary": "binary:logistic", "multiclass": "multi:softprob", "regression": "reg:squarederror"}


@dataclass(slots=True)
class XGBooster:
    """XGBoost booster with scikit-learn's `predict` and `predict_proba`.

    The booster uses the native training call on arrays. Level codes are numbers in columns of the type "c", without a
    frame.

    Attributes:
        parameters: XGBoost's own parameters.
        rounds: Number of rounds, or the largest number with early stopping.
        patience: Patience of early stopping: rounds without a lower validation loss.
        n_classes: Number of classes; 0 for regression.
        categorical: Indices of the columns that contain level codes.
        units: Scale of the target.
        booster: The fitted `xgboost.Booster`, truncated at the best round.
        base: Base score of each output.
    """

    parameters: dict[str, Any]
    rounds: int
    patience: int
    n_classes: int
    categorical: tuple[int, ...] = ()
    units: Units = PLAIN
    booster: Any = None
    base: tuple[float, ...] = ()

    @property
    def classes_(self) -> NDArray[np.int64]:
        """All class codes, including classes absent from the training rows."""
        return np.arange(self.n_classes)

    def fit(
        self,
        X: NDArray[np.float64],
        y: NDArray[Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None,
        weights: Weights | None = None,
    ) -> None:
        """Train; with validation rows, stop early (see `patience`) and retain the best round."""
        library = require("xgboost")
        most = bins(len(X))
        columns = {"feature_types": self._types(X.shape[1]), "enable_categorical": True, "nthread": 1, "max_bin": most}
        weight, weight_valid = weights or (None, None)
        self.units = Units.of(y, self.n_classes)
        data = library.QuantileDMatrix(X, self.units.forward(y), weight=weight, **columns)
        watched: list[Any] = []
        stop: list[Any] = []
        if valid is not None and (known := self._known(valid[1], y)).any():
            rows = valid[0][known], self.units.forward(valid[1][known])
            held = None if weight_valid is None else weight_valid[known]
            watched = [(library.QuantileDMatrix(*rows, weight=held, ref=data, **columns), "valid")]
            stop = [library.callback.EarlyStopping(rounds=self.patience, save_best=True)]
        if valid is not None and seconds is not None:
            stop.append(_stop_after(seconds))
        threads = min(self.parameters["nthread"], 1 + X.size // _CELLS)  # the number of threads never changes the trees
        self.booster = library.train(
            {**self.parameters, "nthread": threads, "max_bin": most},
            data,
            self.rounds,
            evals=watched,
            callbacks=stop,
            verbose_eval=False,
        )
        self.base = _base_scores(self.booster.save_config(), self.n_classes if self.n_classes > 2 else 1)

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict numbers, shape (n,)."""
        return self._sums(X)[:, 0] * self.units.spread + self.units.back(self.base[0])

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict probabilities, shape (n, n_classes)."""
        return probabilities(self._sums(X) + np.array(self.base))

    def _sums(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums of the leaves without the base scores, shape (n, outputs)."""
        rows, start = X.astype(np.float32), np.zeros((len(X), len(self.base)), dtype=np.float32)
        raw = self.booster.inplace_predict(rows, predict_type="margin", missing=np.nan, base_margin=start)
        return np.asarray(raw.reshape(start.shape), dtype=np.float64)

    def trees(self) -> TreeModel:
        """Return the fitted trees as arrays."""
        model = TreeModel(None, self.n_classes, boosted=True, single=True)
        nodes = _read_trees(bytes(self.booster.save_raw(raw_format="json")))
        model.take_boosted(nodes, self.booster.num_features(), self.base, self.units)
        return model

    def _known(self, held: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
        """Mask of the validation rows whose class occurs in the training rows; the loss of other classes only rises."""
        return np.isin(held, y) if self.n_classes else np.ones(len(held), dtype=np.bool_)

    def _types(self, width: int) -> list[str]:
        return ["c" if index in self.categorical else "q" for index in range(width)]


def _stop_after(seconds: float) -> Any:
    """Return a callback that stops the training at a deadline and retains the trained rounds."""
    deadline = time.monotonic() + seconds

    class StopAfter(require("xgboost").callback.TrainingCallback):  # type: ignore[misc]  # the package is optional
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002 - its signature
            return time.monotonic() > deadline

    return StopAfter()


def _base_scores(config: str, outputs: int) -> tuple[float, ...]:
    """Return the base score of each output before the sigmoid or softmax, from a booster's configuration."""
    learner = json.loads(config)["learner"]
    scores = [float(score) for score in learner["learner_model_param"]["base_score"].strip("[]").split(",")]
    if learner["objective"]["name"] == "binary:logistic":
        inside = (min(max(score, _EPSILON), 1.0 - _EPSILON) for score in scores)
        scores = [math.log(score) - math.log1p(-score) for score in inside]
    return tuple(scores) if len(scores) == outputs else tuple(scores) * outputs


def _read_trees(text: bytes) -> list[Nodes]:
    """Return the trees of a booster, round after round."""
    return [_nodes(tree) for tree in json.loads(text)["learner"]["gradient_booster"]["model"]["trees"]]


def _nodes(tree: dict[str, Any]) -> Nodes:
    """One tree: a number below the condition goes left, a level code of the set goes right (here: left)."""
    left, right = np.array(tree["left_children"]), np.array(tree["right_children"])
    condition = np.array(tree["split_conditions"], dtype=np.float32)
    missing_left = np.array(tree["default_left"]) != 0
    nodes = tree["categories_nodes"]
    starts, sizes = tree["categories_segments"], tree["categories_sizes"]
    sets = {
        node: tree["categories"][start : start + size] for node, start, size in zip(nodes, starts, sizes, strict=True)
    }
    left[nodes], right[nodes], missing_left[nodes] = right[nodes], left[nodes], ~missing_left[nodes]
    below = np.nextafter(condition, np.float32(-np.inf)).astype(np.float64)
    value = np.where(left < 0, condition, 0.0)  # a leaf's condition is its value
    return Nodes(left, right, np.array(tree["split_indices"]), below, missing_left, value[:, None], sets)


@dataclass(frozen=True, slots=True)
class XGBoost:
    """Depth-wise boosting on histograms, with native categories.

    Defaults: the tuned defaults of Holzmüller, Grinsztajn and Steinwart 2024 ("Better by default"), with a shorter
    patience. Search space: around the defaults, as in TabArena 2025.
    """

    name: str = "xgboost"
    diet: Diet = "codes"
    quantiles: bool = True

    def space(self, task: Task) -> Space:
        """Learning rate, tree size, sampling, penalties and the treatment of categories."""
        classes = task != "regression"
        return Space(
            eta=Float(5e-3, 0.3, log=True, default=0.08 if classes else 0.05),
            max_depth=Int(2, 12, default=6 if classes else 9),
            min_child_weight=Float(1e-6, 100.0, log=True, default=5e-6 if classes else 2.0),
            subsample=Float(0.5, 1.0, default=0.65 if classes else 0.7),
            colsample_bylevel=Float(0.4, 1.0, default=0.9 if classes else 1.0),
            reg_lambda=Float(1e-6, 10.0, log=True, default=1e-6),
            max_cat_to_onehot=Int(2, 100, log=True, default=8),
        )

    def build(self, config: dict[str, Any], job: Job) -> XGBooster:
        """Return an unfitted booster; its rounds come from the configuration, or from early stopping."""
        settings = dict(config)
        rate = settings["eta"]
        rounds = settings.pop("rounds", None) or most_rounds(rate)
        parameters = {
            **settings,
            "objective": _OBJECTIVES[job.task],
            "nthread": job.threads,
            "seed": job.seed,
            "tree_method": "hist",
            "verbosity": 0,
        }
        if job.n_classes:
            parameters["max_delta_step"] = LEAF_STEP
        if job.quantile is not None:
            parameters |= {"objective": "reg:quantileerror", "quantile_alpha": job.quantile}
        if job.task == "multiclass":
            parameters["num_class"] = job.n_classes
        # codes of many-level columns are used as numbers
        few = tuple(column for column in job.categorical if column not in job.many)
        return XGBooster(parameters, rounds, patience(rate), job.n_classes, few)

    def fit(
        self,
        estimator: XGBooster,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None = None,
        weights: Weights | None = None,
    ) -> int | None:
        """Fit on (X, y) and monitor the loss of the validation rows; returns the best round."""
        estimator.fit(*train, valid, seconds, weights)
        return None if valid is None else int(estimator.booster.num_boosted_rounds())

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:
        """Return the configuration with a fixed number of rounds."""
        return config if rounds is None else {**config, "rounds": rounds}

    def dump(self, estimator: XGBooster | TreeModel) -> bytes:
        """Serialise the trees as arrays."""
        return tree_file.dump(estimator if isinstance(estimator, TreeModel) else estimator.trees())

    def load(self, data: bytes) -> TreeModel:
        """Deserialise arrays after a check."""
        return tree_file.load(data, boosted=True)
