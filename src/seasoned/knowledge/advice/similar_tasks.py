"""What of all experience bears on a new task: a few tasks, a few configurations, and how much each task counts.

`weighing.py` says how much a past task counts; none is left out for being dissimilar, as long as there is room for it.

The configurations are those that many tasks share, and the best ones of the tasks that count most, even if no other
task has them. Scores of different metrics and scales are made comparable by the loss b of a constant prediction:
(y - b) / |b|. The configurations that a search tried are better than usual, because each was chosen to be, so that
their median says little of the task's: the gap is taken to be at least a tenth of the way from the best to b
(`regret.levels_of`), which is the margin of the race, and the median of AUC's recorded tasks (.100; log loss .160, RMSE
.185).
"""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.advice.task_weights import tables_of, weigh
from seasoned.knowledge.experience.locations import shipped
from seasoned.knowledge.experience.past_study import textual

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from seasoned.knowledge.experience.experience import Experience, Recorded
    from seasoned.knowledge.experience.past_study import Head

__all__ = ["Asking", "Recalled", "beside", "recall", "relative"]

_TASKS: Final = 256
_CONFIGURATIONS: Final = 384
_SHARED: Final = 0.1  # share of the tasks on which a configuration must be known to count as shared by many
_ECHOES: Final = (24, 3)  # studies that count most, and how many of their own best configurations are taken
_NEWEST: Final = 12  # studies of a table that are used
_TURN: Final = 5  # studies of each table that are taken before more of any
_HELD_OUT: Final = 0.8  # share of the rows that the one fit of a holdout sees; k folds make k fits on (k - 1)/k of them
_CLASSES: Final = frozenset({"binary", "multiclass"})
_ENOUGH: Final = (20, 5)  # studies of the requested metric, and their tables, that need no others beside them
_ENOUGH_TO_RANK: Final = 100  # tasks that are enough to rank meta-features among themselves
_LEAST: Final = 3  # tasks, and configurations of a task
_GAP: Final = 0.1  # of the way from a search's best to a constant prediction: the least gap to the task's median
_LONGER: Final = 1.25  # factor by which a limit must exceed an earlier one to count as longer
_CUT: Final = 0.8  # of its limit: what took at least this share may have been cut off
_SEARCHED: Final = "own"  # source of the studies in which a search chose what to try


class Asking(NamedTuple):
    """The new task.

    Attributes:
        kind: Form of the configurations that can be tried.
        sort: "binary", "multiclass" or "regression".
        metric: What is minimised.
        usual: The metric to fall back on where few have minimised that one.
        metafeatures: In the order of `METAFEATURES`, shape (features,).
        fit_seconds: Seconds that the fit of one fold may take; None for no limit.
    """

    kind: str
    sort: str
    metric: str
    usual: str
    metafeatures: NDArray[np.float64]
    fit_seconds: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Recalled:
    """What bears on a new task; plain data, so that a run that is resumed goes on with what it began with.

    Attributes:
        configs: The configurations, as the new space has them.
        scores: Relative scores of the past tasks, to be minimised, NaN where not tried, shape (tasks, n).
        seconds: Of a fit on all rows, as estimated from folds, NaN where unknown, shape (tasks, n); of what failed or
            was stopped, until then.
        failed: Whether it failed there, shape (tasks, n).
        weights: How much each task counts, shape (tasks,), summing to 1.
        metafeatures: Of the tasks, shape (tasks, features).
        names: Of the tasks, for people.
        about: Id of the experience, its number of studies, and the metric, or both metrics where two were used.
        stopped: Whether it was stopped there, so that the score is a lower bound, shape (tasks, n); None if nothing
            was.
        gaps: Lower bounds of each task's distance from best to median, shape (tasks,); None for none.
    """

    configs: tuple[dict[str, Any], ...]
    scores: NDArray[np.float64]
    seconds: NDArray[np.float64]
    failed: NDArray[np.bool_]
    weights: NDArray[np.float64]
    metafeatures: NDArray[np.float64]
    names: tuple[str, ...]
    about: Mapping[str, Any]
    stopped: NDArray[np.bool_] | None = None
    gaps: NDArray[np.float64] | None = None

    def save(self, path: Path) -> None:
        """Write it to an npz file, atomically."""
        words = {"configs": self.configs, "names": self.names, "about": dict(self.about)}
        arrays = {name: found for name in _ARRAYS if (found := getattr(self, name)) is not None}
        data = io.BytesIO()
        np.savez_compressed(data, text=np.frombuffer(json.dumps(words).encode(), dtype=np.uint8), **arrays)
        partial = path.with_name(f".{path.name}")
        partial.write_bytes(data.getvalue())
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Recalled:
        """What `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            words = json.loads(stored["text"].tobytes())
            arrays = {name: stored[name] for name in _ARRAYS if name in stored}
        return cls(configs=tuple(words["configs"]), names=tuple(words["names"]), about=words["about"], **arrays)


_ARRAYS: Final = ("scores", "seconds", "failed", "weights", "metafeatures", "stopped", "gaps")


def relative(score: float | NDArray[np.float64], baseline: float | None) -> Any:
    """A loss relative to that of a constant prediction, which is at 0.

    Example:
        >>> relative(-0.75, -0.5), relative(8.0, 10.0), relative(3.0, None)
        (-0.5, -0.2, 3.0)
    """
    return score if not baseline else (score - baseline) / abs(baseline)


def recall(
    experience: Experience, asking: Asking, adapt: Callable[[Mapping[str, Any], int], dict[str, Any] | None]
) -> Recalled | None:
    """What bears on a task; None where too little is known.

    Args:
        experience: All there is.
        asking: The new task.
        adapt: Maps a stored configuration and its version to the new space; None where it is not valid there.
    """
    places, tables, metric = _fitting(experience, asking)
    places, tables = _newest(experience, places, tables)
    if len(places) < _LEAST:
        return None
    weights = weigh(tables, experience.metafeatures[places], asking.metafeatures, beside(len(places)))
    if len(places) > _TASKS:  # keep some of each table, of those that count most first, and weight them anew
        most = np.sort(_in_turns(tables, weights)[:_TASKS])
        places, tables = places[most], tables[most]
        weights = weigh(tables, experience.metafeatures[places], asking.metafeatures)
    some = experience.chosen(places)
    pool, invalid = _adapted(some, _worth(some, tables, weights), adapt)
    if len(pool) < _LEAST:
        return None
    known = _without(some.table(np.array(list(pool), dtype=np.int64)), some, invalid)
    known = _timely(known, some, math.inf if asking.fit_seconds is None else asking.fit_seconds)
    configs, table = _merged(pool, known)
    baselines = [head.baseline for head in some.heads]
    scores = np.stack([relative(row, b) for row, b in zip(table.scores, baselines, strict=True)])
    folds = np.array([float(head.about.get("folds", 2)) for head in some.heads])
    seconds = table.seconds / np.maximum(folds - 1.0, _HELD_OUT)[:, None]
    whole = np.isfinite(scores) & ~table.stopped
    enough = whole.sum(axis=1) >= _LEAST
    seen = whole[enough].any(axis=0)
    if enough.sum() < _LEAST or seen.sum() < _LEAST:
        return None
    total = weights[enough].sum()
    best = np.where(whole[enough], scores[enough], np.inf).min(axis=1)
    searched = np.array([head.source == _SEARCHED for head in some.heads])[enough]
    return Recalled(
        tuple(config for config, there in zip(configs, seen, strict=True) if there),
        scores[enough][:, seen],
        seconds[enough][:, seen],
        table.failed[enough][:, seen],
        weights[enough] / total,
        some.metafeatures[enough],
        tuple(head.name for head, there in zip(some.heads, enough, strict=True) if there),
        {"id": experience.id, "studies": len(experience), "metric": metric},
        table.stopped[enough][:, seen],
        _GAP * searched * np.maximum(-best, 0.0),
    )


def beside(tasks: int) -> NDArray[np.float64] | None:
    """Meta-features of the shipped tasks, to rank a few others among; None where the others are enough."""
    return shipped().metafeatures if tasks < _ENOUGH_TO_RANK else None


def _fitting(experience: Experience, asking: Asking) -> tuple[NDArray[np.intp], NDArray[np.str_], str]:
    """Indices of the studies that fit the new task, the table of each, and their metrics.

    Only those of the requested metric if there are many, of several tables; otherwise also those of the usual metric,
    of the tables that lack the requested one: a handful of the user's own fits must not hide all else that is known.
    The table of an array without column names is determined among all of them.

    Binary and multiclass tasks are one sort here: what does well by the same metric is much the same, and how many
    classes there are is one of the meta-features.
    """
    alike = _CLASSES if asking.sort in _CLASSES else {asking.sort}
    found: dict[str, list[int]] = {asking.metric: [], asking.usual: []}
    for place, head in enumerate(experience.heads):
        if head.metric in found and head.sort in alike and head.kind == asking.kind:
            found[head.metric].append(place)
    both = np.array(sorted({*found[asking.metric], *found[asking.usual]}), dtype=np.intp)
    families = [experience.heads[place].family for place in both]
    tables = tables_of(families, experience.metafeatures[both], _by_age(experience, both))
    asked = np.isin(both, found[asking.metric])
    chosen, here = asked, np.unique(tables[asked])
    if asking.metric != asking.usual and (asked.sum() < _ENOUGH[0] or len(here) < _ENOUGH[1]):
        chosen = asked | ~np.isin(tables, here)
    metrics = sorted(
        {experience.heads[place].metric for place in both[chosen]}, key=[asking.metric, asking.usual].index
    )
    return both[chosen], tables[chosen], " and ".join(metrics)


def _by_age(experience: Experience, places: NDArray[np.intp]) -> list[int]:
    """The order of these studies by age, the newest first."""
    created = [experience.heads[place].created for place in places]
    return sorted(range(len(created)), key=lambda place: (created[place], places[place]), reverse=True)


def _newest(
    experience: Experience, places: NDArray[np.intp], tables: NDArray[np.str_]
) -> tuple[NDArray[np.intp], NDArray[np.str_]]:
    """The newest studies of each table, and the table of each.

    So a table that is fitted every day is known by its latest studies, and crowds out no others.
    """
    seen: Counter[str] = Counter()
    kept = []
    for place in _by_age(experience, places):
        seen[str(tables[place])] += 1
        if seen[str(tables[place])] <= _NEWEST:
            kept.append(place)
    some = np.array(sorted(kept), dtype=np.intp)
    return places[some], tables[some]


def _by_table(tables: NDArray[np.str_], weights: NDArray[np.float64]) -> NDArray[np.intp]:
    """The order of the studies by the weight of their table in all, then by their own weight."""
    _, table = np.unique(tables, return_inverse=True)
    return np.lexsort((-weights, -np.bincount(table, weights)[table]))


def _in_turns(tables: NDArray[np.str_], weights: NDArray[np.float64]) -> NDArray[np.intp]:
    """The order of the studies in which first each table has up to five, then each up to five more, and so on.

    So a few tables that are fitted every day do not leave out all others. Within a turn it goes by `_by_table`.
    """
    order = _by_table(tables, weights)
    seen: Counter[str] = Counter()
    turns = np.empty(len(order), dtype=np.intp)
    for place in order:
        turns[place] = seen[str(tables[place])] // _TURN
        seen[str(tables[place])] += 1
    return order[np.argsort(turns[order], kind="stable")]


def _worth(some: Experience, tables: NDArray[np.str_], weights: NDArray[np.float64]) -> dict[int, list[int]]:
    """Numbers of the configurations to use, each with the versions of studies that have it, the newest first."""
    tasks = np.repeat(np.arange(len(some)), np.diff(some.starts))
    numbers, codes = np.unique(some.configurations, return_inverse=True)
    pairs = np.unique(np.stack([codes, tasks]), axis=1)
    spread = np.bincount(pairs[0], minlength=len(numbers))
    shared = np.flatnonzero(spread >= max(_LEAST, _SHARED * len(some)))
    shared = shared[np.argsort(-spread[shared], kind="stable")][:_CONFIGURATIONS]
    found = dict.fromkeys(shared.tolist())
    for task in _by_table(tables, weights)[: _ECHOES[0]]:
        span = slice(some.starts[task], some.starts[task + 1])
        scores, own = np.where(some.stopped[span], np.nan, some.scores[span]), codes[span]
        best = np.argsort(np.nan_to_num(scores, nan=np.inf), kind="stable")[: _ECHOES[1]]
        found.update(dict.fromkeys(own[best[np.isfinite(scores[best])]].tolist()))
    versions: dict[int, set[int]] = {code: set() for code in found}
    heads = np.array([head.version for head in some.heads])
    for code, version in np.unique(np.stack([pairs[0], heads[pairs[1]]]), axis=1).T.tolist():
        if code in versions:
            versions[code].add(version)
    return {int(numbers[code]): sorted(those, reverse=True) for code, those in versions.items()}


def _adapted(
    some: Experience,
    wanted: Mapping[int, list[int]],
    adapt: Callable[[Mapping[str, Any], int], dict[str, Any] | None],
) -> tuple[dict[int, dict[str, Any]], set[tuple[int, int]]]:
    """The configurations valid in the new space, and (number, version) of those that are not, or have a new meaning."""
    texts = some.configs(list(wanted))
    found: dict[int, dict[str, Any]] = {}
    invalid = set()
    for number, versions in wanted.items():
        for version in versions:
            try:
                config = adapt(texts[number], version) if number in texts else None
            except (InvalidInput, TypeError, AttributeError):  # a foreign configuration
                config = None
            if config is None or config != found.setdefault(number, config):
                invalid.add((number, version))
    return found, invalid


def _without(table: Recorded, some: Experience, invalid: set[tuple[int, int]]) -> Recorded:
    """The table without results of studies in whose version a configuration is invalid or meant something else."""
    if not invalid:
        return table
    numbers = table.configurations.tolist()
    return _blank(table, np.array([[(number, head.version) in invalid for number in numbers] for head in some.heads]))


def _timely(table: Recorded, some: Experience, limit: float) -> Recorded:
    """The table without results that a limit shorter than today's seems to have cut off, as they hold under it alone.

    A booster that was cut off lacks rounds, and a fit that was killed for its time has not failed for its settings.
    """
    limits = np.array([_limit(head) for head in some.heads])
    shorter = limits * _LONGER < limit
    fits = np.maximum([float(head.about.get("folds", 2)) for head in some.heads], 1.0)
    return _blank(table, shorter[:, None] & (table.seconds >= (_CUT * fits * limits)[:, None]))


def _limit(head: Head) -> float:
    """Seconds that the fit of a fold could take in that study; infinity where there was no limit, or it is unknown."""
    known = head.about.get("fit_seconds")
    return float(known) if isinstance(known, int | float) and not isinstance(known, bool) and known > 0 else math.inf


def _blank(table: Recorded, gone: NDArray[np.bool_]) -> Recorded:
    """The table without some cells."""
    return table._replace(
        scores=np.where(gone, np.nan, table.scores),
        seconds=np.where(gone, np.nan, table.seconds),
        failed=table.failed & ~gone,
        stopped=table.stopped & ~gone,
    )


def _merged(pool: Mapping[int, dict[str, Any]], table: Recorded) -> tuple[list[dict[str, Any]], Recorded]:
    """One column for each configuration of the new space, in the order of the table's columns.

    Stored configurations that differ may be the same here: what one leaves out is a default that another names. If a
    task has several of them, the best score counts, with its seconds, and one that was stopped only where no other has
    a score; the configuration failed there if any of them failed and none has a score.
    """
    groups: dict[str, list[int]] = {}
    for column, number in enumerate(table.configurations.tolist()):
        groups.setdefault(textual(pool[number]), []).append(column)
    first = [columns[0] for columns in groups.values()]
    configs = [pool[number] for number in table.configurations[first].tolist()]
    if len(first) == len(table.configurations):
        return configs, table
    rows = np.arange(len(table.scores))
    last = np.where(table.stopped, np.finfo(np.float64).max, table.scores)
    scores, seconds, failed, stopped = [], [], [], []
    for columns in groups.values():
        some = last[:, columns]
        best = np.array(columns)[np.argmin(np.where(np.isfinite(some), some, np.inf), axis=1)]
        scores.append(table.scores[rows, best])
        seconds.append(table.seconds[rows, best])
        failed.append(table.failed[:, columns].any(axis=1) & ~np.isfinite(scores[-1]))
        stopped.append(table.stopped[rows, best])
    merged = table._replace(
        configurations=table.configurations[first],
        scores=np.stack(scores, axis=1),
        seconds=np.stack(seconds, axis=1),
        failed=np.stack(failed, axis=1),
        stopped=np.stack(stopped, axis=1),
    )
    return configs, merged
