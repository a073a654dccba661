"""How a fit meets experience: what past tasks tell it, and what it leaves behind for later ones. Never any rows."""

from __future__ import annotations

import hashlib
import logging
import math
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from seasoned.knowledge.canonical import table_of
from seasoned.knowledge.metafeatures import describe
from seasoned.knowledge.past import UNNAMED, Head, PastStudy, PastTrial, row_of
from seasoned.knowledge.places import Places, add_studies, places
from seasoned.storage.past import PATIENCE
from seasoned.tabular.bar import BEHIND
from seasoned.tabular.guide import Scene, guide_for
from seasoned.tabular.layers import BELOW
from seasoned.tabular.metrics import ZERO_BY_DEFINITION, measure_key
from seasoned.tabular.models.registry import MODELS
from seasoned.tabular.pipeline import KIND, VERSION, textual

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from seasoned.space import Space
    from seasoned.tabular.guide import Guide
    from seasoned.tabular.objective import CrossValidation
    from seasoned.tabular.target import Target

__all__ = ["Memory", "described"]

logger = logging.getLogger("seasoned.tabular")

_MOST_ROWS: Final = 50_000
_MOST_CELLS: Final = 10_000_000  # of which several copies are made
_LEAST_ROWS: Final = 2_000
_Found = TypeVar("_Found")
_NOISE: Final = 0.05
_LEAST_PATIENCE: Final = 1.0  # seconds that a store that others hold is waited for in any case
_LEAST_TRIALS: Final = 3  # complete ones of a study that is worth keeping
_PLACE: Final = re.compile(r"(\D*)\d+")  # the name of a column that only says which one it is


@dataclass(frozen=True, slots=True)
class Memory:
    """Where a fit reads and adds experience, and how its table looks to it; without a scene, neither.

    Attributes:
        places: What the setting means.
        scene: The table; None where no experience is wanted.
        paced: Whether trials may be stopped for predicting too slowly.
        fit_seconds: That the fit of one fold might take; None for no limit.
        begun: Texts of the configurations that the search begins with anyhow.
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
            InvalidInput: If it is no such setting; for nothing else.
        """
        found = places(setting)
        if found == Places(False, None):
            return cls(found, None)
        scene = _spared(lambda: _scene(canonical, target, objective), None, "the table cannot be described")
        return cls(found, scene, objective.predict_limit is not None)

    def within(self, fit_seconds: float | None, starts: Iterable[Mapping[str, Any]]) -> Memory:
        """The same, for a search that begins with some configurations.

        Args:
            fit_seconds: That the fit of one fold might take in the shortest call of a run.
            starts: What is tried whatever past tasks say.
        """
        return replace(self, fit_seconds=fit_seconds, begun=frozenset(map(textual, starts)))

    def guide(self, folder: Path, space: Space, seconds: float) -> Guide | None:
        """What past tasks say; None where nobody asks, too little is known, or what there is cannot be used.

        Args:
            folder: The run's.
            space: Of the configurations that can be tried.
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
        """Add the finished search to the store, if there is one; its key there, None if it was not added.

        Never raises for the store's sake: a fitted model is worth more than a note about it. Families of the user's own
        are left out: another one may have their name tomorrow.

        Args:
            trials: Of the search.
            guide: What steered it.
            seconds: That are left of the time limit; somebody else who holds the store is not waited for beyond them.
            instead: Key of what an earlier part of the same search has left there, which goes.
        """
        patience = min(PATIENCE, max(seconds, _LEAST_PATIENCE))
        what = "this fit is not kept as experience"
        return _spared(lambda: self._keep(trials, guide, patience, instead), instead, what)

    def _keep(
        self, trials: Sequence[Mapping[str, Any]], guide: Guide | None, patience: float, instead: str | None
    ) -> str | None:
        trials = [trial for trial in trials if BELOW not in trial["config"]]  # who is stacked says nothing by itself
        kept = [t for t in trials if t["state"] in {"complete", "failed", "pruned"} and t["model"] in MODELS]
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
        """A trial that the race stopped, with the least that its loss may have been.

        What was the best then is no better than what is the best in the end. A trial is stopped for being worse than
        the best of its own family, too, by however little.
        """
        baseline = None if self.scene is None else self.scene.baseline
        losses = [(t["loss"], t["model"]) for t in trials if t["state"] == "complete"]
        best = min(loss for loss, _ in losses)
        least = best + BEHIND * max((baseline or 0.0) - best, 0.0)  # without a baseline 0 is one, or there is none
        least = min([least, *(loss for loss, model in losses if model == trial["model"])])
        config = {"model": {trial["model"]: trial["config"]}}
        return PastTrial(config, least, trial["seconds"], stopped=True)


def _spared(work: Callable[[], _Found], otherwise: _Found, what: str) -> _Found:
    """What some work with experience gives; where it fails, whatever others have put in a store, the fit goes on."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - a stranger's file can hold anything, and a fit needs no experience
        logger.warning("experience: %s (%s: %s); the fit goes on without.", what, type(error).__name__, error)
        return otherwise


def _scene(canonical: pd.DataFrame, target: Target, objective: CrossValidation) -> Scene:
    rows, columns = canonical.shape
    metafeatures = described(canonical, target, 0)  # whatever the fit's seed: the same rows are the same table
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
    """The loss of predicting the same for all rows; None where it is as good as 0, as of a correlation.

    What is measured there is noise, and no unit to count in. By name that is known of metrics of ours alone
    (`ZERO_BY_DEFINITION`), of others by how little it is beside the way to a prediction without a fault.
    """
    found = objective.baseline_loss()
    if found is None or objective.metric.function is None:
        return found
    best = objective.perfect_loss()
    return None if best is not None and abs(found) < _NOISE * abs(best - found) else found


def _family(columns: Sequence[str], metafeatures: Mapping[str, float]) -> str:
    """A digest of the columns' names; where they are only places, of what the table is like.

    The columns of an array are called x0, x1 and so on, whatever is in them, so that all arrays of a width would be one
    table. The same rows again are one family by their digest, more rows of them by likeness (`knowledge/weighing.py`).
    """
    matches = [_PLACE.fullmatch(name) for name in columns]
    if len({match and match[1] for match in matches}) == 1 and matches[0] is not None:
        return UNNAMED + _digest("|".join(f"{name}={value:.6g}" for name, value in sorted(metafeatures.items())))
    return _digest("|".join(sorted(columns)))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def described(canonical: pd.DataFrame, target: Target, seed: int) -> dict[str, float]:
    """Meta-features; of a very long table those of 50,000 of its rows, of a wide one fewer, but for its length."""
    rows, values = len(canonical), target.values
    most = min(_MOST_ROWS, max(_MOST_CELLS // canonical.shape[1], _LEAST_ROWS))
    if rows > most:
        some = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
        canonical, values = canonical.iloc[some], values[some]
    found = describe(table_of(canonical, values, regression=target.task == "regression"))
    longer = math.log10(rows / len(canonical))
    return {**found, "log_rows": found["log_rows"] + longer, "log_ratio": found["log_ratio"] + longer}


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
    """How the search went, for `seasoned experience stats`: which trial was best, and what advice had to do with it."""
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
    """Whether past tasks know the configuration, and no search would have begun with it."""
    text = textual({"model": {trial["model"]: trial["config"]}})
    return text not in begun and guide.advises(text)
