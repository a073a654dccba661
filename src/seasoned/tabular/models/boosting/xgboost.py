"""XGBoost, from the extra `boosters`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.space import Float, Int, Space
from seasoned.tabular.models._common.boosting_rounds import STEP, most_rounds, patience
from seasoned.tabular.models._common.histogram_bins import bins
from seasoned.tabular.models._common.optional_packages import require
from seasoned.tabular.models._common.target_scaling import PLAIN, Units
from seasoned.tabular.safe_files.xgboost_ubjson import check_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["XGBoost", "XGBooster"]

_CELLS = 200_000  # of a matrix, for each thread; on small tables threads wait for each other longer than they work
_OBJECTIVES = {"binary": "binary:logistic", "multiclass": "multi:softprob", "regression": "reg:squarederror"}


@dataclass(slots=True)
class XGBooster:
    """An XGBoost booster behind scikit-learn's `predict` and `predict_proba`.

    The native training call on arrays: level codes travel as numbers in columns of the type "c", so no frame is needed.

    Attributes:
        parameters: XGBoost's own parameters.
        rounds: Rounds to train, or the most when validation rows stop it early.
        patience: Rounds without a lower validation loss after which it stops early.
        n_classes: Number of classes; 0 for regression.
        categorical: Columns that hold level codes.
        units: Units of the target in which it learns.
        booster: The fitted `xgboost.Booster`, cut to the best round.
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
        """All class codes, seen or not."""
        return np.arange(self.n_classes)

    def fit(
        self,
        X: NDArray[np.float64],
        y: NDArray[Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None,
        weights: Weights | None = None,
    ) -> None:
        """Train; with validation rows, stop when their loss falls no more (see `patience`) and keep the best round."""
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
        threads = min(self.parameters["nthread"], 1 + X.size // _CELLS)  # their number never changes the trees
        self.booster = library.train(
            {**self.parameters, "nthread": threads, "max_bin": most},
            data,
            self.rounds,
            evals=watched,
            callbacks=stop,
            verbose_eval=False,
        )

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raw output: numbers (n,), probability of the second class (n,), or of all classes (n, classes)."""
        return self.units.back(self.booster.inplace_predict(X.astype(np.float32), missing=np.nan).astype(np.float64))

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities, shape (n, n_classes)."""
        raw = self.predict(X)
        if self.n_classes == 2:
            return np.column_stack([1.0 - raw, raw])
        found: NDArray[np.float64] = raw / raw.sum(axis=1, keepdims=True)  # they sum to 1 in single precision only
        return found

    def _known(self, held: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
        """Which validation rows have a class that is among the training rows: the others' loss only ever rises."""
        return np.isin(held, y) if self.n_classes else np.ones(len(held), dtype=np.bool_)

    def _types(self, width: int) -> list[str]:
        return ["c" if index in self.categorical else "q" for index in range(width)]


def _stop_after(seconds: float) -> Any:
    """A callback that ends the training when the time is up, keeping the rounds trained."""
    deadline = time.monotonic() + seconds

    class StopAfter(require("xgboost").callback.TrainingCallback):  # type: ignore[misc]  # the package is optional
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002 - its signature
            return time.monotonic() > deadline

    return StopAfter()


@dataclass(frozen=True, slots=True)
class XGBoost:
    """Depth-wise boosting on histograms, with native categories.

    Defaults: the tuned defaults of Holzmüller, Grinsztajn and Steinwart 2024 ("Better by default"), with a shorter
    patience. Search space: around them, as in TabArena 2025.
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
        """Rounds are fixed where the configuration has them, and stopped early otherwise."""
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
            parameters["max_delta_step"] = STEP
        if job.quantile is not None:
            parameters |= {"objective": "reg:quantileerror", "quantile_alpha": job.quantile}
        if job.task == "multiclass":
            parameters["num_class"] = job.n_classes
        few = tuple(column for column in job.categorical if column not in job.many)  # of many the code is a quantity
        return XGBooster(parameters, rounds, patience(rate), job.n_classes, few)

    def fit(
        self,
        estimator: XGBooster,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None = None,
        weights: Weights | None = None,
    ) -> int | None:
        """Fit on (X, y), watching the loss of the validation rows; returns the best round."""
        estimator.fit(*train, valid, seconds, weights)
        return None if valid is None else int(estimator.booster.num_boosted_rounds())

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:
        """The configuration with its rounds fixed."""
        return config if rounds is None else {**config, "rounds": rounds}

    def dump(self, estimator: XGBooster) -> bytes:
        """XGBoost's own UBJSON, after a line with the units of a number."""
        head = b"" if estimator.n_classes else f"{estimator.units.to_text()}\n".encode()
        return head + bytes(estimator.booster.save_raw(raw_format="ubj"))

    def load(self, data: bytes) -> XGBooster:
        """From XGBoost's own UBJSON, checked first."""
        head = b""
        if not data.startswith(b"{"):  # models of classes, and older files, have no line before
            head, _, data = data.partition(b"\n")
        n_classes = check_model(data)
        units = Units.from_text(head.decode("latin-1"), n_classes) if head else PLAIN
        library = require("xgboost")
        try:
            booster = library.Booster(model_file=bytearray(data))
        except library.core.XGBoostError as error:
            raise InvalidInput(f"the XGBoost model in the file cannot be read ({error}); get another copy.") from error
        return XGBooster({}, booster.num_boosted_rounds(), 0, n_classes, units=units, booster=booster)
