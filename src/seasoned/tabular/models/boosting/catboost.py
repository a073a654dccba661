"""CatBoost, from the extra `boosters`."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned._util.optional_packages import require
from seasoned.errors import InvalidInput
from seasoned.space import Float, Int, Space
from seasoned.tabular.models._common.booster_settings import most_rounds, oblivious_bins, patience
from seasoned.tabular.models._common.target_scaling import PLAIN, Units
from seasoned.tabular.safe_files.catboost_cbm import check_model
from seasoned.tabular.safe_files.tree_structure import forged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["CatBoost", "CatBooster"]

_LOOKED_AT: Final = 100  # rows tested for equality before all rows
_LEAST_SAMPLED: Final = 30  # smallest number of rows with subsampling; CatBoost fails on a sample of one row or none
_LEAF_STEPS: Final = 10  # gradient steps to the weighted quantile of a leaf; CatBoost's exact leaves ignore weights

_LOSSES = {"binary": "Logloss", "multiclass": "MultiClass", "regression": "RMSE"}


@dataclass(slots=True)
class CatBooster:
    """CatBoost model with scikit-learn's `predict` and `predict_proba`.

    The model reads arrays, never frames. `FeaturesData` contains numbers as float32 and level codes as byte strings; a
    missing level is the level "-1". From an integer matrix, CatBoost would store all numbers as objects.

    Attributes:
        parameters: CatBoost's own parameters.
        n_classes: Number of classes; 0 for regression.
        categorical: Indices of the columns that contain level codes.
        seen: Class codes of the training rows; CatBoost supports no other classes.
        width: Number of columns after a fit.
        units: Scale of the target.
        booster: The fitted `catboost.CatBoost`, truncated at the best round.
    """

    parameters: dict[str, Any]
    n_classes: int
    categorical: tuple[int, ...] = ()
    seen: tuple[int, ...] = ()
    width: int = 0
    units: Units = PLAIN
    booster: Any = None

    @property
    def classes_(self) -> NDArray[np.int64]:
        """Class codes of the columns of `predict_proba`."""
        return np.array(self.seen if self.n_classes > 2 else range(self.n_classes), dtype=np.int64)

    @property
    def outputs(self) -> int:
        """Number of raw outputs per row."""
        return len(self.seen) if self.n_classes > 2 else 1

    def fit(
        self,
        X: NDArray[np.float64],
        y: NDArray[Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None,
        weights: Weights | None = None,
    ) -> None:
        """Train; with validation rows, stop early (see `patience`) and retain the best round."""
        library = require("catboost")
        self.width, self.units = X.shape[1], Units.of(y, self.n_classes)
        parameters = dict(self.parameters)
        if self.n_classes > 2:
            self.seen = tuple(np.unique(y).tolist())
            parameters["classes_count"] = len(self.seen)
        parameters["border_count"] = oblivious_bins(len(X), X.shape[1] * self.outputs) - 1
        if len(X) < _LEAST_SAMPLED:
            parameters["subsample"] = 1.0
        options: dict[str, Any] = {}
        weight, weight_valid = weights or (None, None)
        if _constant(X[:_LOOKED_AT]) and _constant(X):
            X, y, weight = _twice(X, y, weight)
            parameters["subsample"] = 1.0
        if weight is not None and str(parameters["loss_function"]).startswith("Quantile"):
            parameters |= {"leaf_estimation_method": "Gradient", "leaf_estimation_iterations": _LEAF_STEPS}
        if valid is not None and (known := self._known(valid[1])).any():
            parameters |= {
                "od_type": "Iter",
                "od_wait": patience(self.parameters["learning_rate"]),
                "use_best_model": True,
            }
            watched = self._features(valid[0][known]), self._places(valid[1][known])
            options["eval_set"] = library.Pool(*watched, weight=None if weight_valid is None else weight_valid[known])
        if valid is not None and seconds is not None:
            options["callbacks"] = [_StopAfter(time.monotonic() + seconds)]
        self.booster = library.CatBoost(parameters)
        self.booster.fit(library.Pool(self._features(X), self._places(y), weight=weight), **options)

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict numbers, shape (n,)."""
        return self.units.back(self._raw(X))

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict probabilities, shape (n, number of seen classes)."""
        raw = self._raw(X)
        if self.n_classes == 2:
            raw = np.column_stack([np.zeros(len(raw)), raw])
        shares = np.exp(raw - raw.max(axis=1, keepdims=True))
        found: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
        return found

    def _known(self, y: NDArray[Any]) -> NDArray[np.bool_]:
        """Mask of the rows whose class occurs in the training rows."""
        return np.isin(y, self.seen) if self.n_classes > 2 else np.ones(len(y), dtype=np.bool_)

    def _places(self, y: NDArray[Any]) -> NDArray[Any]:
        """Indices of class codes among the seen classes, or scaled numbers."""
        return np.searchsorted(self.seen, y) if self.n_classes > 2 else self.units.forward(y)

    def _raw(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        pool = require("catboost").Pool(self._features(X))
        raw = self.booster.predict(pool, prediction_type="RawFormulaVal", thread_count=1)
        return np.asarray(raw, dtype=np.float64)

    def _features(self, X: NDArray[np.float64]) -> Any:
        """Split the matrix into columns of numbers and columns of levels."""
        library = require("catboost")
        if X.shape[1] != self.width:
            raise InvalidInput(f"the matrix has {X.shape[1]} columns; the model was fitted on {self.width}.")
        levels = np.zeros(X.shape[1], dtype=np.bool_)
        levels[list(self.categorical)] = True
        parts: dict[str, Any] = {}
        if not levels.all():
            parts["num_feature_data"] = np.ascontiguousarray(X[:, ~levels], dtype=np.float32)
        if levels.any():
            parts["cat_feature_data"] = _as_bytes(np.nan_to_num(X[:, levels], nan=-1.0).astype(np.int64))
        return library.FeaturesData(**parts)


def _constant(X: NDArray[np.float64]) -> bool:
    """True if all rows are equal in single precision; CatBoost refuses to train on such rows."""
    narrow = X.astype(np.float32)
    return bool(((narrow == narrow[0]) | (np.isnan(narrow) & np.isnan(narrow[0]))).all())


def _twice(
    X: NDArray[np.float64], y: NDArray[Any], weight: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[Any], NDArray[np.float64] | None]:
    """Duplicate the rows, with another first value in the duplicates.

    No split has a gain on these rows, so that CatBoost learns a constant.
    """
    other = X.copy()
    # a valid level code, in case the first column is categorical
    other[:, 0] = np.where(X[:, 0] >= 0.0, np.floor(X[:, 0] / 2.0) - 1.0, 1.0)
    return np.vstack([X, other]), np.append(y, y), None if weight is None else np.append(weight, weight)


def _as_bytes(codes: NDArray[np.int64]) -> NDArray[np.object_]:
    """Convert level codes to byte strings; codes of a small range are formatted once each, which is much faster."""
    low, high = int(codes.min(initial=0)), int(codes.max(initial=0))
    if high - low > codes.size:
        return codes.astype("S").astype(object)
    words = np.array([b"%d" % code for code in range(low, high + 1)], dtype=object)
    return words[codes - low]


@dataclass(frozen=True, slots=True)
class _StopAfter:
    """Callback that stops the training at a deadline and retains the trained rounds."""

    deadline: float

    def after_iteration(self, info: Any) -> bool:  # noqa: ARG002 - CatBoost's signature
        """True to continue the training."""
        return time.monotonic() <= self.deadline


@dataclass(frozen=True, slots=True)
class CatBoost:
    """Boosting of oblivious trees, with target statistics of category levels and of their combinations.

    Defaults: the tuned defaults of Holzmüller, Grinsztajn and Steinwart 2024 ("Better by default"), with a shorter
    patience and one leaf estimation step. For squared error, one step reaches the mean of a leaf. Search space: around
    the defaults, as in TabArena 2025.
    """

    name: str = "catboost"
    diet: Diet = "codes"
    quantiles: bool = True
    splits_levels: bool = True

    def space(self, task: Task) -> Space:
        """Learning rate, depth, penalties, sampling, and the size limit of one-hot categories."""
        classes = task != "regression"
        return Space(
            learning_rate=Float(5e-3, 0.2, log=True, default=0.08 if classes else 0.09),
            depth=Int(3, 9, default=7 if classes else 9),
            l2_leaf_reg=Float(1e-5, 10.0, log=True, default=1e-5),
            random_strength=Float(0.0, 2.0, default=0.8 if classes else 0.0),
            subsample=Float(0.6, 1.0, default=0.9),
            one_hot_max_size=Int(2, 100, log=True, default=15 if classes else 20),
            leaf_estimation_iterations=Int(1, 20, log=True, default=1),
        )

    def build(self, config: dict[str, Any], job: Job) -> CatBooster:
        """Return an unfitted model; its rounds come from the configuration, or from early stopping."""
        settings = dict(config)
        parameters = {
            "iterations": settings.pop("rounds", None) or most_rounds(settings["learning_rate"]),
            **settings,
            "loss_function": _LOSSES[job.task],
            "bootstrap_type": "Bernoulli",
            "boosting_type": "Plain",
            "thread_count": job.threads,
            "random_seed": job.seed,
            "allow_const_label": True,  # a fold may contain one class only
            "allow_writing_files": False,
            "logging_level": "Silent",
        }
        if job.quantile is not None:  # exact leaf quantiles need one step; weighted fits replace them
            parameters |= {"loss_function": f"Quantile:alpha={job.quantile!r}", "leaf_estimation_iterations": 1}
        return CatBooster(parameters, job.n_classes, job.categorical)

    def fit(
        self,
        estimator: CatBooster,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None = None,
        weights: Weights | None = None,
    ) -> int | None:
        """Fit on (X, y) and monitor the loss of the validation rows; returns the best round."""
        estimator.fit(*train, valid, seconds, weights)
        return None if valid is None else max(1, int(estimator.booster.tree_count_))

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:
        """Return the configuration with a fixed number of rounds."""
        return config if rounds is None else {**config, "rounds": rounds}

    def dump(self, estimator: CatBooster) -> bytes:
        """Serialise as CatBoost's cbm (its JSON is not exact), after a line with the columns and the scale."""
        about = {
            "n_classes": estimator.n_classes,
            "width": estimator.width,
            "categorical": list(estimator.categorical),
            "seen": list(estimator.seen),
            "units": estimator.units.to_text(),
        }
        model: bytes = estimator.booster._serialize_model()  # noqa: SLF001 - the public way is through a file
        return json.dumps(about).encode() + b"\n" + model

    def load(self, data: bytes) -> CatBooster:
        """Deserialise CatBoost's cbm after a check."""
        head, _, model = data.partition(b"\n")
        estimator = _estimator(head)
        width, categorical = estimator.width, estimator.categorical
        check_model(model, width - len(categorical), len(categorical), estimator.outputs)
        library = require("catboost")
        estimator.booster = library.CatBoost()
        try:
            estimator.booster.load_model(blob=model)
        except (library.CatBoostError, ValueError, KeyError, TypeError) as error:
            raise InvalidInput(f"the CatBoost model in the file cannot be read ({error}); get another copy.") from error
        return estimator


def _estimator(head: bytes) -> CatBooster:
    """Parse the first line into an estimator without trees."""
    try:
        found = json.loads(head)
        n_classes, width, categorical, seen = (found[key] for key in ("n_classes", "width", "categorical", "seen"))
        units = Units.from_text(str(found["units"]), n_classes)
        whole = all(type(value) is int for value in (n_classes, width, *categorical, *seen))
    except (ValueError, KeyError, TypeError) as error:
        raise forged(f"no line with the columns ({error!r})") from error
    if not whole or n_classes < 0 or n_classes == 1 or categorical != sorted(set(categorical) & set(range(width))):
        raise forged("impossible columns")
    if seen != sorted(set(seen) & set(range(n_classes))) or (n_classes > 2) != bool(seen):
        raise forged("impossible classes")
    return CatBooster({}, n_classes, tuple(categorical), tuple(seen), width, units)
