"""FewShotClassifier and FewShotRegressor: few-shot learning on tables whose rows belong to tasks."""

from __future__ import annotations

import logging
import math
import time
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from seasoned.errors import InvalidInput
from seasoned.tabular.bundle.parameters import describe_estimator, refuse_incomplete
from seasoned.tabular.bundle.replay_check import replay_sample
from seasoned.tabular.few_shot.archive import write
from seasoned.tabular.few_shot.fit import Options, adapt_table, fit_tasks
from seasoned.tabular.few_shot.tasks import read_tasks, refuse_several, refuse_width
from seasoned.tabular.fit.data_warnings import warn_of_order
from seasoned.tabular.input.frames import has_names, to_frame, to_series
from seasoned.tabular.input.random_state import seed_of
from seasoned.tabular.input.target import Target, encode, read_target
from seasoned.tabular.search.settings import check_number

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.few_shot.adapter import Adapter
    from seasoned.tabular.few_shot.model import AdaptedTable, FewShotFitted

__all__ = ["FewShotClassifier", "FewShotRegressor"]

logger = logging.getLogger("seasoned.tabular")

_MISSING: Final = "empty cells and words such as NA, null and ? name no task"  # for rows without a task


class _FewShot(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """Base class of `FewShotClassifier` and `FewShotRegressor`."""

    _kind: ClassVar[Literal["classification", "regression"]]

    def __init__(
        self,
        learner: Any = None,
        *,
        shots: int = 10,
        validation: float = 0.2,
        time_limit: float | None = 300,
        random_state: Any = None,
    ) -> None:
        self.learner = learner
        self.shots = shots
        self.validation = validation
        self.time_limit = time_limit
        self.random_state = random_state

    def fit(self, X: Any, y: Any, task: Any = None) -> Self:
        """Fit a global model, cross-validated over tasks, and meta-train its adaptation to a task.

        Args:
            X: The features and the task column: pandas or polars frame, pyarrow table, list of dicts. Or a 2-D array,
                with labels as `task`. Or pandas groups, `frame.groupby("store")`.
            y: The target, one value per row; rows without a target are left out.
            task: Name or names of the task columns, or one label per row, or pandas groups. Rows without a task are
                left out. None if X is grouped.

        Raises:
            InvalidInput: If the table, the target, the tasks or a parameter is invalid; the message names the rule.
            MissingExtra: If JAX is not installed.
        """
        refuse_incomplete(self)
        options = self._options()
        warn_of_order(X, y=y, task=task)
        rows = read_tasks(X, task)
        if rows.frame.shape[1] == 0:
            raise InvalidInput("X has no feature beside the task; add columns that carry information.")
        named = rows.words != ""
        values = to_series(y)
        if len(values) != len(named):
            raise InvalidInput(f"X has {len(named)} rows and y has {len(values)}; pass one target per row.")
        if not named.any():
            raise InvalidInput(f"none of the {len(named)} rows says which task it belongs to; {_MISSING}.")
        if not named.all():
            logger.warning("%d of %d rows have no task and are left out; %s.", (~named).sum(), len(named), _MISSING)
        target = read_target(values[named], self._kind)
        kept = np.flatnonzero(named)[target.labelled]
        frame = rows.frame.iloc[kept].reset_index(drop=True)
        fitted, adapter = fit_tasks(frame, target, rows.words[kept], rows.columns, options)
        self.target_name_ = None if getattr(y, "name", None) is None else str(y.name)
        self.restore(fitted, adapter, replay_sample(frame, fitted.fitted.plan.schema))
        return self

    def restore(self, fitted: FewShotFitted, adapter: Adapter, rows: pd.DataFrame | None) -> None:
        """Set the state of a finished fit, as `load` does.

        Args:
            fitted: The fitted model.
            adapter: The task adapter.
            rows: Up to 20 rows to store in the file, so that a load under other library versions can compare
                predictions.
        """
        names = [column.name for column in fitted.fitted.plan.schema.columns]
        self.fitted_ = fitted
        self.adapter_ = adapter
        self.rows_ = rows
        self.unsaved_: tuple[str, ...] = ()  # names of parameters that a file cannot store
        self.decimal_: str | None = None  # decimal sign of the text file of the fit, if a comma
        self.encoding_: str | None = None  # encoding that the user set for this file
        self.n_features_in_ = len(names)
        self.feature_names_in_ = np.array(names, dtype=object)

    @property
    def tasks_(self) -> NDArray[Any]:
        """Names of the tasks of `fit`, sorted."""
        check_is_fitted(self)
        tasks: NDArray[Any] = self.fitted_.tasks
        return tasks

    def adapt(self, X: Any, y: Any, *, tune: bool = True) -> AdaptedTable:
        """Adapt the model to a new task by a few labelled rows.

        Args:
            X: Features of the labelled rows; the task columns may be present or absent.
            y: Targets of the rows; rows without a target are left out.
            tune: True to choose the number of steps and the rate by cross-validation on these rows. For the default
                learner, the rate is a factor on the prior variances, and the losses of validation tasks count as well.

        Raises:
            InvalidInput: If the rows are invalid, belong to several tasks by the task columns of `fit`, or contain a
                class that is not in `fit`.
            MissingExtra: If the learner is not the default one and JAX is not installed.
        """
        check_is_fitted(self)
        warn_of_order(X, y=y)
        frame, values = self._frame(X), to_series(y)
        if len(frame) != len(values) or not len(values):
            raise InvalidInput(
                f"X has {len(frame)} rows and y has {len(values)}; pass one target per row, and at least one row."
            )
        present = values.notna().to_numpy(dtype=bool)
        if not present.any():
            raise InvalidInput(f"all {len(values)} targets are missing; adapt needs at least one labelled row.")
        target = self.read_target(values[present])
        frame = frame.loc[present].reset_index(drop=True)
        if has_names(X):
            refuse_several(frame, self.fitted_.columns)
        return adapt_table(self.fitted_, self.adapter_, frame, target, tune=bool(tune))

    def save(self, path: str | Path, *, key: bytes | str | None = None) -> None:
        """Write everything for prediction and adaptation to one file without pickle; `seasoned.load` reads it.

        Prediction from the file needs no JAX. Adaptation with the default learner needs none either.

        Args:
            path: The file; an existing one is replaced in one step.
            key: Secret that signs the file; see `AutoClassifier.save`.

        Raises:
            InvalidInput: If the key is empty or neither bytes nor text. If the learner's network or loss is a function,
                or a part of the learner has a user-defined class.
        """
        check_is_fitted(self)
        told = describe_estimator(self)
        told["parameters"]["target_name"] = self.target_name_
        write(self.fitted_, self.adapter_, self.rows_, told, Path(path), key)

    def _predict(self, X: Any, task: Any) -> NDArray[np.float64]:
        """Numbers, shape (n,), or probabilities, shape (n, classes), for rows of known tasks."""
        check_is_fitted(self)
        fitted: FewShotFitted = self.fitted_
        if task is not None:
            words = read_tasks(X, task).words
        else:
            frame = to_frame(X)
            lacking = [name for name in fitted.columns if name not in frame.columns]
            if lacking or not fitted.columns:
                what = f"the column {lacking[0]!r}" if lacking else "task="
                raise InvalidInput(
                    f"predict needs to know the task of every row: pass {what}; for a new task adapt(X, y) first."
                )
            words = read_tasks(frame, list(fitted.columns)).words
        if (words == "").any():
            raise InvalidInput(f"row {int(np.argmax(words == ''))} has no task; name it, or leave the row out.")
        return fitted.predict_known(self._frame(X), words)

    def _frame(self, X: Any) -> pd.DataFrame:
        frame = to_frame(X)
        refuse_width(X, self.n_features_in_, type(self).__name__)
        return frame

    def read_target(self, values: pd.Series[Any]) -> Target:
        """Check and encode the target of labelled rows; a single row is enough."""
        kept = np.ones(len(values), dtype=bool)
        if self._kind == "classification":
            classes = self.fitted_.fitted.classes
            return Target("multiclass", encode(values, classes), classes, kept)
        return read_target(values, "regression", few=True)

    def _options(self) -> Options:
        if not isinstance(self.shots, int | np.integer) or isinstance(self.shots, bool) or self.shots < 1:
            raise InvalidInput(f"shots is {self.shots!r}; it must be a whole number above 0.")
        check_number("validation", self.validation, Real, "a share of the tasks, above 0 and below 1", needed=True)
        check_number("time_limit", self.time_limit, Real, "a number of seconds, or None for no limit")
        if not 0 < self.validation < 1:
            raise InvalidInput(f"validation is {self.validation}; it is a share of the tasks, above 0 and below 1.")
        if self.time_limit is not None and not 0 < self.time_limit < math.inf:
            raise InvalidInput(f"time_limit is {self.time_limit}; it is in seconds, above 0, or None for no limit.")
        if self.learner is not None and not hasattr(self.learner, "trained_steps"):
            raise InvalidInput(f"learner is {self.learner!r}; pass a meta-learner such as MAML(...), or None.")
        if self.learner is not None and not getattr(self.learner, "gradual", True):
            raise InvalidInput(
                f"learner is a {type(self.learner).__name__}, which classifies by distances and cannot correct the "
                "global model of these estimators; pass another, such as MAML(...), or use it by itself."
            )
        deadline = time.monotonic() + (math.inf if self.time_limit is None else float(self.time_limit))
        seed = seed_of(self.random_state)
        return Options(self.learner, int(self.shots), float(self.validation), deadline, seed)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


class FewShotClassifier(ClassifierMixin, _FewShot):  # type: ignore[misc]  # scikit-learn is untyped
    """Few-shot classifier for tables of many tasks (customers, sensors, stores), with few rows per new task.

    Linear and boosted models of all tasks, cross-validated over tasks, predict log-probabilities log p(x). A network
    phi corrects them, and its adaptation to a task is meta-trained: softmax(log p(x) + phi(x) W_task). By default
    W_task is a ridge head whose prior is learned from the tasks (`metagrad.RidgeHead`).

    Args:
        learner: A meta-learner of `seasoned.metagrad`; None for the default. With `network=None` its network is a
            `WideDeep`.
        shots: Largest number of labelled rows of a new task; meta-training draws 1 to `shots`.
        validation: Share of the tasks held out for early stopping and the choice of the best step.
        time_limit: Seconds for `fit`; None for no limit. The limit is checked after every `training.every` steps of the
            learner. It does not interrupt compilation, which adds some ten seconds for a table of a new size.
        random_state: An int for reproducible results, a numpy Generator or RandomState, or None.

    Attributes:
        classes_: The labels, sorted: the order of the columns of `predict_proba`.
        tasks_: Names of the tasks of `fit`.
        n_features_in_, feature_names_in_: Number and names of the features of `fit`, without the task.

    Example:
        >>> clf = FewShotClassifier(random_state=0).fit(visits, bought, task="customer")  # doctest: +SKIP
        >>> clf.adapt(first_visits, first_bought).predict_proba(next_visits)  # doctest: +SKIP
    """

    _kind = "classification"

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, sorted."""
        check_is_fitted(self)
        classes: NDArray[Any] = self.fitted_.fitted.classes
        return classes

    def predict(self, X: Any, task: Any = None) -> NDArray[Any]:
        """Most probable label of each row of known tasks, shape (n,); see `predict_proba`."""
        best: NDArray[Any] = self.classes_[np.argmax(self.predict_proba(X, task), axis=1)]
        return best

    def predict_proba(self, X: Any, task: Any = None) -> NDArray[np.float64]:
        """Probabilities for rows of known tasks, shape (n, classes), in the order of `classes_`.

        Args:
            X: The features and the task column.
            task: As for `fit`; None for the task columns of `fit`.

        Raises:
            InvalidInput: If the task of a row is missing or is not in `fit`.
        """
        return self._predict(X, task)


class FewShotRegressor(RegressorMixin, _FewShot):  # type: ignore[misc]  # scikit-learn is untyped
    """Few-shot regressor for tables of many tasks (customers, sensors, stores), with few rows per new task.

    Linear and boosted models of all tasks, cross-validated over tasks, predict f(x). A network phi corrects them, and
    its adaptation to a task is meta-trained: y = f(x) + unit * phi(x) W_task. The unit is a robust size of the errors
    of f. By default W_task is a ridge head whose prior is learned from the tasks (`metagrad.RidgeHead`). The ridge head
    is the exact solution of the inner problem, and empirical Bayes for the hierarchical model.

    Args:
        learner: A meta-learner of `seasoned.metagrad`; None for the default. With `network=None` its network is a
            `WideDeep`.
        shots: Largest number of labelled rows of a new task; meta-training draws 1 to `shots`.
        validation: Share of the tasks held out for early stopping and the choice of the best step.
        time_limit: Seconds for `fit`; None for no limit. The limit is checked after every `training.every` steps of the
            learner. It does not interrupt compilation, which adds some ten seconds for a table of a new size.
        random_state: An int for reproducible results, a numpy Generator or RandomState, or None.

    Attributes:
        tasks_: Names of the tasks of `fit`.
        n_features_in_, feature_names_in_: Number and names of the features of `fit`, without the task.

    Example:
        >>> reg = FewShotRegressor(random_state=0).fit(days, amounts, task="store")  # doctest: +SKIP
        >>> reg.adapt(first_days, first_amounts).predict(next_days)  # doctest: +SKIP
    """

    _kind = "regression"

    def predict(self, X: Any, task: Any = None) -> NDArray[np.float64]:
        """Predicted numbers for rows of known tasks, shape (n,).

        Args:
            X: The features and the task column.
            task: As for `fit`; None for the task columns of `fit`.

        Raises:
            InvalidInput: If the task of a row is missing or is not in `fit`.
        """
        return self._predict(X, task)
