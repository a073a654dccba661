"""Random forest."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seasoned.space import Categorical, Float, Int, Space
from seasoned.tabular.models import sklearn_file

if TYPE_CHECKING:
    from seasoned.tabular.columns.plan import Diet
    from seasoned.tabular.models.base import Job
    from seasoned.tabular.target import Task

__all__ = ["TREES", "Forest", "grow"]

TREES = 100
_STEP = 10


@dataclass(frozen=True, slots=True)
class Forest:
    """Bagged trees on random subsets of the features (Breiman 2001); missing values go the better way."""

    name: str = "forest"
    diet: Diet = "codes"

    def space(self, task: Task) -> Space:
        """Leaf size, features per split, and the criterion for classes."""
        classes = task != "regression"
        space: dict[str, Any] = {
            "min_samples_leaf": Int(1, 50, log=True, default=2 if classes else 3),
            "max_features": Float(0.1, 1.0, default=0.3 if classes else 0.5),
        }
        if classes:
            space["criterion"] = Categorical(("gini", "entropy"))
        return Space(space)

    def build(self, config: dict[str, Any], job: Job) -> Any:
        """100 trees, or as many as the configuration brings."""
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        settings = dict(config)
        trees = settings.pop("rounds", TREES)
        kind = RandomForestClassifier if job.n_classes else RandomForestRegressor
        return kind(trees, random_state=job.seed, n_jobs=job.threads, **settings)

    def fit(
        self, estimator: Any, train: tuple[Any, Any], valid: tuple[Any, Any] | None, seconds: float | None = None
    ) -> int | None:
        """Fit on (X, y), in a trial ten trees at a time until its time is up; returns the trees grown."""
        return grow(estimator, train, valid, seconds)

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:
        """The configuration with its number of trees fixed."""
        return config if rounds is None else {**config, "rounds": rounds}

    def dump(self, estimator: Any) -> bytes:
        """As a skops archive."""
        return sklearn_file.dump(estimator)

    def load(self, data: bytes) -> Any:
        """From a skops archive."""
        return sklearn_file.load(data, ("RandomForestClassifier", "RandomForestRegressor"))


def grow(estimator: Any, train: tuple[Any, Any], valid: tuple[Any, Any] | None, seconds: float | None) -> int | None:
    """Fit a forest, in a trial with a limit ten trees at a time until its time is up; returns the trees of a trial.

    Predictions use one thread, as threads add the trees up in an order of their own.
    """
    if valid is None or seconds is None:
        estimator.fit(*train)
    else:
        estimator.set_params(warm_start=True)
        deadline = time.monotonic() + seconds
        for grown in range(_STEP, estimator.n_estimators + 1, _STEP):
            estimator.set_params(n_estimators=grown).fit(*train)
            if time.monotonic() > deadline:
                break
        estimator.set_params(warm_start=False)
    estimator.set_params(n_jobs=1)
    return None if valid is None else int(estimator.n_estimators)
