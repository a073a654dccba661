"""Base class of `AutoClassifier` and `AutoRegressor`."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from seasoned._util.equivalents import refuse_unknown
from seasoned._util.renderers import renderer
from seasoned.errors import InvalidInput
from seasoned.tabular.budget.callbacks import FitCallbacks
from seasoned.tabular.budget.interrupt import Stop
from seasoned.tabular.bundle import archive
from seasoned.tabular.bundle.parameters import describe_estimator, refuse_incomplete, warn_of_unsaved
from seasoned.tabular.bundle.replay_check import replay_sample
from seasoned.tabular.ensemble.single_member import ENSEMBLE, select_member
from seasoned.tabular.fit.arguments import read_features
from seasoned.tabular.fit.data_warnings import warn_of_order
from seasoned.tabular.fit.description import Table
from seasoned.tabular.fit.fit_table import FitRequest, fit_table
from seasoned.tabular.fit.leaderboard import HeldOut, failures, leaderboard
from seasoned.tabular.fit.parameters import budget_of, check_parameters, settings_of
from seasoned.tabular.fit.refit_table import refit_table
from seasoned.tabular.fit.restored_metric import with_metric
from seasoned.tabular.input.class_weights import by_class, is_by_class
from seasoned.tabular.input.frames import has_names, to_frame, to_series
from seasoned.tabular.input.random_state import seed_of
from seasoned.tabular.input.sample_roles import check_lengths, read_roles, read_weights
from seasoned.tabular.input.target import read_numbers, read_target
from seasoned.tabular.input.target_checks import check_target
from seasoned.tabular.postprocessing.out_of_fold import placed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.ensemble.fitted_model import Fitted
    from seasoned.tabular.input.sample_roles import Roles
    from seasoned.tabular.input.target import Target
    from seasoned.tabular.search.settings import SearchSettings

__all__ = ["TabularEstimator"]

logger = logging.getLogger("seasoned.tabular")


class TabularEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Base estimator: fit, report, explain, save. See the two subclasses for parameters and attributes."""

    _kind: ClassVar[Literal["classification", "regression"]]
    out_of_fold_: NDArray[np.floating] | None

    @refuse_unknown
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

    @refuse_unknown
    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        groups: Any = None,
        resume: bool = False,
        progress: bool | None = None,
        callbacks: Iterable[Callable[[dict[str, Any]], object]] = (),
        stop: Callable[[], bool] | None = None,
    ) -> Self:
        """Search for models and fit the best ones on all rows, within the time limit.

        Ctrl-C, SIGTERM and SIGHUP (a closed terminal) end the fit within 3 seconds once trials run, with the best model
        so far. `stopped_by_` names the signal, and finished trials stay for `resume`. A second signal aborts the fit.

        Args:
            X: The features: pandas or polars frame, pyarrow table, 2-D array, sparse matrix, list of dicts, or dict of
                lists.
            y: The target, one value per row. Rows without a target are left out.
            sample_weight: Weight of each row in models, early stopping, metric and ensemble. The scale does not matter;
                rows of weight 0 are left out. The log names models and metrics that take no weights. For classes also
                "balanced", which gives all classes the same total weight, or {label: weight}, where other labels have
                weight 1.
            groups: Group of each row, such as its customer: one value per row. No group is on both sides of a fold. A
                scikit-learn splitter as `validation` gets the groups. A time column and pairs of rows take precedence
                over groups.
            resume: Continue a run of the same data, target and settings that was killed or stopped, or that ended and
                can now have more time or trials. Its finished trials count, its folds stay, and the time limit starts
                anew.
            progress: Whether to show the first lines (`fit_summary_`), failed trials and one line about the search,
                every ten seconds without a terminal. None shows them on terminals and in notebooks.
            callbacks: Functions of an ended trial, as a dict: number, model, state, score (in the metric's usual sign),
                seconds, elapsed, error, config, and best (the best score so far). A callback that returns True ends the
                search with the best models so far. A callback that raises is not called again.
            stop: Function without arguments, called several times a second. Once it returns True, the fit ends as by
                Ctrl-C. It also works in a thread, where signals do not arrive.

        Raises:
            InvalidInput: If the table, the target or a parameter is invalid. The message states the rule.
            MissingExtra: If the package of a named family is not installed.
            StorageError: If the cache folder is full or not writable. SEASONED_CACHE sets another folder.
        """
        started, asked = time.monotonic(), Stop(stop)
        audience = FitCallbacks.of(progress, callbacks)
        with asked.listening():  # from the start, because work before the search can take seconds
            self._fit(X, y, (sample_weight, groups), (started, asked), audience, resume=resume)
        self.stopped_by_ = asked.name
        return self

    def _fit(
        self,
        X: Any,
        y: Any,
        roles_given: tuple[Any, Any],
        began: tuple[float, Stop],
        audience: FitCallbacks,
        *,
        resume: bool,
    ) -> None:
        check_parameters(self)
        refuse_incomplete(self)
        frame = read_features(X, y, *roles_given, self.validation)
        frame, target, roles = self._learned(frame, y, *roles_given)
        check_target(target, getattr(y, "name", None))
        budget, asked = replace(budget_of(self, began[0]), stop=began[1]), settings_of(self)
        request = FitRequest(resume, self.experience, audience)
        fitted = fit_table(Table(frame, target, roles), asked, budget, request)
        self.n_features_in_ = frame.shape[1]
        self.feature_names_in_ = np.array(frame.columns, dtype=object)
        told, fitted = fitted.out_of_fold, replace(fitted, out_of_fold=None)
        self.restore(fitted, replay_sample(frame, fitted.plan.schema), named=has_names(X))
        self.out_of_fold_ = None if told is None else placed(told, target.labelled)

    def restore(self, fitted: Fitted, rows: pd.DataFrame | None = None, *, named: bool = True) -> None:
        """Set the state of a finished fit, as `load` does.

        Args:
            fitted: The fitted model.
            rows: Up to 20 rows of a bundle, for the comparison of predictions under other package versions.
            named: Whether the columns of the fit had names. Columns of an array get generated names.
        """
        names = [column.name for column in fitted.plan.schema.columns]
        self.fitted_ = fitted
        self.fit_summary_ = fitted.fit_summary
        self.rows_ = rows
        self.stopped_by_ = None
        self.out_of_fold_ = None
        self.unsaved_: tuple[str, ...] = ()  # parameters that the loaded file could not hold
        self.decimal_: str | None = None  # "," if the training file had decimal commas
        self.encoding_: str | None = None  # encoding that the user set for that file
        self.named_ = named
        self.n_features_in_ = len(names)
        self.feature_names_in_ = np.array(names, dtype=object)

    def refit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        """Fit the same models on other rows, such as all rows available by now, without a search.

        Settings, rounds and weights of the models stay, and so do thresholds, calibration and validation results of the
        search. Columns are read as in `fit`. `fit` itself ends with a fit on all of its rows. `refit` takes at most
        `time_limit`; a model that is not ready by then is left out.

        Args:
            X: The features, with all columns of `fit`.
            y: The target, of the same classes.
            sample_weight: Weight of each row, as in `fit`.
            groups: Group of each row, as in `fit`; required if `fit` had groups.

        Raises:
            InvalidInput: If the rows do not fit the model, or `fit` had groups and none are passed.
        """
        started = time.monotonic()
        fitted, frame = self._checked(X)
        warn_of_order(X, y=y, sample_weight=sample_weight, groups=groups)
        if fitted.grouped and groups is None:
            raise InvalidInput(
                "the model was found with groups, and groups is None; pass the rows' groups, or a number of its own "
                "for each row."
            )
        if fitted.weighted and sample_weight is None:
            logger.warning("the model was found with weights of rows, and none are given now: all rows count the same.")
        frame, target, roles = self._learned(frame, y, sample_weight, groups, classes=fitted.classes)
        unsaved, stacked = self.unsaved_, any(member.base_configurations for member in fitted.members)
        if stacked and "validation" in unsaved and self.validation is None:
            logger.warning(
                "the file of this model could not hold validation=, which splits the rows for the second layer; "
                "set_params(validation=...) before refit, or they are split at random."
            )
        again = refit_table(
            fitted,
            frame,
            target,
            roles,
            seed_of(self.random_state),
            budget_of(self, started),
            validation=self.validation,
            parts=settings_of(self).folds,
        )
        decimal, encoding = self.decimal_, self.encoding_
        self.restore(again, replay_sample(frame, fitted.plan.schema), named=self.named_)
        self.unsaved_, self.decimal_, self.encoding_ = unsaved, decimal, encoding
        return self

    def only(self, model: int | str) -> Self:
        """Return one ensemble member as an estimator of its own, to save, explain or refit it.

        It predicts the output of `predict(X, model=...)`: without calibration, threshold and intervals, which belong to
        the ensemble. Costs of errors of the metric still decide its labels.

        Args:
            model: Its number in `leaderboard()`, or its name there if no other member has it.

        Raises:
            InvalidInput: If no such member exists, or the member learns from predictions of others.
        """
        check_is_fitted(self)
        if model is None or (isinstance(model, str) and model == ENSEMBLE):
            raise InvalidInput(
                f"model is {model!r}, which stands for all models together, as in this estimator; give the number of "
                "one model."
            )
        found = select_member(self.fitted_, model)
        if len(found.members) > 1:
            raise InvalidInput(f"model is {model!r}, which learns from other models' predictions; choose another.")
        alone = type(self)(**self.get_params(deep=False))
        alone.restore(found, self.rows_, named=self.named_)
        alone.unsaved_, alone.decimal_, alone.encoding_ = self.unsaved_, self.decimal_, self.encoding_
        return alone

    def explain(
        self,
        X: Any,
        y: Any = None,
        *,
        method: Literal["permutation", "shap"] = "permutation",
        background: Any = None,
        repeats: int | None = None,
        seconds: float | None = 60.0,
        sample_weight: Any = None,
    ) -> pd.DataFrame:
        """Column importance: the loss added by shuffling a column, or its effect on predictions (Shapley values).

        Args:
            X: Rows that the model has not seen. On rows of the fit, "permutation" also counts memorised information.
            y: Target of the rows, for "permutation".
            method: "permutation" or "shap".
            background: Reference rows, for "shap" only; rows of X by default.
            repeats: Shuffles of each column, each on its own part of the rows (10 by default). For "shap", background
                rows that each row is compared with (50 by default).
            seconds: Time limit, after which fewer repeats, columns or rows are returned; None for no limit.
            sample_weight: Weight of each row in the metric, for "permutation", as in `fit`; equal by default.

        Returns:
            "permutation": a line per column, the most important first: column, importance, low, high (95 %), p,
                repeats. "shap": a line per row (for more than two classes, per row and class) and one column per table
                column. With `attrs["base"]`, a line sums to the prediction (for two classes, of the metric's positive
                class).

        Raises:
            InvalidInput: If X and y do not fit, repeats is too small, the method is unknown, or does not take an
                argument.
        """
        warn_of_order(X, y=y, sample_weight=sample_weight)
        X = self._checked(X)[1]
        if method not in {"permutation", "shap"}:
            raise InvalidInput(f"method is {method!r}; use 'permutation' or 'shap'.")
        extra, without = ("background", background) if method == "permutation" else ("sample_weight", sample_weight)
        if without is not None:
            raise InvalidInput(f"method={method!r} takes no {extra}; leave it out.")
        if method == "shap":
            background = None if background is None else self._checked(background)[1]
            values: pd.DataFrame = renderer("shap")(self, X, background, repeats=repeats, seconds=seconds)
            return values
        if y is None:
            raise InvalidInput("y is None; pass the rows' target, or method='shap', which needs none.")
        repeats = 10 if repeats is None else repeats
        table: pd.DataFrame = renderer("explain")(
            self, X, y, repeats=repeats, seconds=seconds, sample_weight=sample_weight
        )
        return table

    def leaderboard(self, X: Any = None, y: Any = None, *, sample_weight: Any = None) -> pd.DataFrame:
        """Trials, the best first, with scores in their usual sign.

        Columns: rank, model, the metric, spread (standard deviation of the metric over the folds), weight, seconds,
        predict_ms (milliseconds per row), state, number, config (shortened; `attrs["configs"][number]` is complete).
        `attrs["summary"]` is a sentence with the validation scores of the ensemble and of a constant prediction, which
        `attrs["score"]` and `attrs["baseline"]` contain as numbers. `attrs["finish"]` contains sentences on calibration
        and decision rule. Scores are of single trials, without calibration and decision rule. For f1 and other metrics
        of labels in two classes, they are at the trial's best threshold.

        Rows that the model has not seen add a column `test_<metric>`, in the same sign, and a first row "ensemble" for
        the output of `predict`. Each model is scored on the output of `predict(X, model=number)`: fitted on all rows of
        the fit, without calibration and threshold. Only ensemble members (weight above 0) are stored after the fit;
        other models have no test score (NaN).

        Args:
            X: Rows to score the models on.
            y: Target of the rows.
            sample_weight: Weight of each row, as in `fit`; "balanced" refers to these rows.

        Raises:
            InvalidInput: If only one of X and y is passed, or they do not fit the model.
        """
        check_is_fitted(self)
        if X is None and y is None and sample_weight is None:
            return leaderboard(self.fitted_)
        if X is None or y is None:
            missing = "X" if X is None else "y"
            raise InvalidInput(
                f"{missing} is None; to score models, leaderboard needs rows and their target: pass both."
            )
        frame, codes, weights = self._judged(X, y, sample_weight)
        return leaderboard(with_metric(self), HeldOut(frame, codes, weights))

    @property
    def validation_score_(self) -> float | None:
        """Validation score of the ensemble, in the metric's usual sign; None if unknown.

        The score is slightly optimistic, because models and weights were selected on the same rows.
        """
        check_is_fitted(self)
        return self.fitted_.validation_score

    @property
    def baseline_score_(self) -> float | None:
        """Validation score of a constant prediction; None if unknown."""
        check_is_fitted(self)
        return self.fitted_.baseline_score

    def failures(self) -> pd.DataFrame:
        """Failed trials: number, model, seconds, error, configuration."""
        check_is_fitted(self)
        return failures(self.fitted_)

    def report(
        self,
        path: str | Path,
        X: Any = None,
        y: Any = None,
        *,
        unseen: bool = True,
        sample_weight: Any = None,
        seconds: float | None = 60.0,
    ) -> Path:
        """Write one self-contained HTML file about this model: its trials, its ensemble, and its quality.

        Args:
            path: The file to write. An existing file is replaced.
            X: Rows to score the model on, ideally rows that it has not seen.
            y: Target of the rows.
            unseen: Whether the model has not seen these rows. Rows of the fit only show the importance of columns.
            sample_weight: Weight of each row, as in `fit`; "balanced" refers to these rows.
            seconds: Time limit of the column importance, the longest part; None for no limit.

        Raises:
            InvalidInput: If only one of X and y is passed, or they do not fit the model.
        """
        warn_of_order(X, y=y, sample_weight=sample_weight)
        X = X if X is None else self._checked(X)[1]
        return Path(renderer("report")(self, path, X, y, unseen=unseen, sample_weight=sample_weight, seconds=seconds))

    def save(self, path: str | Path, *, key: bytes | str | None = None) -> None:
        """Write everything that prediction needs into one file without pickle. `seasoned.load` reads it.

        The file does not contain a metric function, a splitter, or own models for the search. The log names those that
        must be set again after `load`, for scores or for a fit. Fitted models of the user's own are stored if their
        class is scikit-learn's and their files are safe. `fit` warns at its start about other models.

        Args:
            path: The file. An existing file is replaced in one step.
            key: Secret that signs the file, so that `load` with the same key refuses a changed file. It does not
                encrypt. The file contains column names, levels, and texts that occur more than once. It also contains
                up to 20 rows, and targets and predictions of up to 2,000 rows for the report. With `neighbours` as a
                member, it contains up to 20,000 rows for each fit of `neighbours`; with `incontext`, up to 2,000, and
                with `tabicl` or `tabpfn`, up to 10,000. `SearchSettings(store_rows=False)` leaves these families out.

        Raises:
            InvalidInput: If the key is empty or neither bytes nor text, or a model of the user's own cannot be saved.
        """
        check_is_fitted(self)
        archive.write(self.fitted_, self.rows_, {**describe_estimator(self), "named": self.named_}, Path(path), key)
        warn_of_unsaved(self)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Metric on these rows. Errors (log_loss, rmse ...) are negated, so that more is better.

        Weights are as in `fit`: rows of weight 0 are left out, and "balanced" refers to these rows.

        After `load`, a metric that is a function must be set again: `set_params(metric=...)`.
        """
        frame, codes, weights = self._judged(X, y, sample_weight)
        return -with_metric(self).loss(codes, self.fitted_.predict(frame), weights)

    def _judged(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[pd.DataFrame, NDArray[Any], NDArray[np.float64] | None]:
        """Rows for scores, without rows of weight 0: the frame, class codes or numbers, and weights."""
        warn_of_order(X, y=y, sample_weight=sample_weight)
        _, frame = self._checked(X)
        weights = None
        if len(frame) and sample_weight is not None and not is_by_class(sample_weight):
            target = to_series(y)
            check_lengths(len(frame), len(target))
            weights = read_weights(sample_weight, len(frame))
            kept = weights > 0.0
            if not kept.all():
                frame, y, weights = frame[kept].reset_index(drop=True), target[kept], weights[kept]
        codes = self._codes(y)
        check_lengths(len(frame), len(codes))
        if not len(codes):
            raise InvalidInput("X and y have 0 rows, for which there is no score; pass at least 1.")
        if is_by_class(sample_weight):
            return frame, codes, by_class(sample_weight, codes, self.fitted_.classes)
        return frame, codes, weights

    def _predict(self, X: Any, model: int | str | None = None) -> NDArray[np.float64]:
        """Probabilities or numbers. Columns without names are matched by position, so their number must be the same."""
        fitted, frame = self._checked(X)
        return select_member(fitted, model).predict(frame)

    def _checked(self, X: Any) -> tuple[Fitted, pd.DataFrame]:
        """Fitted model, and X as a frame with as many columns as the model needs."""
        check_is_fitted(self)
        fitted: Fitted = self.fitted_
        frame = to_frame(X)
        if not has_names(X):
            if frame.shape[1] != self.n_features_in_:
                raise InvalidInput(
                    f"X has {frame.shape[1]} features, but {type(self).__name__} is expecting {self.n_features_in_} "
                    "features as input; pass the columns that fit saw, in their order."
                )
            if list(frame.columns) != list(self.feature_names_in_):
                logger.warning(
                    "X has no column names, but the model was fitted with names: columns are matched by position."
                )
                frame = frame.set_axis(self.feature_names_in_, axis=1)
        elif not self.named_ and self._by_place(frame):
            logger.warning("X has column names, but the model was fitted without any: columns are matched by position.")
            frame = frame.set_axis(self.feature_names_in_, axis=1)
        return fitted, frame

    def _by_place(self, frame: pd.DataFrame) -> bool:
        """True if a table has as many columns as the array of the fit, and none of the generated names."""
        return frame.shape[1] == self.n_features_in_ and not {*map(str, frame.columns)} & {*self.feature_names_in_}

    def _learned(
        self, frame: pd.DataFrame, y: Any, sample_weight: Any, groups: Any, classes: NDArray[Any] | None = None
    ) -> tuple[pd.DataFrame, Target, Roles]:
        """Rows with a target and a positive weight, their target and roles. `classes` are from an earlier fit."""
        told = is_by_class(sample_weight)
        roles = read_roles(None if told else sample_weight, groups, len(frame))
        target = read_target(y, self._kind, roles.counted, classes=classes)
        check_lengths(len(frame), len(target.labelled))
        roles = roles.of(target.labelled)
        if told:
            roles = replace(roles, weights=by_class(sample_weight, target.values, target.classes))
        kept = frame if target.labelled.all() else frame[target.labelled]  # avoids the copy of a long table
        return kept.reset_index(drop=True), target, roles

    def _codes(self, y: Any) -> NDArray[Any]:
        return read_numbers(y)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags
