"""Baseline: class frequencies or the mean. The search never tunes the baseline; it is the fallback of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seasoned.space import Space
from seasoned.tabular.safe_files import skops_file

if TYPE_CHECKING:
    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["Baseline"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """Constant prediction for all rows."""

    name: str = "baseline"
    diet: Diet = "codes"
    quantiles: bool = True
    seeded: bool = False

    def space(self, task: Task) -> Space:  # noqa: ARG002 - the protocol's signature
        """Empty space."""
        return Space()

    def build(self, config: dict[str, Any], job: Job) -> Any:  # noqa: ARG002 - the protocol's signature
        """Return a dummy estimator of scikit-learn."""
        from sklearn.dummy import DummyClassifier, DummyRegressor

        if job.n_classes:
            return DummyClassifier(strategy="prior")
        if job.quantile is not None:
            return DummyRegressor(strategy="quantile", quantile=job.quantile)
        return DummyRegressor(strategy="mean")

    def fit(
        self,
        estimator: Any,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,  # noqa: ARG002 - the protocol's signature
        seconds: float | None = None,  # noqa: ARG002 - the protocol's signature
        weights: Weights | None = None,
    ) -> None:
        """Fit on (X, y)."""
        estimator.fit(*train, None if weights is None else weights[0])

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:  # noqa: ARG002 - the protocol's signature
        """Return the configuration unchanged: the baseline has no rounds."""
        return config

    def dump(self, estimator: Any) -> bytes:
        """Serialise as a skops archive."""
        return skops_file.dump(estimator)

    def load(self, data: bytes) -> Any:
        """Deserialise a skops archive."""
        return skops_file.load(data, ("DummyClassifier", "DummyRegressor"))
