"""AutoClassifier."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from seasoned.tabular.ensemble.single_member import chosen
from seasoned.tabular.estimator import TabularEstimator
from seasoned.tabular.fit.user_decision import decision_of
from seasoned.tabular.input.target import encode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AutoClassifier"]


class AutoClassifier(ClassifierMixin, TabularEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Give it a table and classes; it prepares the columns, tunes model families and keeps the best.

    Args:
        metric: What to optimise: roc_auc, log_loss, accuracy, balanced_accuracy, f1, average_precision, brier or
            another name of scikit-learn's; a scorer; a function of labels (y, predicted); or a `Metric`, which also
            names the positive class, or the costs of errors. By default roc_auc for two classes and log_loss for more.
            Of more than two classes f1, precision, recall and jaccard are macro averages, and roc_auc is one against
            the rest. With f1 and jaccard (macro and weighted, too), balanced_accuracy, matthews and kappa the threshold
            of `predict` is chosen for the metric.
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
            stratified folds, 3 above 20,000 rows, one held-out fifth above 100,000; fewer where the time limit is
            too short for a boosted model in each fold.
        experience: Which past fits to learn from: "default" (what ships and the user's own store, to which this fit
            adds meta-features, configurations, scores and seconds, never rows), "shipped" (nothing is added), a
            database URL in place of that store, or None to start cold. `SEASONED_EXPERIENCE` sets what "default" is.
        search: What the search may do (`SearchSettings`): families, own models, features, folds, ensemble, calibration,
            a limit on prediction, ranges of hyperparameters, configurations to begin with.
        random_state: An int for the same result again, with the same experience; a numpy Generator or RandomState; or
            None. The own store grows with every fit: where results must be reproducible, use `experience=None` or
            `"shipped"`.

    Attributes:
        classes_: The labels, sorted; the columns of `predict_proba`.
        positive_class_, positive_reason_: Of two classes the positive one, which f1, thresholds, curves and
            explanations are about, and the rule that chose it; None for more classes. `Metric(positive=...)` names it.
        n_features_in_, feature_names_in_: The columns seen by `fit`.
        validation_score_, baseline_score_: What all models together reach in validation, and what predicting the same
            for all rows does, in the metric's usual sign.
        out_of_fold_: What they predict together for each row that was given to `fit`, by models that had not seen it:
            probabilities, shape (n, classes), NaN where there was no such model; None after `load` and `refit`, and
            where `fit` was stopped or had no time left for it, a trial's predictions are lost, or there are more than
            10 million numbers.
        fit_summary_: The first lines of the fit: target, columns by kind, validation, limits, and what was skipped or
            resumed; `lines()` gives them as text, `as_dict()` as plain data. None for a file from before summaries.
        stopped_by_: "SIGINT", "SIGTERM", "SIGHUP" or "stop" (the function given to `fit`) if that ended it early.
        unsaved_: Names of parameters that the file could not hold, if the model was loaded; else none.

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
        """The positive one of two classes; None for more."""
        check_is_fitted(self)
        metric = self.fitted_.metric
        return self.classes_.tolist()[metric.positive] if metric.n_classes == 2 else None

    @property
    def positive_reason_(self) -> str | None:
        """The rule that chose it, in words that follow its name, such as "the rarer class"; None for more classes."""
        check_is_fitted(self)
        metric = self.fitted_.metric
        return metric.positive_reason.sentence if metric.n_classes == 2 else None

    def predict(self, X: Any, *, model: int | str | None = None) -> NDArray[Any]:
        """The label of each row, shape (n,): the most probable one, or what the metric's threshold or costs ask for.

        Args:
            X: The rows.
            model: One of the models that predict together, by its `number` in `leaderboard()`, or by its name there if
                no other of them has it; None (or "ensemble") for all of them. The threshold is that of all together; a
                single model predicts its most probable label, or that of the lowest expected cost if the metric was
                given costs.

        Raises:
            InvalidInput: If X does not fit, or no such model is held; the message names those that are.
        """
        p = self.predict_proba(X, model=model)  # first, because it checks whether anything is fitted
        found: NDArray[Any] = self.classes_[chosen(self.fitted_, model).finish.codes(p)]
        return found

    def predict_proba(self, X: Any, *, model: int | str | None = None) -> NDArray[np.float64]:
        """Probabilities, shape (n, classes), in the order of `classes_`.

        Args:
            X: The rows.
            model: One of the models that predict together, by its `number` in `leaderboard()`, or by its name there if
                no other of them has it; None (or "ensemble") for all of them. The probabilities of a single model are
                not calibrated, because the calibration is that of all together.

        Raises:
            InvalidInput: If X does not fit, or no such model is held; the message names those that are.
        """
        return self._predict(X, model)

    def predict_set(self, X: Any, coverage: float = 0.9) -> NDArray[np.bool_]:
        """Which labels each row may have, shape (n, classes) in the order of `classes_`, by conformal prediction.

        The true label is in a row's set with about the probability asked for, over rows like those of the fit; rows of
        which the model is sure have one label, others several.

        Args:
            X: The rows.
            coverage: Share of rows whose true label is to be in the set.

        Raises:
            InvalidInput: If X does not fit, or too few rows were validated for this coverage.
        """
        fitted, frame = self._checked(X)
        return fitted.sets(frame, coverage)

    def decide(self, threshold: float | None = None, *, costs: Any = None) -> Self:
        """Choose labels in another way from now on: `predict` and saved files follow it, probabilities stay the same.

        The validation score is then unknown for metrics of labels, until `decide()` asks for the most probable label
        again where validation had that, too.

        Args:
            threshold: For two classes: the positive one (`positive_class_`) is predicted above this probability,
                between 0 and 1.
            costs: Costs of errors, as `Metric` takes them: the label with the lowest expected cost is predicted. If
                neither is given, the most probable label is.

        Raises:
            InvalidInput: If both are given, the threshold is no probability or not of two classes, or the model was
                fitted for costs, by which it is scored as well.

        Example:
            >>> clf.decide(0.3).predict(X)  # doctest: +SKIP
        """
        check_is_fitted(self)
        decision, finish = decision_of(self.fitted_, threshold, costs), self.fitted_.finish
        replaced = None if decision is None else finish.of_validation
        self.fitted_ = replace(self.fitted_, finish=replace(finish, decision=decision, decided=None, replaced=replaced))
        return self

    def _codes(self, y: Any) -> NDArray[Any]:
        return encode(y, self.classes_)
