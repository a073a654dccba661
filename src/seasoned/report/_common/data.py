"""Data of a report: plain values, optional where a report may lack them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task

__all__ = ["ColumnRow", "Importance", "MemberRow", "Predictions", "ReportData", "TrialRow"]


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial of the search.

    Attributes:
        number: Number of the trial in the search, from 0.
        model: Name of the model family.
        state: complete, pruned, failed, or "cut off" by the end of the search.
        score: The metric in its usual sign; None unless complete.
        seconds: Duration in seconds; None if unknown.
        error: Reason of the failure or the stop.
        config: Hyperparameters, by name.
        elapsed: Seconds from the start of the fit to the end of the trial; None if unknown.
    """

    number: int
    model: str
    state: str
    score: float | None = None
    seconds: float | None = None
    error: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    elapsed: float | None = None


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One ensemble member.

    Attributes:
        model: Name of the model family.
        weight: Ensemble weight; all weights sum to 1.
        score: Validation score of the member alone; None if unknown.
        number: Number of the member's trial; None if unknown.
        config: Hyperparameters, by name.
        whole: True for a model fitted on all rows, False for the fold models of the trial.
    """

    model: str
    weight: float
    score: float | None = None
    number: int | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = True


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One column of the table, as described by the schema.

    Attributes:
        name: Name of the column.
        kind: numeric, boolean, category, text, date, id or constant.
        became: Description of the model inputs made from the column, or the reason of its exclusion.
        dropped: True for a column that no model uses.
    """

    name: str
    kind: str
    became: str
    dropped: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """True values and predictions of some rows.

    Attributes:
        truth: Class codes or numbers, shape (n,).
        predicted: Probabilities, shape (n, classes), or numbers, shape (n,).
        unseen: True for out-of-fold predictions, by models that were not trained on the row. False for rows that were
            passed to the report, whose use in training is unknown.
        score: The metric on these rows, in its usual sign; None if unknown.
        weights: Sample weights, shape (n,), 1 on average; None for equal weights.
        codes: Predicted classes, shape (n,); None for the most probable classes.
        tuned: True if the decision rule for classes was tuned on these rows. The score is then cross-fitted: each row
            is decided by a rule tuned on other rows.
    """

    truth: NDArray[Any]
    predicted: NDArray[np.floating[Any]]
    unseen: bool
    score: float | None = None
    weights: NDArray[np.floating[Any]] | None = None
    codes: NDArray[np.integer[Any]] | None = None
    tuned: bool = False


@dataclass(frozen=True, slots=True)
class Importance:
    """Permutation importance: increase of the loss when a column is shuffled.

    Attributes:
        names: Names of the measured columns.
        mean: Increase of the loss per column, mean over repeats.
        spread: Standard deviation over repeats per column; 0 for one repeat.
        rows: Number of rows of the measurement.
        repeats: Number of shuffles of each column.
        left_out: Number of columns that were not measured for lack of time.
        unseen: True if the model was not trained on these rows.
        weighted: True if the metric used sample weights.
        limit: Time limit in seconds; None for no limit.
        wanted: Numbers of shuffles, rows and columns of a measurement without a limit.
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    rows: int
    repeats: int
    left_out: int = 0
    unseen: bool = True
    weighted: bool = False
    limit: float | None = None
    wanted: tuple[int, int, int] | None = None

    @property
    def shortened(self) -> bool:
        """True if the limit reduced the number of shuffles, rows or columns."""
        return self.wanted is not None and (self.repeats, self.rows, len(self.names)) != self.wanted


@dataclass(frozen=True, slots=True, eq=False)
class ReportData:
    """All data of a report; parts that are None or empty are omitted, or reported as missing.

    Attributes:
        task: binary, multiclass or regression.
        metric: Name of the metric.
        greater_is_better: True if a larger value of the metric is better.
        trials: Trials in the order of the search.
        columns: Columns of the table, in its order.
        members: Ensemble members.
        classes: Labels as text, in the order of the probabilities' columns; empty for regression.
        positive: Code of the positive class of two, used by the metric, the curves and the reliability diagram.
        score: Validation score of the final model; by default the score of its only member.
        rows: Number of rows of the fit.
        fit_seconds: Wall time of the fit in seconds.
        refit_seconds: Wall time of the last refit on other rows in seconds; None without a refit.
        target: Name of the target column.
        predictions: True values and predictions.
        importance: Importance of the columns.
        code: Python code that repeats the fit.
        weighted: True if the fit used sample weights, as far as known.
        weighs: True if the metric uses sample weights.
        lost: True if the metric is a function that the file of the model did not contain.
        recut: True if labels are now chosen by another rule than in validation, and the metric depends on labels.
        judged: Number of rows passed for the evaluation of the model; 0 without any.
        finish: Sentences about the steps after the members' average, such as calibration.
        notes: Sentences about limits of the repetition.
        versions: Package -> version.
        created: Time of the report, as text.
        experience: Past tasks that the search used, as plain data; None without experience.
    """

    task: Task
    metric: str
    greater_is_better: bool
    trials: tuple[TrialRow, ...]
    columns: tuple[ColumnRow, ...]
    members: tuple[MemberRow, ...]
    classes: tuple[str, ...] = ()
    score: float | None = None
    rows: int | None = None
    fit_seconds: float | None = None
    refit_seconds: float | None = None
    target: str | None = None
    predictions: Predictions | None = None
    importance: Importance | None = None
    code: str | None = None
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str | None = None
    weighted: bool = False
    experience: Mapping[str, Any] | None = None
    finish: tuple[str, ...] = ()
    judged: int = 0
    positive: int = 1
    weighs: bool = True
    lost: bool = False
    recut: bool = False

    @property
    def complete(self) -> tuple[TrialRow, ...]:
        """Trials with a score, the best first; ties go to the earlier one."""
        scored = [(trial, trial.score) for trial in self.trials if trial.score is not None]
        sign = -1 if self.greater_is_better else 1
        scored.sort(key=lambda pair: (sign * pair[1], pair[0].number))
        return tuple(trial for trial, _ in scored)

    @property
    def failed(self) -> tuple[TrialRow, ...]:
        """Trials that failed, in the order of the search."""
        return tuple(trial for trial in self.trials if trial.state == "failed")

    @property
    def unfinished(self) -> tuple[TrialRow, ...]:
        """Trials that were stopped before they had a score, because of poor results or the end of the time."""
        return tuple(trial for trial in self.trials if trial.score is None and trial.state != "failed")

    @property
    def given(self) -> Predictions | None:
        """Predictions for rows passed to the report, if they have a score."""
        known = self.predictions
        return known if known is not None and not known.unseen and known.score is not None else None

    @property
    def final_score(self) -> float | None:
        """Validation score of the final model; None if unknown."""
        if self.score is not None or self.recut or len(self.members) != 1:
            return self.score
        return self.members[0].score
