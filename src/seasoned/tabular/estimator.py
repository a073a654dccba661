"""What AutoClassifier and AutoRegressor share."""

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
from seasoned.tabular.budget.callbacks import Audience
from seasoned.tabular.budget.interrupt import Stop
from seasoned.tabular.bundle import archive
from seasoned.tabular.bundle.parameters import about, refuse_incomplete, warn_of_unsaved
from seasoned.tabular.bundle.replay_check import sample
from seasoned.tabular.ensemble.single_member import TOGETHER, chosen
from seasoned.tabular.fit.arguments import read_features
from seasoned.tabular.fit.data_warnings import warn_of_order
from seasoned.tabular.fit.fit_table import fit_table
from seasoned.tabular.fit.leaderboard import HeldOut, failures, leaderboard
from seasoned.tabular.fit.parameters import budget_of, check_parameters, settings_of
from seasoned.tabular.fit.refit_table import refit_table
from seasoned.tabular.fit.restored_metric import judging
from seasoned.tabular.input.class_weights import by_class, told_by_class
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
    """Fit, report, explain, save; see the two classes for parameters and attributes."""

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
        """Search, then fit the best model on all rows; ends within the time limit.

        Ctrl-C, SIGTERM and SIGHUP (a closed terminal) end it within 3 seconds once trials run, with the best model so
        far; `stopped_by_` tells which it was, and finished trials stay for `resume`. A second one aborts the fit.

        Args:
            X: The features: pandas or polars frame, pyarrow table, 2-D array, sparse matrix, list of dicts, or dict of
                lists.
            y: The target, one value per row; rows where it is missing are left out.
            sample_weight: How much each row counts: in models, early stopping, metric and ensemble. The scale does not
                matter; rows of weight 0 are left out. What takes no weights is named in the log. For classes also
                "balanced", which gives all of them the same total weight, or {label: weight}, where others weigh 1.
            groups: Which rows belong together, such as those of one customer: one value per row. No group is on both
                sides of a fold; a scikit-learn splitter given as `validation` gets the groups; a column of times and
                pairs of rows take precedence over them.
            resume: Go on with a run of the same data, target and settings that was killed or stopped, or that ended and
                may now have more time or trials. Its finished trials count, its folds stay, and the time limit starts
                anew.
            progress: Whether to show the first lines (`fit_summary_`), failed trials and one line about the search,
                which comes every ten seconds where there is no terminal; None shows them on terminals and in notebooks.
            callbacks: Functions that are called with each trial that has ended, as a dict: number, model, state, score
                (in the metric's usual sign), seconds, elapsed, error, config, and best, the best score so far. One that
                returns True ends the search, with the best models so far; one that raises is not called again.
            stop: A function without arguments that is asked several times a second, also where the fit runs in a thread
                of its own, which hears no signals; once it returns True, the fit ends as by Ctrl-C.

        Raises:
            InvalidInput: If the table, the target or a parameter breaks a rule; the message says which.
            MissingExtra: If a family is named whose package is not installed.
            StorageError: If the cache folder is full or cannot be written; SEASONED_CACHE names another.
        """
        started, asked = time.monotonic(), Stop(stop)
        audience = Audience.of(progress, callbacks)
        with asked.listening():  # from the first moment, because what comes before the search can take seconds
            self._fit(X, y, (sample_weight, groups), (started, asked), audience, resume=resume)
        self.stopped_by_ = asked.name
        return self

    def _fit(
        self,
        X: Any,
        y: Any,
        roles_given: tuple[Any, Any],
        began: tuple[float, Stop],
        audience: Audience,
        *,
        resume: bool,
    ) -> None:
        check_parameters(self)
        refuse_incomplete(self)
        frame = read_features(X, y, *roles_given, self.validation)
        frame, target, roles = self._learned(frame, y, *roles_given)
        check_target(target, getattr(y, "name", None))
        budget, asked = replace(budget_of(self, began[0]), stop=began[1]), settings_of(self)
        how: Any = {"resume": resume, "experience": self.experience, "audience": audience}
        fitted = fit_table(frame, target, roles, asked, budget, **how)
        self.n_features_in_ = frame.shape[1]
        self.feature_names_in_ = np.array(frame.columns, dtype=object)
        told, fitted = fitted.out_of_fold, replace(fitted, out_of_fold=None)
        self.restore(fitted, sample(frame, fitted.plan.schema), named=has_names(X))
        self.out_of_fold_ = None if told is None else placed(told, target.kept)

    def restore(self, fitted: Fitted, rows: pd.DataFrame | None = None, *, named: bool = True) -> None:
        """Take the state of a finished fit, as `load` does.

        Args:
            fitted: What was fitted.
            rows: Up to 20 rows that a bundle keeps, so that a load under other versions can compare predictions.
            named: Whether the columns of the fit had names; those of an array get generated ones.
        """
        names = [column.name for column in fitted.plan.schema.columns]
        self.fitted_ = fitted
        self.fit_summary_ = fitted.fit_summary
        self.rows_ = rows
        self.stopped_by_ = None
        self.out_of_fold_ = None
        self.unsaved_: tuple[str, ...] = ()  # parameters that a file could not hold
        self.decimal_: str | None = None  # decimal sign of the text file that it was fitted to, if a comma
        self.encoding_: str | None = None  # encoding that was given for this file
        self.named_ = named
        self.n_features_in_ = len(names)
        self.feature_names_in_ = np.array(names, dtype=object)

    def refit(self, X: Any, y: Any, *, sample_weight: Any = None, groups: Any = None) -> Self:
        """Fit the same models on other rows, such as all rows available by now, without a search.

        Settings, rounds and weights of the models stay, as do the thresholds, calibration and validation results that
        the search found. Columns are read as `fit` read them. `fit` itself ends with a fit on all of its rows. `refit`
        takes `time_limit` at most; a model that is not ready by then is left out.

        Args:
            X: The features; all columns of `fit` must be there.
            y: The target, of the same classes.
            sample_weight: How much each row counts, as for `fit`.
            groups: As for `fit`, which groups of rows belong together; needed where it was given groups.

        Raises:
            InvalidInput: If the rows do not fit the model, or `fit` was given groups and this is not.
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
        unsaved = self.unsaved_
        if "validation" in unsaved and self.validation is None and any(member.below for member in fitted.members):
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
            parts=settings_of(self)["folds"],
        )
        decimal, encoding = self.decimal_, self.encoding_
        self.restore(again, sample(frame, fitted.plan.schema), named=self.named_)
        self.unsaved_, self.decimal_, self.encoding_ = unsaved, decimal, encoding
        return self

    def only(self, model: int | str) -> Self:
        """One of the models that predict together as an estimator of its own, to be saved, explained or refitted.

        It predicts what `predict(X, model=...)` gives: without calibration, threshold and intervals, which belong to
        all models together; costs of errors that the metric was given decide for it, too.

        Args:
            model: Its number in `leaderboard()`, or its name there if no other of them has it.

        Raises:
            InvalidInput: If no such model is held, or it learns from the predictions of others.
        """
        check_is_fitted(self)
        if model is None or (isinstance(model, str) and model == TOGETHER):
            raise InvalidInput(
                f"model is {model!r}, which stands for all models together, as in this estimator; give the number of "
                "one model."
            )
        found = chosen(self.fitted_, model)
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
        """How much each column helps: the loss that shuffling adds, or how far it moves predictions (Shapley values).

        Args:
            X: Rows that the model has not seen. On rows of the fit, "permutation" counts what was memorised, too.
            y: Their target, for "permutation".
            method: Which of the two.
            background: Reference rows, for "shap" alone; those of X if None.
            repeats: Shuffles of each column, each on its own part of the rows (10 if None); with "shap" the background
                rows that each row is compared with (50 if None).
            seconds: Stop after this time, with fewer repeats, columns or rows; None for no limit.
            sample_weight: How much each row counts in the metric, for "permutation", as for `fit`; the same if None.

        Returns:
            "permutation": a line per column, the most important first: column, importance, low, high (95 %), p,
            repeats. "shap": a line per row (for more than two classes, per row and class) and a column for each of the
            table's, which with `attrs["base"]` sum to the prediction (for two classes, of the metric's positive one).

        Raises:
            InvalidInput: If X and y do not fit, repeats is too small, the method is unknown, or takes no such argument.
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
        """What was tried, the best first, with scores in their usual sign.

        Columns: rank, model, the metric, spread (standard deviation of the metric over the folds), weight, seconds,
        predict_ms (milliseconds a row), state, number, config (its beginning; the whole is `attrs["configs"][number]`).
        `attrs["summary"]` says what all models together reach
        in validation, and what predicting the same for all rows does (`attrs["score"]`, `attrs["baseline"]`);
        `attrs["finish"]` holds sentences on calibration and decision. Scores are those of each trial alone, without
        these; for f1 and other metrics of labels in two classes, at the trial's best threshold.

        Rows that the model has not seen add the column `test_<metric>`, in the same sign, and a first row "ensemble" of
        all models together, which is what `predict` gives. Each model is judged on what `predict(X, model=number)`
        gives: fitted on all rows of the fit, without calibration and threshold. Only models that predict together
        (weight above 0) are held after the fit; for the others the score is missing (NaN).

        Args:
            X: Rows to judge the models on.
            y: Their target.
            sample_weight: How much each of these rows counts, as for `fit`; "balanced" refers to these rows.

        Raises:
            InvalidInput: If only one of X and y is given, or they do not fit the model.
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
        return leaderboard(judging(self), HeldOut(frame, codes, weights))

    @property
    def validation_score_(self) -> float | None:
        """What all models together reach in validation, in the metric's usual sign; None where it is not known.

        The models and their weights were chosen on these rows, so it is a little too good.
        """
        check_is_fitted(self)
        return self.fitted_.validation_score

    @property
    def baseline_score_(self) -> float | None:
        """What predicting the same for all rows reaches in validation."""
        check_is_fitted(self)
        return self.fitted_.baseline_score

    def failures(self) -> pd.DataFrame:
        """The trials that failed: number, model, seconds, error, configuration."""
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
        """Write one self-contained HTML file about this model: what was tried, what predicts, and how well.

        Args:
            path: The file to write; an existing one is replaced.
            X: Rows to judge the model on, ideally ones that it has not seen.
            y: The target of these rows.
            unseen: Whether the model has not seen these rows; those of its fit only tell which columns matter.
            sample_weight: How much each of these rows counts, as for `fit`; "balanced" refers to these rows.
            seconds: Time to measure which columns matter, which is the longest part; None for no limit.

        Raises:
            InvalidInput: If only one of X and y is given, or they do not fit the model.
        """
        warn_of_order(X, y=y, sample_weight=sample_weight)
        X = X if X is None else self._checked(X)[1]
        return Path(renderer("report")(self, path, X, y, unseen=unseen, sample_weight=sample_weight, seconds=seconds))

    def save(self, path: str | Path, *, key: bytes | str | None = None) -> None:
        """Write everything that prediction needs into one file without pickle; `seasoned.load` reads it.

        A metric that is a function, a splitter and own models to search are not in it; the log says which of them have
        to be set again after `load`, to score or to fit. Fitted models of the user's own are in it where their class is
        scikit-learn's and its files are safe; `fit` warns of others before it begins.

        Args:
            path: The file; an existing one is replaced in one step.
            key: A secret that signs the file, so that `load` with the same key refuses one that was tampered with. It
                does not encrypt: the file holds, unencrypted, column names, levels, texts that occur more than once, up
                to 20 rows, targets and predictions of up to 2,000 rows for the report, and where `neighbours` is among
                the members up to 20,000 rows for each fit of it. Leave that family out
                (`SearchSettings(models=["-neighbours"])`) for a file that is passed on to others.

        Raises:
            InvalidInput: If the key is empty or neither bytes nor text, or a model of the user's own cannot be saved.
        """
        check_is_fitted(self)
        archive.write(self.fitted_, self.rows_, {**about(self), "named": self.named_}, Path(path), key)
        warn_of_unsaved(self)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The metric on these rows; errors (log_loss, rmse ...) are negated, so that more is better.

        Rows may have weights, as for `fit`; those of weight 0 are left out, and "balanced" refers to these rows.

        After `load`, a metric that is a function has to be given again: `set_params(metric=...)`.
        """
        frame, codes, weights = self._judged(X, y, sample_weight)
        return -judging(self).loss(codes, self.fitted_.predict(frame), weights)

    def _judged(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[pd.DataFrame, NDArray[Any], NDArray[np.float64] | None]:
        """Rows to judge predictions on, without those of weight 0: the frame, class codes or numbers, and weights."""
        warn_of_order(X, y=y, sample_weight=sample_weight)
        _, frame = self._checked(X)
        weights = None
        if len(frame) and sample_weight is not None and not told_by_class(sample_weight):
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
        if told_by_class(sample_weight):
            return frame, codes, by_class(sample_weight, codes, self.fitted_.classes)
        return frame, codes, weights

    def _predict(self, X: Any, model: int | str | None = None) -> NDArray[np.float64]:
        """Probabilities or numbers; columns without names are matched by position, so there must be just as many."""
        fitted, frame = self._checked(X)
        return chosen(fitted, model).predict(frame)

    def _checked(self, X: Any) -> tuple[Fitted, pd.DataFrame]:
        """What was fitted, and X as a frame that has as many columns as it needs."""
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
        """Whether a table has as many columns as the array of the fit, and none of the names that these were given."""
        return frame.shape[1] == self.n_features_in_ and not {*map(str, frame.columns)} & {*self.feature_names_in_}

    def _learned(
        self, frame: pd.DataFrame, y: Any, sample_weight: Any, groups: Any, classes: NDArray[Any] | None = None
    ) -> tuple[pd.DataFrame, Target, Roles]:
        """The rows that have a target and count, that target, and their roles; `classes`: those of an earlier fit."""
        told = told_by_class(sample_weight)
        roles = read_roles(None if told else sample_weight, groups, len(frame))
        target = read_target(y, self._kind, roles.counted, classes=classes)
        check_lengths(len(frame), len(target.kept))
        roles = roles.of(target.kept)
        if told:
            roles = replace(roles, weights=by_class(sample_weight, target.values, target.classes))
        kept = frame if target.kept.all() else frame[target.kept]  # a long table is not copied for nothing
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
