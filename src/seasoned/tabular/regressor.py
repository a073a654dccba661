"""AutoRegressor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.base import RegressorMixin

from seasoned.tabular.estimator import TabularEstimator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AutoRegressor"]


class AutoRegressor(RegressorMixin, TabularEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Give it a table and a number to predict; it prepares the columns, tunes model families and keeps the best.

    Args:
        metric: What to optimise: rmse (default), mae, r2, median_ae, mape, rmsle, quantile@0.9 or another name of
            scikit-learn's; a scorer; a function (y, predicted); or a `Metric`.
        time_limit: Seconds that `fit` may take, all included.
        trials: Number of configurations to try. With it, `random_state` and `workers=1` the result does not depend on
            time, as long as the time limit is not reached first.
        memory_limit: Bytes, or text such as "8GB", for this process and its workers together. What is free of it is
            divided by the number of workers plus one, because a first model is fitted beside the search; a trial that
            takes more than its share is killed, and fails.
        workers: Trials at the same time, never more than one per core; by default one per core, or fewer where memory
            has no room for so many.
        validation: Number of folds; the name of the column that tells the time, so that validation rows are later than
            those a model learned from; a scikit-learn splitter; or (train, validation) pairs of row indices or masks,
            one of them for a fixed holdout. With `groups` in `fit`, a number of folds cuts no group. By default 5
            folds, 3 above 20,000 rows, one held-out fifth above 100,000; fewer where the time limit is too short for
            a boosted model in each fold.
        experience: Which past fits to learn from: "default" (what ships and the user's own store, to which this fit
            adds meta-features, configurations, scores and seconds, never rows), "shipped" (nothing is added), a
            database URL in place of that store, or None to start cold. `SEASONED_EXPERIENCE` sets what "default" is.
        search: What the search may do (`SearchSettings`): families, own models, features, folds, ensemble, calibration,
            a limit on prediction, ranges of hyperparameters, configurations to begin with.
        random_state: An int for the same result again, with the same experience; a numpy Generator or RandomState; or
            None. The own store grows with every fit: where results must be reproducible, use `experience=None` or
            `"shipped"`.

    Attributes:
        n_features_in_, feature_names_in_: The columns seen by `fit`.
        validation_score_, baseline_score_: What all models together reach in validation, and what predicting the same
            for all rows does, in the metric's usual sign.
        out_of_fold_: What they predict together for each row that was given to `fit`, by models that had not seen it:
            numbers, shape (n,), NaN where there was no such model; None after `load` and `refit`, and where `fit` was
            stopped or had no time left for it, a trial's predictions are lost, or there are more than 10 million
            numbers.
        fit_summary_: The first lines of the fit: target, columns by kind, validation, limits, and what was skipped or
            resumed; `lines()` gives them as text, `as_dict()` as plain data. None for a file from before summaries.
        stopped_by_: "SIGINT", "SIGTERM", "SIGHUP" or "stop" (the function given to `fit`) if that ended it early.
        unsaved_: Names of parameters that the file could not hold, if the model was loaded; else none.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> AutoRegressor(time_limit=20).fit(X, y).predict(X[:2]).shape  # doctest: +SKIP
        (2,)
    """

    _kind = "regression"
    score = TabularEstimator.score  # set here, because scikit-learn's mixin comes before the shared base class

    def predict(self, X: Any, *, model: int | str | None = None) -> NDArray[np.float64]:
        """Predicted numbers, shape (n,).

        Args:
            X: The rows.
            model: One of the models that predict together, by its `number` in `leaderboard()`, or by its name there if
                no other of them has it; None (or "ensemble") for all of them.

        Raises:
            InvalidInput: If X does not fit, or no such model is held; the message names those that are.
        """
        return self._predict(X, model)

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
