"""LightGBM."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.space import Float, Int, Space
from seasoned.tabular.models._common.boosting_rounds import STEP, most_rounds, patience
from seasoned.tabular.models._common.histogram_bins import bins
from seasoned.tabular.models._common.quantile_regression import rows_to_know
from seasoned.tabular.models._common.target_scaling import PLAIN, Units
from seasoned.tabular.safe_files.lightgbm_text import as_regression, check_text, without_appendix

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["Booster", "LightGBM"]

_OBJECTIVES = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}
_MOST_TOGETHER = 4  # levels that a split sets apart, where some column has very many: with 32 it fits any noise


@dataclass(slots=True)
class Booster:
    """A LightGBM booster behind scikit-learn's `predict` and `predict_proba`.

    The native training call, because the sklearn wrapper cannot keep a class that is missing from a fold.

    Attributes:
        parameters: LightGBM's own parameters.
        rounds: Rounds to train, or the most when validation rows stop it early.
        patience: Rounds without a lower validation loss after which it stops early.
        n_classes: Number of classes; 0 for regression.
        categorical: Columns that hold level codes.
        units: Units of the target in which it learns.
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
        """All class codes, seen or not."""
        return np.arange(self.n_classes)

    @property
    def n_features_in_(self) -> int:
        """Columns that it was fitted on."""
        return int(self.booster.num_feature())

    def fit(
        self,
        X: NDArray[np.float64],
        y: NDArray[Any],
        valid: tuple[Any, Any] | None,
        seconds: float | None,
        weights: Weights | None = None,
    ) -> None:
        """Train; with validation rows, stop when their loss falls no more (see `patience`) and keep the best round."""
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
        if parameters["objective"] != "quantile":  # whose leaves are large on purpose
            parameters["min_data_in_leaf"] = min(parameters.get("min_data_in_leaf", 20), max(1, len(X) // 4))
        if parameters.get("bagging_fraction", 1.0) * len(X) < 1:  # of so few rows it would take none, and fail
            parameters = {**parameters, "bagging_fraction": 1.0}
        self.booster = lightgbm.train(parameters, data, self.rounds, valid_sets=watched, callbacks=stop)

    def _known(self, held: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
        """Validation rows whose class is among the training rows, as the others' loss only rises; all if none is."""
        known = np.isin(held, y) if self.n_classes else np.ones(len(held), dtype=np.bool_)
        return known if known.any() else ~known

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raw output: numbers (n,), probability of the second class (n,), or of all classes (n, classes)."""
        return self.units.back(self.booster.predict(X))

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities, shape (n, n_classes)."""
        raw = self.predict(X)
        return np.column_stack([1.0 - raw, raw]) if self.n_classes == 2 else raw


def _least_of_a_level(rows: int) -> int:
    """Rows that a level must have to be set apart: LightGBM's 100 where there are 20,000, fewer in proportion.

    On tables of 5,000 rows 10 give the same loss as 100; on smaller ones, 100 would leave all levels out.
    """
    return min(100, max(2, rows // 200))


def _stop_after(seconds: float) -> Any:
    """A callback that ends the training when the time is up, keeping the round of the smallest validation loss."""
    from lightgbm.callback import EarlyStopException

    deadline = time.monotonic() + seconds
    best: list[Any] = []  # the smallest loss, its round, and what LightGBM found there

    def stop(env: Any) -> None:
        loss = env.evaluation_result_list[0][2]
        if not best or loss < best[0]:
            best[:] = [loss, env.iteration, env.evaluation_result_list]
        if time.monotonic() > deadline:
            raise EarlyStopException(*best[1:])

    return stop


@dataclass(frozen=True, slots=True)
class LightGBM:
    """Leaf-wise boosting with native categories.

    Defaults: the tuned defaults of Holzmüller, Grinsztajn and Steinwart 2024 ("Better by default"), with a shorter
    patience. Search space: the one of TabArena 2025.
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
        """Rounds are fixed where the configuration has them, and stopped early otherwise."""
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
            parameters["max_delta_step"] = STEP
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
        """Fit on (X, y), watching the loss of the validation rows; returns the best round."""
        estimator.fit(*train, valid, seconds, weights)
        return None if valid is None else max(1, int(estimator.booster.best_iteration))

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:
        """The configuration with its rounds fixed."""
        return config if rounds is None else {**config, "rounds": rounds}

    def dump(self, estimator: Booster) -> bytes:
        """LightGBM's own text, which keeps every digit, after a line with the number of classes and the units."""
        text = as_regression(without_appendix(estimator.booster.model_to_string()))
        return f"{estimator.n_classes} {estimator.units.to_text()}\n{text}".encode()

    def load(self, data: bytes) -> Booster:
        """From LightGBM's own text, checked first."""
        import lightgbm

        try:
            head, _, text = data.decode("ascii").partition("\n")
            classes, _, written = head.partition(" ")
            n_classes = int(classes)
            units = Units.from_text(written, n_classes) if written else PLAIN  # older files have none
            check_text(text, n_classes)
            booster = lightgbm.Booster(model_str=text)
        except InvalidInput:
            raise
        except (ValueError, lightgbm.basic.LightGBMError) as error:
            raise InvalidInput(f"the LightGBM model in the file cannot be read ({error}); get another copy.") from error
        return Booster({}, booster.current_iteration(), 0, n_classes, units=units, booster=booster)
