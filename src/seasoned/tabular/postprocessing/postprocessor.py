"""Postprocessing of the members' predictions: pool, calibration and decision rule, learned from out-of-fold rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from seasoned.tabular.metrics.decision_rule import Decision
from seasoned.tabular.postprocessing.calibration import choose_calibration, from_json
from seasoned.tabular.postprocessing.choose_threshold import choose_decision
from seasoned.tabular.postprocessing.pooling import OpinionPool, choose_blend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.postprocessing.calibration import Isotonic, Scaling
    from seasoned.tabular.postprocessing.out_of_fold import OutOfFold

    Array = NDArray[np.float64]

__all__ = ["PostprocessedPredictions", "Postprocessor", "choose_postprocessor"]


@dataclass(frozen=True, slots=True)
class Postprocessor:
    """Postprocessing of the members' predictions.

    Attributes:
        calibration: Calibration map of the probabilities; None for no calibration.
        decision: Decision rule for the labels; None for the most probable label.
        calibrated: Cross-fitted losses without and with the calibration; None if unknown.
        decided: Cross-fitted losses of the most probable label and of the decision rule; None if unknown.
        blend: Learned pool in place of the members' average; None for the average.
        blended: Loss of the average and cross-fitted loss of the pool; None if unknown.
        replaced: Decision rule of the validation, if the user has set another rule since; None without such a rule.
    """

    calibration: Scaling | Isotonic | None = None
    decision: Decision | None = None
    calibrated: tuple[float, float] | None = None
    decided: tuple[float, float] | None = None
    blend: OpinionPool | None = None
    blended: tuple[float, float] | None = None
    replaced: Decision | None = None

    @property
    def of_validation(self) -> Decision | None:
        """Decision rule of the validation score."""
        return self.replaced if self.decision is None or self.decision.asked else self.decision

    @property
    def changes(self) -> bool:
        """True if a calibration or a decision rule changes the probabilities or labels of the ensemble."""
        return self.calibration is not None or self.decision is not None

    def together(self, each: Sequence[Array], weights: Sequence[float]) -> Array:
        """Return the predictions of the ensemble from the members' predictions and their weights in an average."""
        if self.blend is not None:
            return self.apply(self.blend.apply(each))
        parts = (weight * found for weight, found in zip(weights, each, strict=True))
        mean = next(parts)
        for part in parts:  # summed in order, so that a saved model predicts the same bits
            mean = mean + part
        return self.apply(np.minimum(mean, 1.0) if mean.ndim == 2 else np.asarray(mean))  # exceeds 1 by rounding only

    def apply(self, predicted: Array) -> Array:
        """Return calibrated probabilities, shape (n, classes), or numbers unchanged."""
        return predicted if self.calibration is None else self.calibration.apply(predicted)

    def codes(self, p: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """Return class codes, shape (n,), for postprocessed probabilities."""
        return np.argmax(p, axis=1) if self.decision is None else self.decision.codes(p)

    def judged(self, predicted: NDArray[Any], metric: Measure) -> NDArray[Any]:
        """Return the input of the metric: for a metric of labels with a decision rule, the one-hot decided labels.

        The metric "cost" applies the same rule to probabilities itself; metrics of probabilities ignore labels.
        """
        if self.decision is None or not metric.of_labels:
            return predicted
        return np.eye(predicted.shape[1])[self.decision.codes(predicted)]

    def sentences(self, metric: Measure, classes: NDArray[Any]) -> list[str]:
        """Return sentences on each step and its gain, for the log and the report; `classes` are the labels."""
        found = []
        if self.blend is not None:
            found.append(f"{_pooling(self.blend.name, self.blended, metric)} Weights are shown of the mean.")
        if self.calibration is not None:
            found.append(f"Probabilities are calibrated by {self.calibration.name}{_gain(self.calibrated, metric)}.")
        if self.decision is not None:
            cut = self.decision.threshold(metric.positive)
            how = "The label with the lowest expected cost is predicted"
            if cut is not None:
                how = f"{classes.tolist()[metric.positive]!r} is predicted above a probability of {cut:.3g}"
            elif not (self.decision.given or self.decision.asked):
                how = "Rare classes count more when the label is chosen"
            found.append(f"{how}{', as was asked' * self.decision.asked}{_gain(self.decided, metric)}.")
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the postprocessing as plain data."""
        return {
            "calibration": None if self.calibration is None else self.calibration.to_json(),
            "decision": None if self.decision is None else self.decision.to_json(),
            "calibrated": None if self.calibrated is None else list(self.calibrated),
            "decided": None if self.decided is None else list(self.decided),
            "blend": None if self.blend is None else self.blend.to_json(),
            "blended": None if self.blended is None else list(self.blended),
            "replaced": None if self.replaced is None else self.replaced.to_json(),
        }

    @classmethod
    def from_json(cls, found: Any, classes: int, members: int) -> Postprocessor:
        """Return the postprocessing that `to_json` wrote; older bundles contain None, which means no step.

        Raises:
            ValueError: If a step does not fit the number of classes and members.
        """
        if found is None:
            return cls()
        calibration, decision, blend = found["calibration"], found["decision"], found.get("blend")
        replaced = found.get("replaced")
        return cls(
            None if calibration is None else from_json(calibration, classes),
            None if decision is None else Decision.from_json(decision, classes),
            _pair(found["calibrated"]),
            _pair(found["decided"]),
            None if blend is None else OpinionPool.from_json(blend, members, classes),
            _pair(found.get("blended")),
            None if replaced is None else Decision.from_json(replaced, classes),
        )


def _pair(found: Any) -> tuple[float, float] | None:
    if found is None:
        return None
    before, after = map(float, found)
    return before, after


def _pooling(name: str, losses: tuple[float, float] | None, metric: Measure) -> str:
    """Return a sentence on the pool and its selection: the mean has an advantage on the rows of its weights."""
    if losses is None:
        return f"Predictions are combined by {name}."
    mean, pool = (f"{metric.score(loss):.5g}" for loss in losses)
    return (
        f"Predictions are combined by {name}: cross-fitted {metric.name} {pool}. The mean has {mean} on the rows that "
        "chose its weights, so the pool is taken unless it is worse by more than a standard error."
    )


def _gain(losses: tuple[float, float] | None, metric: Measure) -> str:
    if losses is None:
        return ""
    before, after = (metric.score(loss) for loss in losses)
    return f" (cross-fitted {metric.name}: {before:.5g} without, {after:.5g} with it)"


class PostprocessedPredictions(NamedTuple):
    """Selected postprocessing, the cross-fitted out-of-fold predictions after it, and their loss."""

    postprocessor: Postprocessor
    pooled: OutOfFold
    loss: float


def choose_postprocessor(
    pooled: OutOfFold, metric: Measure, seed: int, *, calibrate: bool | None
) -> PostprocessedPredictions:
    """Select pool, calibration and decision rule.

    Args:
        pooled: Out-of-fold predictions of the ensemble.
        metric: The metric to improve.
        seed: Seed of the resamples.
        calibrate: See `SearchSettings.calibrate`.
    """
    finish = Postprocessor()
    blended = None if metric.n_classes and calibrate is False else choose_blend(pooled, metric)
    if blended is not None:
        pooled = pooled.replaced(blended.predicted)
        finish = Postprocessor(blend=blended.blend, blended=(blended.before, blended.after))
    if not metric.n_classes:
        return PostprocessedPredictions(finish, pooled, metric.loss(pooled.truth, pooled.predicted, pooled.weights))
    calibrated = choose_calibration(pooled, metric) if calibrate else None
    if calibrated is not None:
        pooled = pooled.replaced(calibrated.predicted)
        both = calibrated.before, calibrated.after
        finish = replace(finish, calibration=calibrated.calibration, calibrated=both)
    decided = None if metric.costs is not None else choose_decision(pooled, metric, seed)
    loss = metric.loss(pooled.truth, pooled.predicted, pooled.weights)
    if metric.costs is not None:
        finish = replace(finish, decision=Decision(metric.costs, given=True))
    elif decided is not None and decided.decision is not None:
        finish = replace(finish, decision=decided.decision, decided=(decided.before, decided.after))
        loss = decided.after
    return PostprocessedPredictions(finish, pooled, loss)
