"""Tabular regressor `AutoRegressor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.base import RegressorMixin

from seasoned.tabular.estimator import TabularEstimator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AutoRegressor"]


class AutoRegressor(RegressorMixin, TabularEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Tabular regressor: prepares the columns, tunes model families, and predicts with an ensemble of the best models.

    Args:
        metric: Metric to optimise: a name, a scorer, a function (y, predicted), or a `Metric`. Names are rmse
            (default), mae, r2, median_ae, mape, rmsle, quantile@0.9, and others of scikit-learn.
        time_limit: Largest number of seconds of `fit`, everything included.
        trials: Number of configurations to try. With `trials`, `random_state` and `workers=1` the result does not
            depend on time, unless the time limit is reached first.
        memory_limit: Bytes, or text such as "8GB", for this process and its workers together. The free part is divided
            by the number of workers plus one, because an early model is fitted during the search. A trial that exceeds
            its share is killed and fails.
        workers: Largest number of parallel trials, at most one per core. The default is one per core, or fewer if
            memory has no room for so many.
        validation: Number of folds, name of the time column, a scikit-learn splitter, or (train, validation) pairs of
            row indices or masks. With a time column, validation rows are later than training rows. A single pair is a
            fixed holdout. With `groups` in `fit`, a number of folds cuts no group. The default is 5 folds, 3 above
            20,000 rows, and one held-out fifth above 100,000 rows. Fewer folds are used if the time limit is too short
            for a boosted model in each fold.
        experience: Past fits to learn from. "default" is the shipped experience and the user's own store, to which this
            fit adds meta-features, configurations, scores and seconds, never rows. "shipped" adds nothing. A database
            URL replaces the user's store. None starts without experience. The variable `SEASONED_EXPERIENCE` sets the
            meaning of "default".
        search: Settings of the search (`SearchSettings`): families, own models, features, folds, ensemble, calibration,
            a latency limit, ranges of hyperparameters, initial configurations.
        random_state: An int for the same result again, given the same experience; a numpy Generator or RandomState; or
            None. The user's store grows with every fit: for reproducible results, use `experience=None` or `"shipped"`.

    Attributes:
        n_features_in_, feature_names_in_: The columns of `fit`.
        validation_score_, baseline_score_: Validation scores of the ensemble and of a constant prediction, in the
            metric's usual sign.
        out_of_fold_: Ensemble predictions for each row of `fit` by models that were not fitted on this row: numbers,
            shape (n,), NaN without such a model. None after `load` and `refit`, after a stopped fit or without time
            left, if predictions of a trial are lost, or above 10 million numbers.
        fit_summary_: Summary of the fit: target, columns by kind, validation, limits, and skipped or resumed work.
            `lines()` returns text, `as_dict()` plain data. None for a file of a version without summaries.
        stopped_by_: "SIGINT", "SIGTERM", "SIGHUP" or "stop" (the function passed to `fit`) if that ended the fit early.
        unsaved_: Names of the parameters that the file of a loaded model could not hold; empty otherwise.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> AutoRegressor(time_limit=20).fit(X, y).predict(X[:2]).shape  # doctest: +SKIP
        (2,)
    """

    _kind = "regression"
    score = TabularEstimator.score  # set here, because scikit-learn's mixin comes before the shared base class

    def predict(self, X: Any, *, model: int | str | None = None) -> NDArray[np.float64]:
        """Predict numbers, shape (n,).

        Args:
            X: The rows.
            model: One ensemble member, by its `number` in `leaderboard()`, or by its name there if no other member has
                it; None (or "ensemble") for the whole ensemble.

        Raises:
            InvalidInput: If X does not fit, or no such member exists. The message names the members.
        """
        return self._predict(X, model)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> NDArray[np.float64]:
        """Predict lower and upper bounds by conformal prediction, shape (n, 2), with half of the misses on either side.

        The truth lies between the bounds with about the probability `coverage`, over rows like those of the fit. If the
        size of the errors depends on the row, so does the width.

        Args:
            X: The rows.
            coverage: Share of rows whose truth lies between the bounds.

        Raises:
            InvalidInput: If X does not fit, or too few rows were validated for this coverage.
        """
        fitted, frame = self._checked(X)
        return fitted.intervals(frame, coverage)
