"""What a finished fit leaves behind: all that prediction, the leaderboard and the bundle need."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from seasoned._util.blas_threads import openmp_threads
from seasoned.errors import InvalidInput
from seasoned.execution._system.resources import cpu_count
from seasoned.tabular.features.inputs import given_of
from seasoned.tabular.input.frames import to_frame
from seasoned.tabular.models.registry import find
from seasoned.tabular.postprocessing.postprocessor import Finish
from seasoned.tabular.preprocessing.matrix_files import in_parts
from seasoned.tabular.schema.column import warn_of_lost
from seasoned.tabular.trial.seed_average import makers_of, predict_matrices
from seasoned.tabular.trial.stacked_features import BELOW, columns_of, split_below

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.budget.fit_summary import FitSummary
    from seasoned.tabular.ensemble.prediction_time import Pace
    from seasoned.tabular.input.target import Task
    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.models._common.base import Model
    from seasoned.tabular.postprocessing.conformal import Conformal
    from seasoned.tabular.postprocessing.validation_evidence import Validated
    from seasoned.tabular.preprocessing.column_plan import ColumnPlan, Diet
    from seasoned.tabular.schema.column import Lost

__all__ = ["Fitted", "Member", "places_below", "standing"]

_T = TypeVar("_T")

_COPIES: Final = 2  # of made columns, while they are put beside the plan's
_FITS: Final = 6  # fits of a member that are there at once, beside what has been predicted already
_ROWS_FOR_THREADS: Final = 1000
_MOST_WATCHED: Final = 20_000  # rows of a part where somebody waits for news of it


@dataclass(frozen=True, slots=True)
class Member:
    """One fitted model.

    Attributes:
        name: Its family's name.
        config: Its configuration.
        estimator: What was fitted; a `Featured` one where features were made, a `Repeated` one of several fits.
        weight: Its weight in the average.
        own: The family itself, where it is the user's own.
        whole: Whether it was fitted on all rows; else it is the models of folds, each of which lacks some of the rows.
    """

    name: str
    config: dict[str, Any]
    estimator: Any
    weight: float = 1.0
    own: Model | None = None
    whole: bool = True

    @property
    def model(self) -> Model:
        """Its family."""
        return self.own or find(self.name)

    @property
    def below(self) -> tuple[dict[str, Any], ...]:
        """The configurations of the models that it is stacked on; none in the first layer."""
        return split_below(self.config)[1]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted model with everything around it.

    Attributes:
        task: binary, multiclass or regression.
        classes: The labels, sorted; empty for regression.
        metric: What was optimised.
        plan: Turns a table into matrices.
        members: The models that predict together, those of a second layer last, else the heaviest first; their weights
            sum to 1.
        trials: What was tried, one dict per trial: number, model, state, loss, seconds, error, config, and
            elapsed (seconds from the start of the fit to its end) and predict_ms (a row) where these are known.
        validated: What the members together predicted for rows they had not seen; None if that is not known.
        rows: Number of rows that the models were fitted on; None if unknown.
        seconds: Wall clock of the fit; None if unknown.
        refitted: Wall clock of the last `refit`, which saw other rows than the search; None if there was none.
        experience: What past tasks it was guided by, as plain data; None if by none.
        finish: What is done with the members' predictions.
        pace: How long a prediction takes, where a limit was set; None otherwise.
        conformal: What intervals and sets of labels are made from; None where nothing is known of validation.
        grouped: Whether the rows came in groups, which no split for validation may cut.
        out_of_fold: What all members predict together for the rows of the fit, each by models that did not know it,
            NaN where none did; None where that is unknown. No file holds it.
        idle: Whether the search ended before its time, because its last trials gained nothing. No file holds it.
        fit_summary: The first lines of the fit; None in a file from before summaries.
        after_part: Called with the number of rows of each part that has been predicted. No file holds it.
    """

    task: Task
    classes: NDArray[Any]
    metric: Measure
    plan: ColumnPlan
    members: tuple[Member, ...]
    trials: tuple[dict[str, Any], ...]
    validated: Validated | None = None
    rows: int | None = None
    seconds: float | None = None
    experience: Mapping[str, Any] | None = None
    finish: Finish = field(default_factory=Finish)
    conformal: Conformal | None = None
    pace: Pace | None = None
    grouped: bool = False
    refitted: float | None = None
    out_of_fold: NDArray[np.floating] | None = None
    idle: bool = False
    fit_summary: FitSummary | None = None
    after_part: Callable[[int], object] | None = None

    @property
    def weighted(self) -> bool:
        """Whether rows of the fit counted differently, as far as it is known."""
        return self.validated is not None and self.validated.weights is not None

    @property
    def summary(self) -> str | None:
        """What all members together reached in validation, beside what predicting the same for all rows does there."""
        score, baseline = self.validation_score, self.baseline_score
        if score is None:
            return None
        said = f"All models together: {self.metric.name} {score:.5g} in validation"
        return f"{said}." if baseline is None else f"{said}; predicting the same for all rows: {baseline:.5g}."

    @property
    def validation_score(self) -> float | None:
        """What all members together reached in validation, in the metric's usual sign; None if it is not known.

        It is not known either where labels are now chosen in another way, and the metric is of labels.
        """
        decision = self.finish.decision
        recut = decision is not None and decision.asked and self.metric.of_labels
        return None if self.validated is None or recut else self.metric.score(self.validated.loss)

    @property
    def baseline_score(self) -> float | None:
        """The same for predicting the same for all rows."""
        known = self.validated
        return None if known is None or known.baseline is None else self.metric.score(known.baseline)

    @property
    def sentences(self) -> list[str]:
        """What follows the members' average, and how long a prediction takes, as sentences."""
        return [*self.finish.sentences(self.metric, self.classes), *([] if self.pace is None else [self.pace.sentence])]

    def predict(self, X: Any, lost: list[Lost] | None = None) -> NDArray[np.float64]:
        """Probabilities, shape (n, classes), or numbers, shape (n,).

        Args:
            X: The table.
            lost: As in `Schema.apply`.

        Raises:
            InvalidInput: If X is no table or lacks a column.
        """
        parts = self._in_parts(X, lambda part, lost: self.together(self._each(part, lost)), lost)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def predict_each(self, X: Any) -> list[NDArray[np.float64]]:
        """What each member predicts by itself, in their order: probabilities or numbers, shaped as those of `predict`.

        Raises:
            InvalidInput: If X is no table or lacks a column.
        """
        parts = self._in_parts(X, self._each)
        return parts[0] if len(parts) == 1 else [np.concatenate(found) for found in zip(*parts, strict=True)]

    def together(self, each: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """What `predict` gives, from what `predict_each` gives for the same rows."""
        return self.finish.together(each, [member.weight for member in self.members])

    def alone(self, place: int) -> Fitted:
        """The member at that place by itself.

        What was learned from predictions of all together (calibration, threshold, intervals, the evidence for the
        report) does not belong to it and is left out; costs of errors that the user gave decide for it, too. Models
        that it is stacked on come with it, with a weight of 0.
        """
        member, decision = replace(self.members[place], weight=1.0), self.finish.decision
        below = [replace(self.members[other], weight=0.0) for other in places_below(member, self.members) or ()]
        finish = Finish(decision=decision if decision is not None and decision.given else None)
        return replace(self, members=(member, *below), finish=finish, validated=None, conformal=None, pace=None)

    def _in_parts(
        self, X: Any, what: Callable[[pd.DataFrame, list[Lost]], _T], lost: list[Lost] | None = None
    ) -> list[_T]:
        """What is made of each part of X, whose rows are few enough to be in memory in all of the models' formats."""
        noted: list[Lost] = [] if lost is None else lost
        outputs = max(len(self.classes), 1) * (len(self.members) + _FITS)  # numbers of a row that are there at once
        made = max((maker.count for one in self.members for maker in makers_of(one.estimator)), default=0)
        width = max(self.plan.dense.width + _COPIES * made, outputs)
        found = []
        for part in in_parts(to_frame(X), width, None if self.after_part is None else _MOST_WATCHED):
            found.append(what(part, noted))
            if self.after_part is not None:
                self.after_part(len(part))
        if lost is None:
            warn_of_lost(noted, len(found))
        return found

    def _each(self, frame: pd.DataFrame, lost: list[Lost]) -> list[NDArray[np.float64]]:
        """What each member predicts for one part; cells that cannot be read are noted."""
        diets: dict[str, Diet] = {member.name: member.model.diet for member in self.members}
        wanted: set[Diet] = set(diets.values())
        made = [maker for member in self.members for maker in makers_of(member.estimator)]
        matrices = self.plan.matrices(frame, wanted | {"codes"} if made else wanted, lost)
        given = None
        if made:
            texts = any(one.reads_texts for one in made)
            given = given_of(self.plan, frame, matrices["codes"], texts=texts)
        found: list[NDArray[np.float64]] = [np.empty(0)] * len(self.members)
        with _threads_for(len(frame)):
            for place in sorted(range(len(found)), key=lambda place: bool(self.members[place].below)):
                member = self.members[place]
                diet = diets[member.name]
                eaten = {diet: self._above(member, matrices[diet], found)}
                found[place] = predict_matrices(member.estimator, eaten, diet, len(self.classes), given)
        return found

    def _above(
        self, member: Member, matrix: NDArray[np.float64], found: Sequence[NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        """The rows, with the predictions of the models below the member beside them; unchanged in the first layer."""
        places = places_below(member, self.members)
        assert places is not None, "a model goes where those below it go"
        return np.hstack([matrix, columns_of([found[place] for place in places])]) if places else matrix

    def intervals(self, X: Any, coverage: float) -> NDArray[np.float64]:
        """Lower and upper bounds of numbers, shape (n, 2).

        Raises:
            InvalidInput: If X is no table or lacks a column, or too few rows were validated for the coverage.
        """
        conformal = self._known_conformal()

        def bounds(part: pd.DataFrame, lost: list[Lost]) -> NDArray[np.float64]:
            codes = None if conformal.scale is None else self.plan.matrices(part, {"codes"}, [])["codes"]
            return conformal.intervals(self.together(self._each(part, lost)), codes, coverage)

        found = self._in_parts(X, bounds)
        return found[0] if len(found) == 1 else np.concatenate(found)

    def sets(self, X: Any, coverage: float) -> NDArray[np.bool_]:
        """Which classes each row may be of, shape (n, classes).

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
        """The metric's loss of what `predict` gave, labels being chosen as `predict` of the estimator does.

        Raises:
            ValueError: If the metric is not defined on these rows.
        """
        return self.metric.loss(truth, self.finish.judged(predicted, self.metric), weights)


def _threads_for(rows: int) -> AbstractContextManager[None]:
    """One OpenMP thread for few rows: more would wait for each other longer than work, above all on a busy machine.

    For more rows as many as this process may use, which in a container OpenMP does not know by itself. It keeps this
    number for each calling thread, so what other threads predict meanwhile is not affected.
    """
    return openmp_threads(1 if rows < _ROWS_FOR_THREADS else cpu_count())


def places_below(member: Member, members: Sequence[Member]) -> list[int] | None:
    """Where the models below a member are among the members; empty for one of the first layer, None if one is missing.

    A model below is of the first layer itself.
    """
    found = []
    for source in split_below(member.config)[1]:
        ((name, config),) = source["model"].items()
        places = (place for place, one in enumerate(members) if (one.name, one.config) == (name, config))
        place = next(places, None)
        if place is None or BELOW in config:
            return None
        found.append(place)
    return found


def standing(members: Mapping[int, Member]) -> dict[int, Member]:
    """Those of the members, by place, that have all models below them among these."""
    some = list(members.values())
    return {place: member for place, member in members.items() if places_below(member, some) is not None}
