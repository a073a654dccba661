"""How a fit uses experience: what past tasks tell it, and what it stores for later ones; never any rows."""

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
from seasoned.tabular.experience.advice import Scene, guide_for
from seasoned.tabular.metrics.registry import ZERO_BY_DEFINITION, measure_key
from seasoned.tabular.models.registry import MODELS
from seasoned.tabular.trial.configuration import KIND, VERSION, textual
from seasoned.tabular.trial.stacked_features import BELOW
from seasoned.tabular.validation.paired_test import BEHIND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from seasoned.space import Space
    from seasoned.tabular.experience.advice import Guide
    from seasoned.tabular.input.target import Target
    from seasoned.tabular.trial.cross_validation import CrossValidation

__all__ = ["Memory", "described"]

logger = logging.getLogger("seasoned.tabular")

_MOST_COLUMNS: Final = 2_000  # that meta-features are computed on
_MOST_ROWS: Final = 50_000
_MOST_CELLS: Final = 10_000_000  # of a table, of which several copies are made
_LEAST_ROWS: Final = 2_000
_Found = TypeVar("_Found")
_NOISE: Final = 0.05
_LEAST_PATIENCE: Final = 1.0  # seconds to wait, in any case, for a store that another process holds
_LEAST_TRIALS: Final = 3  # complete trials from which on a study is worth keeping
_PLACE: Final = re.compile(r"(\D*)\d+")  # the name of a column that only says which one it is
_OF_THE_MACHINE: Final = re.compile(
    r"No space left|Disk quota|killed by signal SIG(?:TERM|HUP|INT)|are free on this machine", re.IGNORECASE
)
"""Why trials fail that would not fail at another time: it says nothing of their configurations."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Where a fit reads and adds experience, and how its table is described there; without a scene, it does neither.

    Attributes:
        places: Where to read and to add, as the setting says.
        scene: The table; None where no experience is wanted.
        paced: Whether trials may be stopped for predicting too slowly.
        fit_seconds: Time limit of the fit of one fold; None for no limit.
        begun: Configurations, as text, that the search begins with whatever past tasks say.
    """

    places: Places
    scene: Scene | None
    paced: bool = False
    fit_seconds: float | None = None
    begun: frozenset[str] = frozenset()

    @classmethod
    def of(cls, setting: str | None, canonical: pd.DataFrame, target: Target, objective: CrossValidation) -> Memory:
        """For the estimator's setting `experience`.

        Raises:
            InvalidInput: If the setting is not valid; for nothing else.
        """
        found = places(setting)
        if found == Places(False, None):
            return cls(found, None)
        scene = _spared(lambda: _scene(canonical, target, objective), None, "the table cannot be described")
        return cls(found, scene, objective.predict_limit is not None)

    def within(self, fit_seconds: float | None, starts: Iterable[Mapping[str, Any]]) -> Memory:
        """The same, for a search that begins with some configurations.

        Args:
            fit_seconds: Time limit of the fit of one fold in the shortest call of a run.
            starts: Configurations that are tried whatever past tasks say.
        """
        return replace(self, fit_seconds=fit_seconds, begun=frozenset(map(textual, starts)))

    def guide(self, folder: Path, space: Space, seconds: float) -> Guide | None:
        """What past tasks say; None where experience is off, too little is known, or what is stored cannot be used.

        Args:
            folder: The run's folder.
            space: The space of the configurations that can be tried.
            seconds: The time limit.
        """
        scene = self.scene
        if scene is None:
            return None
        return _spared(lambda: guide_for(folder, self.places, scene, space, seconds), None, "it cannot be used")

    def keep(
        self,
        trials: Sequence[Mapping[str, Any]],
        guide: Guide | None,
        seconds: float = math.inf,
        *,
        instead: str | None = None,
    ) -> str | None:
        """Add the finished search to the store, if there is one; returns its key, or `instead` if not added.

        Never raises because of the store: a fitted model is worth more than a note about it. Families of the user's
        own are left out: other code may have their names tomorrow.

        Args:
            trials: Those of the search.
            guide: What steered it.
            seconds: What is left of the time limit; a store that another process holds is not waited for beyond that.
            instead: Key of what an earlier part of the same search has stored there; it is removed.
        """
        patience = min(PATIENCE, max(seconds, _LEAST_PATIENCE))
        what = "this fit is not kept as experience"
        return _spared(lambda: self._keep(trials, guide, patience, instead), instead, what)

    def _keep(
        self, trials: Sequence[Mapping[str, Any]], guide: Guide | None, patience: float, instead: str | None
    ) -> str | None:
        trials = [trial for trial in trials if BELOW not in trial["config"]]  # a stacked model says nothing by itself
        kept = [t for t in trials if t["state"] in {"complete", "failed", "pruned"} and t["model"] in MODELS]
        kept = [t for t in kept if t["state"] != "failed" or not _OF_THE_MACHINE.search(str(t.get("error")))]
        complete = sum(trial["state"] == "complete" for trial in kept)
        if self.scene is None or self.places.store is None or complete < _LEAST_TRIALS:
            return instead
        past = [_trial(trial) for trial in kept if trial["state"] != "pruned"]
        if not self.paced:  # else a poor loss may not be why they were stopped
            past += [self._stopped(trial, trials) for trial in kept if trial["state"] == "pruned"]
        head = _head(self.scene, self.fit_seconds, _gained(trials, guide, self.scene.baseline, self.begun))
        study = PastStudy(head, self.scene.metafeatures, past)
        add_studies(self.places.store, [study], patience, instead=() if instead is None else (instead,))
        return row_of(study)[0].key

    def _stopped(self, trial: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> PastTrial:
        """A trial that the race stopped, with a lower bound on its loss.

        The best trial at that time was no better than the best one in the end. A trial is also stopped for being worse
        than the best of its own family, by however little.
        """
        baseline = None if self.scene is None else self.scene.baseline
        losses = [(t["loss"], t["model"]) for t in trials if t["state"] == "complete"]
        best = min(loss for loss, _ in losses)
        least = best + BEHIND * max((baseline or 0.0) - best, 0.0)  # None: the baseline is 0, or undefined
        least = min([least, *(loss for loss, model in losses if model == trial["model"])])
        config = {"model": {trial["model"]: trial["config"]}}
        return PastTrial(config, least, trial["seconds"], stopped=True)


def _spared(work: Callable[[], _Found], otherwise: _Found, what: str) -> _Found:
    """The result of some work with experience; where it fails, whatever a store may hold, the fit goes on without."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - a stranger's file can hold anything, and a fit needs no experience
        logger.warning("experience: %s (%s: %s); the fit goes on.", what, type(error).__name__, error)
        return otherwise


def _scene(canonical: pd.DataFrame, target: Target, objective: CrossValidation) -> Scene:
    rows, columns = canonical.shape
    metafeatures = described(canonical, target, 0)  # seed 0 whatever the fit's: the same rows are the same table
    return Scene(
        metafeatures,
        None if objective.metric.name in ZERO_BY_DEFINITION else _unit(objective),
        target.task,
        measure_key(objective.metric),
        (rows, columns),
        objective.folds,
        _family(list(map(str, canonical.columns)), metafeatures),
        objective.job.seconds,
    )


def _unit(objective: CrossValidation) -> float | None:
    """The loss of predicting the same for all rows; None where it is 0 but for noise, as that of a correlation.

    There it is no unit to measure gains in. Of metrics that have a name this is known (`ZERO_BY_DEFINITION`); for a
    function it holds where the loss is small compared with its distance to the loss of perfect predictions.
    """
    found = objective.baseline_loss()
    if found is None or objective.metric.function is None:
        return found
    best = objective.perfect_loss()
    return None if best is not None and abs(found) < _NOISE * abs(best - found) else found


def _family(columns: Sequence[str], metafeatures: Mapping[str, float]) -> str:
    """A digest of the columns' names, or of the meta-features where the names are only positions.

    The columns of an array are called x0, x1 and so on, whatever is in them, so that all arrays of one width would be
    one table. The same rows again are of one family by their digest, more such rows by similarity
    (`knowledge/weighing.py`).
    """
    matches = [_PLACE.fullmatch(name) for name in columns]
    if len({match and match[1] for match in matches}) == 1 and matches[0] is not None:
        return UNNAMED + _digest("|".join(f"{name}={value:.6g}" for name, value in sorted(metafeatures.items())))
    return _digest("|".join(sorted(columns)))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def described(canonical: pd.DataFrame, target: Target, seed: int) -> dict[str, float]:
    """Meta-features; of a very long table they are those of 50,000 rows (fewer if it is wide), but for its length.

    Those of a very wide table are of 2,000 of its columns, but for its width.
    """
    rows, values = len(canonical), target.values
    columns = canonical.shape[1]
    if columns > _MOST_COLUMNS:
        canonical = canonical.iloc[:, np.linspace(0, columns - 1, _MOST_COLUMNS).astype(np.int64)]
    most = min(_MOST_ROWS, max(_MOST_CELLS // canonical.shape[1], _LEAST_ROWS))
    if rows > most:
        some = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
        canonical, values = canonical.iloc[some], values[some]
    found = describe(table_of(canonical, values, regression=target.task == "regression"))
    longer, wider = math.log10(rows / len(canonical)), math.log10(columns / canonical.shape[1])
    found["log_rows"] += longer
    found["log_columns"] += wider
    return {**found, "log_ratio": found["log_ratio"] + longer - wider}


def _trial(trial: Mapping[str, Any]) -> PastTrial:
    config = {"model": {trial["model"]: trial["config"]}}
    return PastTrial(config, trial["loss"], trial["seconds"], trial["state"] == "failed")


def _head(scene: Scene, fit_seconds: float | None, gained: Mapping[str, Any]) -> Head:
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


def _gained(
    trials: Sequence[Mapping[str, Any]], guide: Guide | None, baseline: float | None, begun: frozenset[str]
) -> dict[str, Any]:
    """How the search went, for `seasoned experience stats`: which trial was best, and what past tasks added."""
    complete = [trial for trial in trials if trial["state"] == "complete"]
    best = min(complete, key=lambda trial: (trial["loss"], trial["number"]))
    found: dict[str, Any] = {"trials": len(trials), "best_at": int(best["number"]), "guided": guide is not None}
    found["advised"] = False
    if guide is None or not _advised(best, guide, begun):
        return found
    found["advised"] = True
    others = [trial["loss"] for trial in complete if not _advised(trial, guide, begun)]
    if others and baseline is not None and best["loss"] < baseline:
        ahead = (min([*others, baseline]) - best["loss"]) / (baseline - best["loss"])
        found["ahead"] = round(float(ahead), 6)
    return found


def _advised(trial: Mapping[str, Any], guide: Guide, begun: frozenset[str]) -> bool:
    """Whether past tasks know the configuration, and the search would not have begun with it anyhow."""
    text = textual({"model": {trial["model"]: trial["config"]}})
    return text not in begun and guide.advises(text)
