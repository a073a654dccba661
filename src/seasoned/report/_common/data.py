"""What a report is made of: plain data, each part optional where it may be missing."""

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
    """One configuration that was tried.

    Attributes:
        number: Its place in the search, from 0 on.
        model: Name of the model family.
        state: complete, pruned, failed, or "cut off" by the end of the search.
        score: The metric in its usual sign; None unless complete.
        seconds: How long it took; None if unknown.
        error: Why it failed or was stopped.
        config: Its settings, by name.
        elapsed: Seconds from the start of the fit to its end; None if unknown.
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
    """One of the models that predict together.

    Attributes:
        model: Name of the model family.
        weight: Its share of the prediction; all weights sum to 1.
        score: The metric that it reached alone in validation; None if unknown.
        number: The trial that it comes from; None if unknown.
        config: Its settings, by name.
        whole: Whether it was fitted on all rows; else it is the models of folds.
    """

    model: str
    weight: float
    score: float | None = None
    number: int | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    whole: bool = True


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One column of the table, as the schema saw it.

    Attributes:
        name: The column's name.
        kind: numeric, boolean, category, text, date, id or constant.
        became: What models get instead of it, or why it is left out.
        dropped: Whether no model sees it.
    """

    name: str
    kind: str
    became: str
    dropped: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """The truth beside what was predicted.

    Attributes:
        truth: Class codes or numbers, shape (n,).
        predicted: Probabilities, shape (n, classes), or numbers, shape (n,).
        unseen: True for out-of-fold predictions, which were made by models that had not seen the row; False for rows
            that were passed to the report, of which it is unknown.
        score: The metric on these rows, in its usual sign; None if unknown.
        weights: How much each row counts, shape (n,), 1 on average; None if all count the same.
        codes: The predicted classes, shape (n,); None if they are the most probable ones.
        tuned: Whether the rule that decides on classes was tuned on these rows. The score is then the cross-fitted one,
            over all rows used for tuning, each decided by a rule tuned on others.
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
    """How much worse the metric gets when a column is shuffled.

    Attributes:
        names: The columns that were measured.
        mean: Increase of the loss, the mean over repeats; a value a column.
        spread: Standard deviation over repeats; a value a column, 0 with one repeat.
        rows: Number of rows that it was measured on.
        repeats: Number of shuffles of each column.
        left_out: Number of columns for which no time was left.
        unseen: Whether the model had not seen these rows.
        weighted: Whether the metric weighed them.
        limit: Seconds that it could take; None for as many as it needs.
        wanted: Shuffles, rows and columns that it had measured without a limit.
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
        """Whether the limit left out shuffles, rows or columns."""
        return self.wanted is not None and (self.repeats, self.rows, len(self.names)) != self.wanted


@dataclass(frozen=True, slots=True, eq=False)
class ReportData:
    """All that a report tells; what is None or empty is left out, or said to be missing.

    Attributes:
        task: binary, multiclass or regression.
        metric: The metric's name.
        greater_is_better: Whether the metric grows with quality.
        trials: What was tried, in the order of the search.
        columns: The columns of the table, in its order.
        members: The models that predict.
        classes: The labels as text, in the order of the probabilities' columns; empty for regression.
        positive: Which of two classes the metric is about, and with it curves and reliability.
        score: What the final model reached in validation; by default what its only member reached.
        rows: Number of rows of the fit.
        fit_seconds: Wall clock of the fit.
        refit_seconds: That of the last refit on other rows; None if there was none.
        target: Name of the column that is predicted.
        predictions: The truth beside what was predicted.
        importance: Which columns matter.
        code: Python that repeats the fit.
        weighted: Whether rows of the fit counted differently, as far as it is known.
        weighs: Whether the metric counts rows by weights.
        lost: Whether the metric is a function that the file of the model did not hold.
        recut: Whether labels are now chosen in another way than in validation, and the metric judges labels.
        judged: Number of rows that were given to judge the model by; 0 without any.
        finish: Sentences on what follows the members' average, such as calibration.
        notes: Sentences about repeating it that a reader should know.
        versions: Package -> version.
        created: When the report was made, as text.
        experience: Past tasks that the search used, as plain data; None if it used none.
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
        """Trials that were stopped before they had a score, because they were poor or the time was up."""
        return tuple(trial for trial in self.trials if trial.score is None and trial.state != "failed")

    @property
    def given(self) -> Predictions | None:
        """Predictions for rows handed to the report, if there are any with a score."""
        known = self.predictions
        return known if known is not None and not known.unseen and known.score is not None else None

    @property
    def final_score(self) -> float | None:
        """What the final model reached in validation; None if unknown."""
        if self.score is not None or self.recut or len(self.members) != 1:
            return self.score
        return self.members[0].score
