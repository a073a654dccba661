"""AutoClassifier and AutoRegressor."""

from __future__ import annotations

import importlib
import logging
import time
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from seasoned.errors import InvalidInput
from seasoned.execution.resources import cpu_count, parse_memory
from seasoned.knowledge.places import places
from seasoned.tabular import archive
from seasoned.tabular.budget import Budget
from seasoned.tabular.features.made import choose_steps
from seasoned.tabular.fit import fit_table, seed_of
from seasoned.tabular.given_again import judging
from seasoned.tabular.leaderboard import failures, leaderboard
from seasoned.tabular.metrics import to_plain
from seasoned.tabular.refitting import refit_table
from seasoned.tabular.replay import sample
from seasoned.tabular.roles import read_roles, read_weights
from seasoned.tabular.settings import SearchSettings, check_number
from seasoned.tabular.stopping import Stop
from seasoned.tabular.suspicions import warn_of_order
from seasoned.tabular.tables import has_names, to_frame
from seasoned.tabular.target import encode, read_numbers, read_target

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.fitted import Fitted

__all__ = ["AutoClassifier", "AutoRegressor"]

logger = logging.getLogger("seasoned.tabular")


class _Auto(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """What classifier and regressor share; see these."""

    _kind: ClassVar[Literal["classification", "regression"]]

    def __init__(
        self,
        metric: Any = None,
        *,
        time_limit: float | None = 300,
        trials: int | None = None,
        memory_limit: int | str | None = None,
        workers: int | None = None,
        validation: Any = None,
        experience: str | None = "default",
        search: SearchSettings | None = None,
        random_state: Any = None,
    ) -> None:
        self.metric = metric
        self.time_limit = time_limit
        self.trials = trials
        self.memory_limit = memory_limit
        self.workers = workers
        self.validation = validation
        self.experience = experience
        self.search = search
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None, resume: bool = False) -> Self:
        """Search, then fit the best model on all rows; ends within the time limit.

        Ctrl-C, a notebook's interrupt and SIGTERM end it within 3 seconds, with the best model so far; `stopped_by_`
        tells which came, and the finished trials stay for `resume`. A second one gives up.

        Args:
            X: The features: pandas or polars frame, pyarrow table, 2-D array, or list of dicts.
            y: The target, a value a row; rows where it is missing are left out.
            sample_weight: How much each row counts: in models, early stopping, metric and ensemble. The scale does not
                matter; rows of weight 0 are left out. What takes no weights is named in the log.
            groups: Which rows belong together, such as those of one customer: a value a row. No group is on both sides
                of a fold; a scikit-learn splitter given as `validation` gets them.
            resume: Go on with a run of the same data, target and settings that was killed. Its finished trials count,
                and the time limit starts anew.

        Raises:
            InvalidInput: If the table, the target or a parameter breaks a rule; the sentence says which.
        """
        started, stop = time.monotonic(), Stop()
        with stop.listening():  # from the first moment, for what comes before the search can take seconds
            self._fit(X, y, (sample_weight, groups), started, stop, resume=resume)
        self.stopped_by_ = stop.name
        return self

    def _fit(self, X: Any, y: Any, roles_given: tuple[Any, Any], started: float, stop: Stop, *, resume: bool) -> None:
        self._check_parameters()
        frame = to_frame(X)
        warn_of_order(X, y)
        if frame.shape[1] == 0:
            raise InvalidInput(f"X has 0 feature(s) (shape=({len(frame)}, 0)) while a minimum of 1 is required.")
        roles = read_roles(*roles_given, len(frame))
        target = read_target(y, self._kind, roles.counted)
        _check_lengths(len(frame), len(target.kept))
        frame = frame[target.kept].reset_index(drop=True)
        budget = replace(self._budget(started), stop=stop)
        fitted = fit_table(
            frame, target, roles.of(target.kept), self._settings(), budget, resume=resume, experience=self.experience
        )
        self.n_features_in_ = frame.shape[1]
        self.feature_names_in_ = np.array(frame.columns, dtype=object)
        self.restore(fitted, sample(frame, fitted.plan.schema))

    def restore(self, fitted: Fitted, rows: pd.DataFrame | None = None) -> None:
        """Take the state of a finished fit, as `load` does.

        Args:
            fitted: What was fitted.
            rows: Up to 20 rows that a bundle keeps, so that a load under other versions can compare predictions.
        """
        names = [column.name for column in fitted.plan.schema.columns]
        self.fitted_ = fitted
        self.rows_ = rows
        self.stopped_by_ = None
        self.n_features_in_ = len(names)
        self.feature_names_in_ = np.array(names, dtype=object)

    def refit(self, X: Any, y: Any, *, sample_weight: Any = None) -> Self:
        """Fit the same models on other rows, such as all that there are by now, without a search.

        Settings, rounds and weights of the models stay, and so do thresholds, calibration and what is known of
        validation, which the search found. Columns are read as `fit` read them. `fit` itself ends with a fit on all of
        its rows. It takes `time_limit` at most; a model that is not ready by then is left out.

        Args:
            X: The features; all columns of `fit` must be there.
            y: The target, of the same classes.
            sample_weight: How much each row counts.

        Raises:
            InvalidInput: If the rows do not fit the model.
        """
        started = time.monotonic()
        fitted, frame = self._checked(X)
        roles = read_roles(sample_weight, None, len(frame))
        target = read_target(y, self._kind, roles.counted)
        _check_lengths(len(frame), len(target.kept))
        frame = frame[target.kept].reset_index(drop=True)
        seed, budget = seed_of(self.random_state), self._budget(started)
        again = refit_table(fitted, frame, target, roles.of(target.kept), seed, budget)
        self.restore(again, sample(frame, fitted.plan.schema))
        return self

    def explain(
        self,
        X: Any,
        y: Any = None,
        *,
        method: Literal["permutation", "shap"] = "permutation",
        background: Any = None,
        repeats: int | None = None,
        seconds: float | None = 60.0,
    ) -> pd.DataFrame:
        """How much each column helps: the loss that shuffling it adds, or how far it moves each row (Shapley values).

        Args:
            X: Rows that the model has not seen. On rows of the fit "permutation" tells what was memorised, too.
            y: Their target, for "permutation".
            method: Which of the two.
            background: Rows that stand for what is usual, for "shap"; those of X if None.
            repeats: Shuffles of each column, each on a part of the rows of its own (10); with "shap" the rows of the
                background that each row is compared with (50).
            seconds: Stop after this time, with fewer repeats, columns or rows; None for no limit.

        Returns:
            "permutation": the most important column first: column, importance, low, high (95 %), p, repeats. "shap": a
            line a row (of more than two classes, a row and class) and a column for each of the table's, which with
            `attrs["base"]` sum to the prediction (of two classes, that of the metric's positive one).

        Raises:
            InvalidInput: If X and y do not fit, repeats is too small, or the method is unknown.
        """
        self._checked(X)
        if method not in {"permutation", "shap"}:
            raise InvalidInput(f"method is {method!r}; use 'permutation' or 'shap'.")
        # As in `report`: that room stands above this one, so it is called by name.
        if method == "shap":
            shap = importlib.import_module("seasoned.report.shapley").shap
            values: pd.DataFrame = shap(self, X, background, repeats=repeats, seconds=seconds)
            return values
        if y is None:
            raise InvalidInput("y is None; pass the rows' target, or method='shap', which needs none.")
        table: pd.DataFrame = importlib.import_module("seasoned.report.explaining").explain(
            self, X, y, repeats=10 if repeats is None else repeats, seconds=seconds
        )
        return table

    def leaderboard(self) -> pd.DataFrame:
        """What was tried, the best first: rank, model, score in its usual sign, seconds, state, configuration.

        `attrs["finish"]` holds sentences on calibration and decision. Scores are those of each trial alone, without
        them; of f1 and other metrics of labels in two classes, at the trial's best threshold.
        """
        check_is_fitted(self)
        return leaderboard(self.fitted_)

    def failures(self) -> pd.DataFrame:
        """The trials that failed: number, model, seconds, error, configuration."""
        check_is_fitted(self)
        return failures(self.fitted_)

    def report(
        self, path: str | Path, X: Any = None, y: Any = None, *, unseen: bool = True, sample_weight: Any = None
    ) -> Path:
        """Write one self-contained HTML file about this model: what was tried, what predicts, and how well.

        Args:
            path: The file to write; an existing one is replaced.
            X: Rows to judge the model on, best such that it has not seen.
            y: The target of these rows.
            unseen: Whether the model has not seen these rows; those of its fit only tell which columns matter.
            sample_weight: How much each of these rows counts; the same if None.

        Raises:
            InvalidInput: If only one of X and y is given, or they do not fit the model.
        """
        # The report's room stands above this one, so it is called by name: a method for the user, no dependency.
        write = importlib.import_module("seasoned.report").report
        written: Path = write(self, path, X, y, unseen=unseen, sample_weight=sample_weight)
        return written

    def save(self, path: str | Path, *, key: bytes | str | None = None) -> None:
        """Write everything that prediction needs into one file without pickle; `seasoned.load` reads it.

        Args:
            path: The file; an existing one is replaced in one step.
            key: A secret that signs the file, so that `load` with the same key refuses one that was tampered with. It
                does not encrypt: the file holds column names, levels, up to 20 rows, and for the report the targets
                and predictions (no features) of up to 2,000 rows in plain.

        Raises:
            InvalidInput: If the key is empty or no bytes or text, or a model is the user's own and cannot be saved.
        """
        check_is_fitted(self)
        given = {**self.get_params(deep=False), "metric": to_plain(self.metric)}
        parameters = {name: value for name, value in given.items() if _is_plain(value)}
        about = {"estimator": type(self).__name__, "parameters": parameters}
        archive.write(self.fitted_, self.rows_, about, Path(path), key)

    def _score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        fitted, frame = self._checked(X)
        codes = self._codes(y)
        _check_lengths(len(frame), len(codes))
        if not len(codes):
            raise InvalidInput("X and y have 0 rows, of which there is no score; pass at least 1.")
        weights = None if sample_weight is None else read_weights(sample_weight, len(codes))
        return -judging(self).loss(codes, fitted.predict(frame), weights)

    def _predict(self, X: Any) -> NDArray[np.float64]:
        """Probabilities or numbers. Columns without names are told apart by place, so there must be just as many."""
        fitted, frame = self._checked(X)
        return fitted.predict(frame)

    def _checked(self, X: Any) -> tuple[Fitted, pd.DataFrame]:
        """What was fitted, and X as a frame that has as many columns as it needs."""
        check_is_fitted(self)
        fitted: Fitted = self.fitted_
        frame = to_frame(X)
        if not has_names(X) and frame.shape[1] != self.n_features_in_:
            raise InvalidInput(
                f"X has {frame.shape[1]} features, but {type(self).__name__} is expecting {self.n_features_in_} "
                "features as input; pass the columns that fit saw, in their order."
            )
        return fitted, frame

    def _codes(self, y: Any) -> NDArray[Any]:
        return read_numbers(y)

    def _check_parameters(self) -> None:
        check_number("time_limit", self.time_limit, Real, "a number of seconds, or None for no limit")
        check_number("trials", self.trials, Real, "a whole number above 0, or None")
        check_number("workers", self.workers, Real, "a whole number above 0, or None for one a core")
        if self.time_limit is None and self.trials is None:
            raise InvalidInput("time_limit and trials are both None; give one of them, or the search never ends.")
        if self.time_limit is not None and not self.time_limit > 0:
            raise InvalidInput(f"time_limit is {self.time_limit}; it is in seconds and must be above 0.")
        if self.trials is not None and (self.trials != int(self.trials) or self.trials < 1):
            raise InvalidInput(f"trials is {self.trials!r}; it must be a whole number above 0, or None.")
        places(self.experience)  # refuses what it does not know
        if self.search is not None and not isinstance(self.search, SearchSettings):
            raise InvalidInput(f"search is {self.search!r}; pass SearchSettings(...) or None.")

    def _settings(self) -> dict[str, Any]:
        search = SearchSettings() if self.search is None else self.search
        return {
            "metric": self.metric,
            "models": search.models,
            "features": list(choose_steps(search.features)),
            "folds": search.folds,
            "calibrate": search.calibrate,
            "predict_limit": search.predict_limit,
            "validation": self.validation,
            "random_state": self.random_state,
        }

    def _budget(self, started: float) -> Budget:
        cores = cpu_count()
        workers = cores if self.workers is None else min(int(self.workers), cores)
        if workers < 1:
            raise InvalidInput(f"workers is {self.workers}; it must be at least 1.")
        seconds = 1e9 if self.time_limit is None else float(self.time_limit)
        most = (SearchSettings() if self.search is None else self.search).ensemble
        memory = None if self.memory_limit is None else parse_memory(self.memory_limit)
        budget = Budget(started + seconds, seconds, self.trials, workers, memory, most)
        budget.check_memory()
        return budget

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def _check_lengths(rows: int, targets: int) -> None:
    if rows != targets:
        raise InvalidInput(
            f"X has {rows} rows and y has {targets}: inconsistent numbers of samples; pass one target a row."
        )


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | dict)


class AutoClassifier(ClassifierMixin, _Auto):  # type: ignore[misc]  # scikit-learn is untyped
    """Give it a table and classes; it prepares the columns, tunes model families and keeps the best.

    Args:
        metric: What to optimise: roc_auc, log_loss, accuracy, balanced_accuracy, f1, average_precision, brier or
            another name of scikit-learn's; a scorer; a function of labels (y, predicted); or a `Metric`, which also
            names the positive class, or the costs of errors. By default roc_auc for two classes and log_loss for more.
            f1, balanced_accuracy, matthews and kappa choose the threshold of `predict`, too.
        time_limit: Seconds that `fit` may take, all included.
        trials: Number of configurations to try. With it and `random_state` the result does not depend on time, as long
            as the time limit is not reached first.
        memory_limit: Bytes, or text such as "8GB", for this process and its workers together. What is free of it is
            divided among the workers; a trial that takes more than its share is killed, and fails.
        workers: Trials at the same time; one a core by default, never more.
        validation: Number of folds; the name of the column that tells the time, so that what is validated comes after
            what it was learned from; a scikit-learn splitter; or (train, validation) pairs of row indices or masks, one
            of them for a fixed holdout. With `groups` in `fit` no group is on both sides of a fold. By default 5
            stratified folds, 3 above 20,000 rows, one held-out fifth above 100,000; fewer where the time limit is
            too short for a boosted model in each fold.
        experience: What past fits teach: "default" (what ships and the user's own store, to which this fit is added:
            meta-features, configurations, scores and seconds, never rows), "shipped" (nothing is added), a database URL
            in the place of the own store, or None to start cold. `SEASONED_EXPERIENCE` says what "default" is.
        search: Which families may be tried.
        random_state: An int for the same result again, with the same experience; a numpy Generator or RandomState; or
            None. The own store grows with every fit: where the result must be the same, use `experience=None` or
            `"shipped"`.

    Attributes:
        classes_: The labels, sorted; the columns of `predict_proba`.
        n_features_in_, feature_names_in_: The columns seen by `fit`.
        stopped_by_: "SIGINT" or "SIGTERM" if that ended `fit` early, else None.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True, as_frame=True)
        >>> clf = AutoClassifier(time_limit=20, trials=4, random_state=0).fit(X, y)  # doctest: +SKIP
        >>> clf.predict(X[:2])  # doctest: +SKIP
        array([0, 0])
    """

    _kind = "classification"

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, sorted."""
        check_is_fitted(self)
        classes: NDArray[Any] = self.fitted_.classes
        return classes

    def predict(self, X: Any) -> NDArray[Any]:
        """The label of each row, shape (n,): the most probable one, or what the metric's threshold or costs ask for."""
        p = self.predict_proba(X)  # first, for it asks whether there is anything fitted
        found: NDArray[Any] = self.classes_[self.fitted_.finish.codes(p)]
        return found

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities, shape (n, classes), in the order of `classes_`."""
        return self._predict(X)

    def predict_set(self, X: Any, coverage: float = 0.9) -> NDArray[np.bool_]:
        """Which labels each row may have, shape (n, classes) in the order of `classes_`, by conformal prediction.

        The true label is in a row's set with about the probability asked for, over rows like those of the fit; sure
        rows have one label, others several.

        Args:
            X: The rows.
            coverage: Share of rows whose true label is to be in the set.

        Raises:
            InvalidInput: If X does not fit, or too few rows were validated for this coverage.
        """
        fitted, frame = self._checked(X)
        return fitted.sets(frame, coverage)

    def score(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> float:  # here, for scikit-learn's mixin comes before what both classes share
        """The metric on these rows; errors (log_loss ...) are negated, so that more is better.

        After `load`, a metric that is a function has to be given again: `set_params(metric=...)`.
        """
        return self._score(X, y, sample_weight)

    def _codes(self, y: Any) -> NDArray[Any]:
        return encode(y, self.classes_)


class AutoRegressor(RegressorMixin, _Auto):  # type: ignore[misc]  # scikit-learn is untyped
    """Give it a table and a number to predict; it prepares the columns, tunes model families and keeps the best.

    Args:
        metric: What to optimise: rmse (default), mae, r2, median_ae, mape, rmsle, quantile@0.9 or another name of
            scikit-learn's; a scorer; a function (y, predicted); or a `Metric`.
        time_limit: Seconds that `fit` may take, all included.
        trials: Number of configurations to try. With it and `random_state` the result does not depend on time, as long
            as the time limit is not reached first.
        memory_limit: Bytes, or text such as "8GB", for this process and its workers together. What is free of it is
            divided among the workers; a trial that takes more than its share is killed, and fails.
        workers: Trials at the same time; one a core by default, never more.
        validation: Number of folds; the name of the column that tells the time, so that what is validated comes after
            what it was learned from; a scikit-learn splitter; or (train, validation) pairs of row indices or masks, one
            of them for a fixed holdout. With `groups` in `fit` no group is on both sides of a fold. By default 5
            folds, 3 above 20,000 rows, one held-out fifth above 100,000; fewer where the time limit is too short for
            a boosted model in each fold.
        experience: What past fits teach: "default" (what ships and the user's own store, to which this fit is added:
            meta-features, configurations, scores and seconds, never rows), "shipped" (nothing is added), a database URL
            in the place of the own store, or None to start cold. `SEASONED_EXPERIENCE` says what "default" is.
        search: Which families may be tried.
        random_state: An int for the same result again, with the same experience; a numpy Generator or RandomState; or
            None. The own store grows with every fit: where the result must be the same, use `experience=None` or
            `"shipped"`.

    Attributes:
        n_features_in_, feature_names_in_: The columns seen by `fit`.
        stopped_by_: "SIGINT" or "SIGTERM" if that ended `fit` early, else None.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> AutoRegressor(time_limit=20).fit(X, y).predict(X[:2]).shape  # doctest: +SKIP
        (2,)
    """

    _kind = "regression"

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predicted numbers, shape (n,)."""
        return self._predict(X)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> NDArray[np.float64]:
        """Lower and upper bounds, shape (n, 2), by conformal prediction: half of the misses on either side.

        The truth lies between them with about the probability asked for, over rows like those of the fit. Where the
        size of the errors depends on the row, so does the width.

        Args:
            X: The rows.
            coverage: Share of rows whose truth is to lie inside.

        Raises:
            InvalidInput: If X does not fit, or too few rows were validated for this coverage.
        """
        fitted, frame = self._checked(X)
        return fitted.intervals(frame, coverage)

    def score(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> float:  # here, for scikit-learn's mixin comes before what both classes share
        """The metric on these rows; errors (rmse, mae ...) are negated, so that more is better.

        After `load`, a metric that is a function has to be given again: `set_params(metric=...)`.
        """
        return self._score(X, y, sample_weight)
