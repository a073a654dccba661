"""Search of a scikit-learn estimator's hyperparameters by cross-validation, with every sampler of this library."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from joblib import effective_n_jobs
from sklearn.model_selection._search import BaseSearchCV

from seasoned.errors import InvalidInput
from seasoned.space import Space
from seasoned.study import Study

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from seasoned.samplers import Sampler
    from seasoned.trials import Trial

    Evaluate = Callable[[list[dict[str, Any]]], Mapping[str, Any]]

__all__ = ["SearchCV"]

_FAILURES: Final = 20  # failures without a success after which the search ends


class SearchCV(BaseSearchCV):  # type: ignore[misc]  # scikit-learn has no types
    """Hyperparameter search in the form of `GridSearchCV`: `fit`, `best_estimator_`, `best_params_`, `cv_results_`.

    Each configuration of the space is cross-validated as one candidate, and the sampler sees its mean score. The best
    estimator is fitted to all rows at the end. All methods and attributes of `GridSearchCV` exist.

    Args:
        estimator: The estimator or pipeline.
        space: The hyperparameters, by the names of `estimator.set_params` such as `svc__C`; a `Space`, or a dict of
            parameters. The option of a `Choice` is the value of its own name, and parameters inside have their own
            names, too: `Choice(rbf=Space(gamma=...), linear=Space())` under the name `kernel`.
        trials: Number of configurations.
        time_limit: Seconds after which no further configuration begins; None for no limit.
        sampler: Sampler of the configurations; `Auto()` by default.
        scoring: Scorer, as in scikit-learn; by default the estimator's `score`.
        cv: Cross-validation, as in scikit-learn; 5 folds by default.
        n_jobs: Number of processes for the fits. If there are more than folds, several configurations run at a time.
        random_state: Seed of the sampler.

    Attributes:
        study_: The study of the search, with figures (`study_.plot()`) and failed trials. Pickled searches have none.

    Raises:
        InvalidInput: If `trials` is not positive, or the space is none.
        ValueError: If the first 20 configurations fail, or scikit-learn refuses the data.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.svm import SVC
        >>> from seasoned import Choice, Float, SearchCV, Space
        >>> kernel = Choice(rbf=Space(gamma=Float(1e-3, 1, log=True)), linear=Space())
        >>> search = SearchCV(SVC(), {"C": Float(1e-2, 1e2, log=True), "kernel": kernel}, trials=8, random_state=0)
        >>> bool(search.fit(*load_iris(return_X_y=True)).best_score_ > 0.95)
        True
        >>> len(search.cv_results_["mean_test_score"]), search.best_params_["kernel"] in {"rbf", "linear"}
        (8, True)
    """

    def __init__(
        self,
        estimator: Any,
        space: Space | Mapping[str, Any],
        *,
        trials: int = 50,
        time_limit: float | None = None,
        sampler: Sampler[Any] | None = None,
        scoring: Any = None,
        cv: Any = None,
        n_jobs: int | None = None,
        random_state: int | None = None,
    ) -> None:
        super().__init__(estimator, scoring=scoring, cv=cv, n_jobs=n_jobs, return_train_score=False)
        self.space = space
        self.trials = trials
        self.time_limit = time_limit
        self.sampler = sampler
        self.random_state = random_state

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "study_"}

    def _run_search(self, evaluate_candidates: Evaluate) -> None:
        if self.trials < 1:
            raise InvalidInput(f"trials is {self.trials}; give at least 1.")
        space = self.space if isinstance(self.space, Space) else Space(**self.space)
        self.study_ = Study(
            space, sampler=self.sampler, direction="maximize", seed=self.random_state, budget=self.trials
        )
        end = None if self.time_limit is None else time.monotonic() + self.time_limit
        together = max(effective_n_jobs(self.n_jobs) // self.n_splits_, 1)
        while (left := self.trials - len(self.study_.trials)) > 0 and not (end is not None and time.monotonic() >= end):
            self._evaluate([self.study_.ask() for _ in range(min(together, left))], evaluate_candidates)

    def _evaluate(self, asked: list[Trial], evaluate_candidates: Evaluate) -> None:
        """Cross-validate configurations and tell their mean scores. A configuration whose fits all fail has failed."""
        try:
            results = evaluate_candidates([parameters_of(trial.config) for trial in asked])
        except ValueError as error:
            for trial in asked:
                self.study_.tell(trial, error=str(error))
            done = self.study_.trials
            if len(done) >= min(_FAILURES, self.trials) and all(trial.values is None for trial in done):
                raise
            return
        scores = np.asarray(results["mean_test_score"])[-len(asked) :]
        for trial, score in zip(asked, scores.tolist(), strict=True):
            if np.isfinite(score):
                self.study_.tell(trial, score)
            else:
                self.study_.tell(trial, error="the fit or the score of a fold failed")


def parameters_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Flat parameters of a configuration: the option of a choice under its name, and the option's own parameters.

    Example:
        >>> parameters_of({"C": 1.0, "kernel": {"rbf": {"gamma": 0.1}}})
        {'C': 1.0, 'kernel': 'rbf', 'gamma': 0.1}
    """
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            ((option, inner),) = value.items()
            found |= {name: option, **parameters_of(inner)}
        else:
            found[name] = value
    return found
