"""Fitted model: the state that prediction, the leaderboard and the bundle need."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.ensemble.prediction_threads import map_members
from seasoned.tabular.features.inputs import feature_inputs
from seasoned.tabular.input.frames import to_frame
from seasoned.tabular.models.registry import MODELS, find, stores_rows
from seasoned.tabular.postprocessing.postprocessor import Postprocessor
from seasoned.tabular.preprocessing.matrix_files import in_parts
from seasoned.tabular.schema.column import warn_of_unreadable
from seasoned.tabular.trial.seed_average import makers_of, predict_matrices
from seasoned.tabular.trial.stacked_features import STACKED_ON, columns_of, split_below

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.budget.fit_summary import FitSummary
    from seasoned.tabular.ensemble.prediction_time import PredictionTime
    from seasoned.tabular.input.target import Task
    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.models._common.base import Model
    from seasoned.tabular.postprocessing.conformal import Conformal
    from seasoned.tabular.postprocessing.validation_evidence import ValidationEvidence
    from seasoned.tabular.preprocessing.column_plan import ColumnPlan, Diet
    from seasoned.tabular.schema.column import UnreadableCells
    from seasoned.tabular.trial.trial_row import TrialRow

__all__ = ["Fitted", "Member", "places_below", "with_base_models"]

_T = TypeVar("_T")

_COPIES: Final = 2  # copies of the engineered columns while they are joined with the plan's columns
CONCURRENT_FITS: Final = 6  # fits of a member whose predictions are in memory at once, in addition to finished members
MAX_PART_ROWS: Final = 20_000  # largest number of rows of a part while `after_part` is set


@dataclass(frozen=True, slots=True)
class Member:
    """Ensemble member: one fitted model.

    Attributes:
        name: Name of the model family.
        config: Configuration of the model.
        estimator: The fitted estimator; a `Featured` one with engineered columns, a `Repeated` one of several fits.
        weight: Weight in the ensemble average.
        own: The family object of a user's own model; None for a built-in family.
        whole: True if fitted on all rows. False for fold models, each of which was fitted without some rows.
    """

    name: str
    config: dict[str, Any]
    estimator: Any
    weight: float = 1.0
    own: Model | None = None
    whole: bool = True

    @property
    def model(self) -> Model:
        """The model family."""
        return self.own or find(self.name)

    @property
    def base_configurations(self) -> tuple[dict[str, Any], ...]:
        """Configurations of the base models of a stacked member; empty in the first layer."""
        return split_below(self.config)[1]


@dataclass(frozen=True, slots=True)
class Fitted:
    """Fitted model with its preprocessing, postprocessing and search history.

    Attributes:
        task: binary, multiclass or regression.
        classes: The labels, sorted; empty for regression.
        metric: The optimised metric.
        plan: Column plan, which converts a table to matrices.
        members: Ensemble members; their weights sum to 1. Members of a second layer come last, the others by descending
            weight.
        trials: Trials of the search.
        validated: Out-of-fold predictions of the ensemble; None if unknown.
        rows: Number of training rows; None if unknown.
        seconds: Wall-clock seconds of the fit; None if unknown.
        experience: Description of the past tasks that guided the search, as plain data; None without guidance.
        postprocessor: Postprocessing of the members' predictions.
        conformal: Conformal predictor for intervals and label sets; None without validation results.
        pace: Prediction latency; None if no limit was set.
        grouped: True if the rows had groups, which no validation split may cut.
        refitted: Wall-clock seconds of the last `refit`, which used other rows than the search; None without `refit`.
        out_of_fold: Ensemble predictions for the training rows by models that were not fitted on them. NaN where no
            such model exists; None if unknown. Not stored in files.
        idle: True if the search ended early because its last trials brought no gain. Not stored in files.
        fit_summary: Summary of the fit; None in files of versions without summaries.
        after_part: Callback that receives the number of rows of each predicted part. Not stored in files.
    """

    task: Task
    classes: NDArray[Any]
    metric: Measure
    plan: ColumnPlan
    members: tuple[Member, ...]
    trials: tuple[TrialRow, ...]
    validated: ValidationEvidence | None = None
    rows: int | None = None
    seconds: float | None = None
    experience: Mapping[str, Any] | None = None
    postprocessor: Postprocessor = field(default_factory=Postprocessor)
    conformal: Conformal | None = None
    pace: PredictionTime | None = None
    grouped: bool = False
    refitted: float | None = None
    out_of_fold: NDArray[np.floating] | None = None
    idle: bool = False
    fit_summary: FitSummary | None = None
    after_part: Callable[[int], object] | None = None

    @property
    def weighted(self) -> bool:
        """True if the rows of the fit had different weights, as far as known."""
        return self.validated is not None and self.validated.weights is not None

    @property
    def summary(self) -> str | None:
        """Sentence with the ensemble's validation score and the score of a constant prediction; None if unknown."""
        score, baseline = self.validation_score, self.baseline_score
        if score is None:
            return None
        said = f"All models together: {self.metric.name} {score:.5g} in validation"
        return f"{said}." if baseline is None else f"{said}; predicting the same for all rows: {baseline:.5g}."

    @property
    def validation_score(self) -> float | None:
        """Validation score of the ensemble, in the metric's usual sign; None if unknown.

        The score of a metric of labels is also unknown after the user has changed the decision rule.
        """
        decision = self.postprocessor.decision
        recut = decision is not None and decision.asked and self.metric.of_labels
        return None if self.validated is None or recut else self.metric.score(self.validated.loss)

    @property
    def baseline_score(self) -> float | None:
        """Validation score of a constant prediction; None if unknown."""
        known = self.validated
        return None if known is None or known.baseline is None else self.metric.score(known.baseline)

    @property
    def sentences(self) -> list[str]:
        """Sentences on postprocessing, on prediction latency, and on training rows in the members."""
        latency = [] if self.pace is None else [self.pace.sentence]
        return [*self.postprocessor.sentences(self.metric, self.classes), *latency, *self._stored_rows()]

    def _stored_rows(self) -> list[str]:
        names = {member.name for member in self.members if stores_rows(member.own or MODELS.get(member.name))}
        told = "The model contains training rows (%s); SearchSettings(store_rows=False) leaves such families out."
        return [told % ", ".join(sorted(names))] if names else []

    def predict(self, X: Any, lost: list[UnreadableCells] | None = None) -> NDArray[np.float64]:
        """Predict probabilities, shape (n, classes), or numbers, shape (n,).

        Args:
            X: The table.
            lost: As in `Schema.apply`.

        Raises:
            InvalidInput: If X is no table or lacks a column.
        """
        parts = self._in_parts(X, lambda part, lost: self.together(self._each(part, lost)), lost)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def predict_each(self, X: Any) -> list[NDArray[np.float64]]:
        """Predict with each member separately, in their order; shapes as in `predict`.

        Raises:
            InvalidInput: If X is no table or lacks a column.
        """
        parts = self._in_parts(X, self._each)
        return parts[0] if len(parts) == 1 else [np.concatenate(found) for found in zip(*parts, strict=True)]

    def together(self, each: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Combine the output of `predict_each` into the output of `predict`."""
        return self.postprocessor.together(each, [member.weight for member in self.members])

    def alone(self, place: int) -> Fitted:
        """Model of the single member at position `place`.

        Calibration, threshold, intervals and the evidence for the report are dropped: they were learned for the
        ensemble. Costs of errors that the user set still decide labels. The base models of a stacked member are
        included with a weight of 0.
        """
        member, decision = replace(self.members[place], weight=1.0), self.postprocessor.decision
        below = [replace(self.members[other], weight=0.0) for other in places_below(member, self.members) or ()]
        finish = Postprocessor(decision=decision if decision is not None and decision.given else None)
        return replace(self, members=(member, *below), postprocessor=finish, validated=None, conformal=None, pace=None)

    def _in_parts(
        self,
        X: Any,
        what: Callable[[pd.DataFrame, list[UnreadableCells]], _T],
        lost: list[UnreadableCells] | None = None,
    ) -> list[_T]:
        """Apply `what` to parts of X that are small enough for memory in all input formats of the models."""
        noted: list[UnreadableCells] = [] if lost is None else lost
        outputs = max(len(self.classes), 1) * (
            len(self.members) + CONCURRENT_FITS
        )  # predicted numbers per row in memory
        made = max((maker.count for one in self.members for maker in makers_of(one.estimator)), default=0)
        width = max(self.plan.dense.width + _COPIES * made, outputs)
        found = []
        for part in in_parts(to_frame(X), width, None if self.after_part is None else MAX_PART_ROWS):
            found.append(what(part, noted))
            if self.after_part is not None:
                self.after_part(len(part))
        if lost is None:
            warn_of_unreadable(noted, len(found))
        return found

    def _each(self, frame: pd.DataFrame, lost: list[UnreadableCells]) -> list[NDArray[np.float64]]:
        """Predictions of each member for one part. Unreadable cells are added to `lost`."""
        diets: dict[str, Diet] = {member.name: member.model.diet for member in self.members}
        wanted: set[Diet] = set(diets.values())
        made = [maker for member in self.members for maker in makers_of(member.estimator)]
        matrices = self.plan.matrices(frame, wanted | {"codes"} if made else wanted, lost)
        given = None
        if made:
            texts = any(one.reads_texts for one in made)
            given = feature_inputs(self.plan, frame, matrices["codes"], texts=texts)
        found: list[NDArray[np.float64]] = [np.empty(0)] * len(self.members)

        def predict_member(place: int) -> NDArray[np.float64]:
            member = self.members[place]
            diet = diets[member.name]
            eaten = {diet: self._above(member, matrices[diet], found)}
            return predict_matrices(member.estimator, eaten, diet, len(self.classes), given)

        # features read texts through a cache, and a user's own model may not be safe in threads
        free = not made and all(member.own is None for member in self.members)
        for upper in (False, True):  # the second layer needs the predictions of the first
            places = [place for place, one in enumerate(self.members) if bool(one.base_configurations) is upper]
            layer = map_members(predict_member, places, len(frame), side_by_side=free)
            for place, predicted in zip(places, layer, strict=True):
                found[place] = predicted
        return found

    def _above(
        self, member: Member, matrix: NDArray[np.float64], found: Sequence[NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """Input matrix of a member. A stacked member gets the predictions of its base models as further columns."""
        places = places_below(member, self.members)
        assert places is not None, "a model goes where those below it go"
        return np.hstack([matrix, columns_of([found[place] for place in places])]) if places else matrix

    def intervals(self, X: Any, coverage: float) -> NDArray[np.float64]:
        """Prediction intervals: lower and upper bounds, shape (n, 2).

        Raises:
            InvalidInput: If X is no table or lacks a column, or too few rows were validated for the coverage.
        """
        conformal = self._known_conformal()

        def bounds(part: pd.DataFrame, lost: list[UnreadableCells]) -> NDArray[np.float64]:
            codes = None if conformal.scale is None else self.plan.matrices(part, {"codes"}, [])["codes"]
            return conformal.intervals(self.together(self._each(part, lost)), codes, coverage)

        found = self._in_parts(X, bounds)
        return found[0] if len(found) == 1 else np.concatenate(found)

    def sets(self, X: Any, coverage: float) -> NDArray[np.bool_]:
        """Prediction sets: the possible classes of each row, shape (n, classes).

        Raises:
            InvalidInput: If X is no table or lacks a column, or too few rows were validated for the coverage.
        """
        return self._known_conformal().sets(self.predict(X), coverage)

    def _known_conformal(self) -> Conformal:
        if self.conformal is None:
            raise InvalidInput(
                "no intervals or label sets are available: the search was cut short or completed no trial, this is a "
                "single model of an ensemble, or the file is from an older version; fit again, or use the whole "
                "ensemble."
            )
        return self.conformal

    def loss(
        self, truth: NDArray[Any], predicted: NDArray[np.float64], weights: NDArray[np.float64] | None = None
    ) -> float:
        """Loss of predictions from `predict`. Labels are decided as in the estimator's `predict`.

        Raises:
            ValueError: If the metric is not defined on these rows.
        """
        return self.metric.loss(truth, self.postprocessor.judged(predicted, self.metric), weights)


def places_below(member: Member, members: Sequence[Member]) -> list[int] | None:
    """Positions of a member's base models among the members; empty in the first layer, None if one is missing.

    A base model must be of the first layer.
    """
    found = []
    for source in split_below(member.config)[1]:
        ((name, config),) = source["model"].items()
        places = (place for place, one in enumerate(members) if (one.name, one.config) == (name, config))
        place = next(places, None)
        if place is None or STACKED_ON in config:
            return None
        found.append(place)
    return found


def with_base_models(members: Mapping[int, Member]) -> dict[int, Member]:
    """Members, by position, whose base models are all present."""
    some = list(members.values())
    return {place: member for place, member in members.items() if places_below(member, some) is not None}
