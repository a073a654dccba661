"""Tabular classifier `AutoClassifier`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from seasoned.tabular.ensemble.single_member import select_member
from seasoned.tabular.estimator import TabularEstimator
from seasoned.tabular.fit.user_decision import decision_of
from seasoned.tabular.input.target import encode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AutoClassifier"]


class AutoClassifier(ClassifierMixin, TabularEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Tabular classifier: prepares the columns, tunes model families, and predicts with an ensemble of the best models.

    Args:
        metric: Metric to optimise: a name, a scorer, a function of labels (y, predicted), or a `Metric`, which can also
            set the positive class or the costs of errors. Names are roc_auc, log_loss, accuracy, balanced_accuracy, f1,
            average_precision, brier, and others of scikit-learn. The default is roc_auc for two classes and log_loss
            for more. For more than two classes f1, precision, recall and jaccard are macro averages, and roc_auc is one
            against the rest. For f1 and jaccard (also macro and weighted), balanced_accuracy, matthews and kappa, the
            threshold of `predict` is tuned for the metric.
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
            fixed holdout. With `groups` in `fit`, a number of folds cuts no group. The default is 5 stratified folds, 3
            above 20,000 rows, and one held-out fifth above 100,000 rows. Fewer folds are used if the time limit is too
            short for a boosted model in each fold.
        experience: Past fits to learn from. "default" is the shipped experience and the user's own store, to which this
            fit adds meta-features, configurations, scores and seconds, never rows. "shipped" adds nothing. A database
            URL replaces the user's store. None starts without experience. The variable `SEASONED_EXPERIENCE` sets the
            meaning of "default".
        search: Settings of the search (`SearchSettings`): families, own models, features, folds, ensemble, calibration,
            a latency limit, ranges of hyperparameters, initial configurations.
        random_state: An int for the same result again, given the same experience; a numpy Generator or RandomState; or
            None. The user's store grows with every fit: for reproducible results, use `experience=None` or `"shipped"`.

    Attributes:
        classes_: The labels, sorted, in the order of the columns of `predict_proba`.
        positive_class_, positive_reason_: Positive class of two, which f1, thresholds, curves and explanations are
            about, and the rule that chose it. None for more classes. `Metric(positive=...)` sets the positive class.
        n_features_in_, feature_names_in_: The columns of `fit`.
        validation_score_, baseline_score_: Validation scores of the ensemble and of a constant prediction, in the
            metric's usual sign.
        out_of_fold_: Ensemble predictions for each row of `fit` by models that were not fitted on this row:
            probabilities, shape (n, classes), NaN without such a model. None after `load` and `refit`, after a stopped
            fit or without time left, if predictions of a trial are lost, or above 10 million numbers.
        fit_summary_: Summary of the fit: target, columns by kind, validation, limits, and skipped or resumed work.
            `lines()` returns text, `as_dict()` plain data. None for a file of a version without summaries.
        stopped_by_: "SIGINT", "SIGTERM", "SIGHUP" or "stop" (the function passed to `fit`) if that ended the fit early.
        unsaved_: Names of the parameters that the file of a loaded model could not hold; empty otherwise.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True, as_frame=True)
        >>> clf = AutoClassifier(time_limit=20, trials=4, random_state=0).fit(X, y)  # doctest: +SKIP
        >>> clf.predict(X[:2])  # doctest: +SKIP
        array([0, 0])
    """

    _kind = "classification"
    score = TabularEstimator.score  # set here, because scikit-learn's mixin comes before the shared base class

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, sorted."""
        check_is_fitted(self)
        classes: NDArray[Any] = self.fitted_.classes
        return classes

    @property
    def positive_class_(self) -> Any:
        """Positive class of two classes; None for more."""
        check_is_fitted(self)
        metric = self.fitted_.metric
        return self.classes_.tolist()[metric.positive] if metric.n_classes == 2 else None

    @property
    def positive_reason_(self) -> str | None:
        """Rule that chose the positive class, as a phrase such as "the rarer class"; None for more than two classes."""
        check_is_fitted(self)
        metric = self.fitted_.metric
        return metric.positive_reason.sentence if metric.n_classes == 2 else None

    def predict(self, X: Any, *, model: int | str | None = None) -> NDArray[Any]:
        """Predict the label of each row, shape (n,): the most probable one, or by the metric's threshold or costs.

        Args:
            X: The rows.
            model: One ensemble member, by its `number` in `leaderboard()`, or by its name there if no other member has
                it; None (or "ensemble") for the whole ensemble. The threshold belongs to the ensemble. A single model
                predicts its most probable label, or the label with the lowest expected cost if the metric has costs.

        Raises:
            InvalidInput: If X does not fit, or no such member exists. The message names the members.
        """
        p = self.predict_proba(X, model=model)  # first, because it checks whether anything is fitted
        found: NDArray[Any] = self.classes_[select_member(self.fitted_, model).postprocessor.codes(p)]
        return found

    def predict_proba(self, X: Any, *, model: int | str | None = None) -> NDArray[np.float64]:
        """Predict probabilities, shape (n, classes), in the order of `classes_`.

        Args:
            X: The rows.
            model: One ensemble member, by its `number` in `leaderboard()`, or by its name there if no other member has
                it; None (or "ensemble") for the whole ensemble. Probabilities of a single model are not calibrated,
                because the calibration belongs to the ensemble.

        Raises:
            InvalidInput: If X does not fit, or no such member exists. The message names the members.
        """
        return self._predict(X, model)

    def predict_set(self, X: Any, coverage: float = 0.9) -> NDArray[np.bool_]:
        """Predict a set of labels for each row by conformal prediction, shape (n, classes) in the order of `classes_`.

        The set contains the true label with about the probability `coverage`, over rows like those of the fit. A row
        with a confident prediction has one label, other rows have several.

        Args:
            X: The rows.
            coverage: Share of rows whose set contains the true label.

        Raises:
            InvalidInput: If X does not fit, or too few rows were validated for this coverage.
        """
        fitted, frame = self._checked(X)
        return fitted.sets(frame, coverage)

    def decide(self, threshold: float | None = None, *, costs: Any = None) -> Self:
        """Set another decision rule for labels. `predict` and saved files use it; probabilities stay the same.

        The validation score of a metric of labels is unknown afterwards. It is known again after `decide()`, if
        validation also used the most probable label.

        Args:
            threshold: For two classes: the positive class (`positive_class_`) is predicted above this probability,
                between 0 and 1.
            costs: Costs of errors, as in `Metric`: the label with the lowest expected cost is predicted. Without
                threshold and costs, the most probable label is predicted.

        Raises:
            InvalidInput: If both are passed, the threshold is no probability or not for two classes, or the model was
                fitted for costs, which also decide its score.

        Example:
            >>> clf.decide(0.3).predict(X)  # doctest: +SKIP
        """
        check_is_fitted(self)
        decision, before = decision_of(self.fitted_, threshold, costs), self.fitted_.postprocessor
        replaced = None if decision is None else before.of_validation
        after = replace(before, decision=decision, decided=None, replaced=replaced)
        self.fitted_ = replace(self.fitted_, postprocessor=after)
        return self

    def _codes(self, y: Any) -> NDArray[Any]:
        return encode(y, self.classes_)
