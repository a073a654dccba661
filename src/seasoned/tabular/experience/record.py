"""Experience of a fit: read the advice of past tasks, and store the finished search for later fits, never any rows."""

from __future__ import annotations

import hashlib
import logging
import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from seasoned.knowledge.experience.locations import Places, add_studies, places
from seasoned.knowledge.experience.past_study import UNNAMED, Head, PastStudy, PastTrial, row_of
from seasoned.knowledge.meta_features.meta_features import describe
from seasoned.knowledge.meta_features.row_sample import table_of
from seasoned.storage.study_archive import PATIENCE
from seasoned.tabular.experience.advice import TaskDescription, guide_for
from seasoned.tabular.metrics.registry import ZERO_BY_DEFINITION, measure_key
from seasoned.tabular.models.registry import MODELS
from seasoned.tabular.trial.configuration import KIND, VERSION, textual
from seasoned.tabular.trial.results import MAX_LAG
from seasoned.tabular.trial.stacked_features import STACKED_ON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from seasoned.space import Space
    from seasoned.tabular.experience.advice import TaskAdvice
    from seasoned.tabular.input.target import Target
    from seasoned.tabular.trial.cross_validation import CrossValidation
    from seasoned.tabular.trial.trial_row import TrialRow

__all__ = ["ExperienceRecorder", "described"]

logger = logging.getLogger("seasoned.tabular")

MAX_COLUMNS: Final = 2_000  # largest number of columns for meta-features
_MOST_ROWS: Final = 50_000
_MOST_CELLS: Final = 10_000_000  # largest number of cells for meta-features, because several copies are made
_LEAST_ROWS: Final = 2_000
_Found = TypeVar("_Found")
_NOISE: Final = 0.05
_LEAST_PATIENCE: Final = 1.0  # smallest wait in seconds for a store that another process has locked
_LEAST_TRIALS: Final = 3  # smallest number of complete trials in a stored study
_PLACE: Final = re.compile(r"(\D*)\d+")  # generated name of a column: a prefix and its position
_OF_THE_MACHINE: Final = re.compile(
    r"No space left|Disk quota|killed by signal SIG(?:TERM|HUP|INT)|are free on this machine", re.IGNORECASE
)
"""Errors that come from the machine, not from the configuration. Such failures are not stored."""


@dataclass(frozen=True, slots=True)
class ExperienceRecorder:
    """Experience of a fit: its locations and the task description, without which nothing is read or stored.

    Attributes:
        places: Locations to read from and to write to, according to the setting.
        scene: Task description; None if no experience is used.
        paced: True if trials may be stopped for slow predictions.
        fit_seconds: Time limit for the fit of one fold, in seconds; None for no limit.
        begun: Texts of the configurations that the search begins with, whatever the advice.
    """

    places: Places
    scene: TaskDescription | None
    paced: bool = False
    fit_seconds: float | None = None
    begun: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, setting: str | None, canonical: pd.DataFrame, target: Target, objective: CrossValidation
    ) -> ExperienceRecorder:
        """Experience for the estimator's setting `experience`.

        Raises:
            InvalidInput: If the setting is invalid. Other errors are logged.
        """
        found = places(setting)
        if found == Places(False, None):
            return cls(found, None)
        scene = _spared(lambda: _scene(canonical, target, objective), None, "the table cannot be described")
        return cls(found, scene, objective.predict_limit is not None)

    def for_search(self, fit_seconds: float | None, starts: Iterable[Mapping[str, Any]]) -> ExperienceRecorder:
        """Copy for a search that begins with some configurations.

        Args:
            fit_seconds: Time limit for the fit of one fold in the shortest call of a run, in seconds.
            starts: Configurations that are tried whatever the advice.
        """
        return replace(self, fit_seconds=fit_seconds, begun=frozenset(map(textual, starts)))

    def guide(self, folder: Path, space: Space, seconds: float) -> TaskAdvice | None:
        """Advice of past tasks; None if experience is off, too small or unusable.

        Args:
            folder: The run folder.
            space: Space of the configurations that can be tried.
            seconds: The time limit.
        """
        scene = self.scene
        if scene is None:
            return None
        return _spared(lambda: guide_for(folder, self.places, scene, space, seconds), None, "it cannot be used")

    def keep(
        self,
        trials: Sequence[TrialRow],
        guide: TaskAdvice | None,
        seconds: float = math.inf,
        *,
        instead: str | None = None,
    ) -> str | None:
        """Add the finished search to the store, if any. Return its key, or `instead` if it was not added.

        Errors of the store are only logged: a fitted model is worth more than its record. The user's own families are
        left out, because other code may use their names later.

        Args:
            trials: Trials of the search.
            guide: Advice that guided the search.
            seconds: Seconds left of the time limit. The wait for a locked store is no longer than this, but at least 1
                s.
            instead: Key of the record of an earlier part of the same search. This record is replaced.
        """
        patience = min(PATIENCE, max(seconds, _LEAST_PATIENCE))
        what = "this fit is not kept as experience"
        return _spared(lambda: self._keep(trials, guide, patience, instead), instead, what)

    def _keep(
        self, trials: Sequence[TrialRow], guide: TaskAdvice | None, patience: float, instead: str | None
    ) -> str | None:
        trials = [
            trial for trial in trials if STACKED_ON not in trial.config
        ]  # a stacked model depends on other models
        kept = [t for t in trials if t.state in {"complete", "failed", "pruned"} and t.model in MODELS]
        kept = [t for t in kept if t.state != "failed" or not _OF_THE_MACHINE.search(str(t.error))]
        complete = sum(trial.is_complete for trial in kept)
        if self.scene is None or self.places.store is None or complete < _LEAST_TRIALS:
            return instead
        past = [_trial(trial) for trial in kept if trial.state != "pruned"]
        if not self.paced:  # otherwise slow predictions can be the reason for the stop
            past += [self._stopped(trial, trials) for trial in kept if trial.state == "pruned"]
        head = _head(self.scene, self.fit_seconds, search_statistics(trials, guide, self.scene.baseline, self.begun))
        study = PastStudy(head, self.scene.metafeatures, past)
        add_studies(self.places.store, [study], patience, instead=() if instead is None else (instead,))
        return row_of(study)[0].key

    def _stopped(self, trial: TrialRow, trials: Sequence[TrialRow]) -> PastTrial:
        """Past trial that racing over rows stopped, with a lower bound on its loss.

        The best trial at the time of the stop was no better than the final best trial. A trial is also stopped for any
        lag behind the best of its own family.
        """
        baseline = None if self.scene is None else self.scene.baseline
        losses = [(t.final_loss, t.model) for t in trials if t.is_complete]
        best = min(loss for loss, _ in losses)
        least = best + MAX_LAG * max((baseline or 0.0) - best, 0.0)  # None: the baseline is 0 or undefined
        least = min([least, *(loss for loss, model in losses if model == trial.model)])
        config = trial.configuration
        return PastTrial(config, least, trial.seconds, stopped=True)


def _spared(work: Callable[[], _Found], otherwise: _Found, what: str) -> _Found:
    """Result of `work`. On any error of an experience store, log a warning and return `otherwise`."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - a stranger's file can hold anything, and a fit needs no experience
        logger.warning("experience: %s (%s: %s); the fit goes on.", what, type(error).__name__, error)
        return otherwise


def _scene(canonical: pd.DataFrame, target: Target, objective: CrossValidation) -> TaskDescription:
    rows, columns = canonical.shape
    metafeatures = described(canonical, target, 0)  # fixed seed: the same rows must be recognised as the same table
    return TaskDescription(
        metafeatures,
        None if objective.metric.name in ZERO_BY_DEFINITION else _unit(objective),
        target.task,
        measure_key(objective.metric),
        (rows, columns),
        objective.folds,
        table_identifier(list(map(str, canonical.columns)), metafeatures),
        objective.job.seconds,
    )


def _unit(objective: CrossValidation) -> float | None:
    """Loss of a constant prediction, the unit of gains; None where it is 0 up to noise, as for a correlation.

    For a named metric this is known (`ZERO_BY_DEFINITION`). For a function, it holds if the loss is small compared with
    its distance to the loss of perfect predictions.
    """
    found = objective.baseline_loss()
    if found is None or objective.metric.function is None:
        return found
    best = objective.perfect_loss()
    return None if best is not None and abs(found) < _NOISE * abs(best - found) else found


def table_identifier(columns: Sequence[str], metafeatures: Mapping[str, float]) -> str:
    """Identifier of a table: a digest of the column names, or of the meta-features if the names are only positions.

    The columns of an array are named x0, x1 and so on, whatever they contain, so all arrays of one width would be one
    table. With a digest of the meta-features, only the same rows have the same identifier. Tables with more rows of the
    same kind are matched by similarity (`knowledge/advice/task_weights.py`).
    """
    matches = [_PLACE.fullmatch(name) for name in columns]
    if len({match and match[1] for match in matches}) == 1 and matches[0] is not None:
        return UNNAMED + _digest("|".join(f"{name}={value:.6g}" for name, value in sorted(metafeatures.items())))
    return _digest("|".join(sorted(columns)))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def described(canonical: pd.DataFrame, target: Target, seed: int) -> dict[str, float]:
    """Meta-features of a table. Long tables are sampled to 50,000 rows (fewer if wide), wide ones to 2,000 columns.

    The features `log_rows`, `log_columns` and `log_ratio` are of the whole table.
    """
    rows, values = len(canonical), target.values
    columns = canonical.shape[1]
    if columns > MAX_COLUMNS:
        canonical = canonical.iloc[:, np.linspace(0, columns - 1, MAX_COLUMNS).astype(np.int64)]
    most = min(_MOST_ROWS, max(_MOST_CELLS // canonical.shape[1], _LEAST_ROWS))
    if rows > most:
        some = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
        canonical, values = canonical.iloc[some], values[some]
    found = describe(table_of(canonical, values, regression=target.task == "regression"))
    longer, wider = math.log10(rows / len(canonical)), math.log10(columns / canonical.shape[1])
    found["log_rows"] += longer
    found["log_columns"] += wider
    return {**found, "log_ratio": found["log_ratio"] + longer - wider}


def _trial(trial: TrialRow) -> PastTrial:
    config = trial.configuration
    return PastTrial(config, trial.loss, trial.seconds, trial.state == "failed")


def _head(scene: TaskDescription, fit_seconds: float | None, gained: Mapping[str, Any]) -> Head:
    rows, columns = scene.sizes
    return Head(
        f"{rows:,} rows x {columns} columns",
        scene.family,
        KIND,
        VERSION,
        scene.sort,
        scene.metric,
        scene.baseline,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        about={
            "rows": rows,
            "columns": columns,
            "folds": scene.folds,
            **({} if fit_seconds is None else {"fit_seconds": round(fit_seconds, 3)}),
            **gained,
        },
    )


def search_statistics(
    trials: Sequence[TrialRow], guide: TaskAdvice | None, baseline: float | None, begun: frozenset[str]
) -> dict[str, Any]:
    """Statistics of the search for `seasoned experience stats`: the best trial, and the gain by advice."""
    complete = [trial for trial in trials if trial.is_complete]
    best = min(complete, key=lambda trial: trial.rank)
    found: dict[str, Any] = {"trials": len(trials), "best_at": int(best.number), "guided": guide is not None}
    found["advised"] = False
    if guide is None or not _advised(best, guide, begun):
        return found
    found["advised"] = True
    others = [trial.final_loss for trial in complete if not _advised(trial, guide, begun)]
    if others and baseline is not None and best.final_loss < baseline:
        ahead = (min([*others, baseline]) - best.final_loss) / (baseline - best.final_loss)
        found["ahead"] = round(float(ahead), 6)
    return found


def _advised(trial: TrialRow, guide: TaskAdvice, begun: frozenset[str]) -> bool:
    """True if past tasks contain the configuration and the search would not begin with it in any case."""
    text = textual(trial.configuration)
    return text not in begun and guide.advises(text)
