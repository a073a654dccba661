"""Collection of a report's data from a fitted estimator."""

from __future__ import annotations

import logging
import platform
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.setting import grows
from seasoned.report._common.data import MemberRow, Predictions, ReportData, TrialRow
from seasoned.report._common.labelled_rows import known_rows
from seasoned.report._common.score import is_lost, score_on
from seasoned.report.explain.model_importance import SECONDS, model_importance
from seasoned.report.model.code import code_of
from seasoned.report.model.columns import column_rows
from seasoned.tabular.bundle.replay_check import versions
from seasoned.tabular.ensemble.fitted_model import Fitted
from seasoned.tabular.fit.restored_metric import with_metric
from seasoned.tabular.input.frames import to_frame, to_series
from seasoned.tabular.postprocessing.choose_threshold import searched

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["report_data"]

logger = logging.getLogger("seasoned.report")


def report_data(
    estimator: Any,
    X: Any = None,
    y: Any = None,
    *,
    unseen: bool = True,
    sample_weight: Any = None,
    seconds: float | None = SECONDS,
    progress: bool | None = False,
) -> ReportData:
    """Return the data of an estimator's report.

    Args:
        estimator: A fitted AutoClassifier or AutoRegressor.
        X: Rows for the evaluation, preferably rows that were not in the training data; a table as for `fit`.
        y: The target of these rows.
        unseen: False for rows of the fit: they are used for column importance only, and the quality figures show the
            validation results.
        sample_weight: Weights of these rows; None for equal weights.
        seconds: Time limit of the importance measurement in seconds; None for no limit.
        progress: True shows a progress line, False hides it; None shows it on a terminal and in a notebook.

    Raises:
        InvalidInput: Only one of X and y is passed, their lengths differ, the table lacks a column, or weights are
            negative or missing.
        sklearn.exceptions.NotFittedError: The estimator is not fitted.
    """
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator)
    if not isinstance(estimator.fitted_, Fitted):
        raise InvalidInput(f"a report is about a model of one table; this is a {type(estimator).__name__}.")
    fitted = with_metric(estimator)
    trials = _trials(fitted)
    data = ReportData(
        task=fitted.task,
        metric=fitted.metric.name,
        greater_is_better=fitted.metric.greater_is_better,
        trials=trials,
        columns=column_rows(fitted.plan),
        members=_members(fitted, trials),
        classes=tuple(map(str, fitted.classes.tolist())),
        positive=fitted.metric.positive,
        code=code_of(estimator, fitted),
        score=_validated_score(fitted),
        rows=fitted.rows,
        fit_seconds=fitted.seconds,
        refit_seconds=fitted.refitted,
        predictions=_validated(fitted),
        notes=model_notes(estimator),
        versions=_versions(fitted),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        weighted=fitted.weighted,
        weighs=fitted.metric.weighs or is_lost(fitted),
        lost=is_lost(fitted),
        recut=_recut(fitted),
        experience=fitted.experience if isinstance(fitted.experience, dict) else None,
        finish=(*fitted.sentences, *_intervals(fitted)),
    )
    if X is None and y is None:
        if sample_weight is not None:
            raise InvalidInput("sample_weight says how much rows count, and no rows are given; pass X and y, too.")
        return data
    if X is None or y is None:
        raise InvalidInput(f"{'X' if X is None else 'y'} is None; pass both X and y, or neither.")
    limit = None if seconds is None else max(float(seconds), 0.0)
    return _judged(data, estimator, (to_frame(X), to_series(y), sample_weight), unseen, (limit, progress))


def _trials(fitted: Fitted) -> tuple[TrialRow, ...]:
    return tuple(
        TrialRow(
            number=trial.number,
            model=trial.model,
            state=trial.state,
            score=fitted.metric.score(trial.final_loss) if trial.is_complete else None,
            seconds=trial.seconds,
            error=trial.error,
            config=trial.config,
            elapsed=trial.elapsed,
        )
        for trial in fitted.trials
    )


def _validated_score(fitted: Fitted) -> float | None:
    """Return the final model's validation score.

    None for a plain single member, whose trial has the score on all rows.
    """
    plain = len(fitted.members) == 1 and not fitted.postprocessor.changes and not searched(fitted.metric).at_best_cut
    if fitted.validated is None or plain or _recut(fitted):
        return None
    return fitted.metric.score(fitted.validated.loss)


def _recut(fitted: Fitted) -> bool:
    """Return True if labels are now chosen by another rule than in validation, and the metric depends on labels."""
    return fitted.validated is not None and fitted.validation_score is None


def _validated(fitted: Fitted) -> Predictions | None:
    known = fitted.validated
    if known is None:
        return None
    tuned = fitted.postprocessor.decided is not None  # tuned on these rows: their plain score would be too good
    shown = known.truth, known.predicted
    score = fitted.metric.score(known.loss) if tuned else score_on(fitted, *shown, known.weights)
    codes = _codes(fitted, known.predicted)
    return Predictions(*shown, unseen=True, score=score, weights=known.weights, codes=codes, tuned=tuned)


def _codes(fitted: Fitted, predicted: NDArray[np.floating[Any]]) -> NDArray[np.int64] | None:
    """Return the predicted classes, or None if they are the most probable classes."""
    return None if fitted.postprocessor.decision is None else fitted.postprocessor.codes(predicted)


def _intervals(fitted: Fitted) -> list[str]:
    if fitted.conformal is None or fitted.task != "regression":
        return []
    sentence = fitted.conformal.sentence()
    return [] if sentence is None else [sentence]


def _members(fitted: Fitted, trials: tuple[TrialRow, ...]) -> tuple[MemberRow, ...]:
    """Return the members, each with the score and number of the trial with the same configuration."""
    rows = []
    for member in fitted.members:
        same = (t for t in trials if t.score is not None and (t.model, t.config) == (member.name, member.config))
        origin = next(same, None)
        score, number = (None, None) if origin is None else (origin.score, origin.number)
        rows.append(MemberRow(member.name, member.weight, score, number, member.config, whole=member.whole))
    return tuple(rows)


def _judged(
    data: ReportData,
    estimator: Any,
    given: tuple[pd.DataFrame, pd.Series[Any], Any],
    unseen: bool,
    work: tuple[float | None, bool | None],
) -> ReportData:
    """Return the data with the model's results on these rows; rows without a target, or with weight 0, are dropped."""
    fitted, target = with_metric(estimator), given[1]
    frame, truth, weights = known_rows(fitted, *given)
    weights = None if weights is None else weights / weights.mean()
    importance = model_importance(estimator, frame, truth, weights, *work)
    data = replace(data, target=None if target.name is None else str(target.name), judged=len(frame))
    if not unseen:
        return replace(data, importance=None if importance is None else replace(importance, unseen=False))
    predicted = fitted.predict(frame)
    score = score_on(fitted, truth, predicted, weights)
    codes = _codes(fitted, predicted)
    known = Predictions(truth, predicted, unseen=False, score=score, weights=weights, codes=codes)
    return replace(data, predictions=known, importance=importance)


def model_notes(estimator: Any) -> tuple[str, ...]:
    notes = []
    if not isinstance(estimator.random_state, int | np.integer):
        notes.append("random_state was no number, so another fit draws other configurations.")
    if estimator.trials is None:
        notes.append("trials was not set, so how many configurations are tried depends on the machine's speed.")
    elif estimator.workers != 1:
        notes.append("workers was not 1, so which configurations are tried depends on the order in which trials end.")
    if grows(estimator.experience):
        notes.append(
            "experience grows with each fit, so the same call may try other configurations later; with "
            'experience="shipped" or None it tries the same.'
        )
    notes += [
        f"{name} was set to a value that a model's file cannot hold, so it is missing above."
        for name in getattr(estimator, "unsaved_", ())
    ]
    return tuple(notes)


def _versions(fitted: Fitted) -> dict[str, str]:
    """Return the versions of the packages that determine the predictions, including the members' packages."""
    found = {
        "python": platform.python_version(),
        "seasoned": "not installed",
        **versions(fitted),
    }
    with suppress(PackageNotFoundError):  # a checkout without installation
        found["seasoned"] = version("seasoned")
    found["platform"] = f"{platform.system()} {platform.machine()}"
    return found
