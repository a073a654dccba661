"""Retrieval of similar tasks: selects past tasks, task weights and configurations from all experience for a new task.

`task_weights.py` computes the task weights. No task is excluded for low similarity; only the number of tasks is
limited.

The selection has two kinds of configurations: configurations that many tasks share, and the best configurations of the
tasks with the largest weights. The loss b of a constant prediction makes scores of different metrics comparable:
(y - b) / |b|.

A search selects its configurations, so that their median score is better than the median of the task. Therefore the gap
from best to median of such a study (`regret.levels_of`) is at least a tenth of the distance from the best score to b.
This is also the margin of racing over rows.
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

__all__ = ["SimilarTasks", "TaskQuery", "recall", "reference_meta_features", "relative"]

_TASKS: Final = 256  # largest number of past tasks
_CONFIGURATIONS: Final = 384  # largest number of configurations that are selected for being shared
_SHARED: Final = 0.1  # least share of the tasks with a trial of a configuration that counts as shared
_ECHOES: Final = (24, 3)  # studies with the largest weights, and number of best configurations of each
_NEWEST: Final = 12  # largest number of studies of one table, the newest first
_TURN: Final = 5  # studies that each table contributes in one turn of the selection
_HELD_OUT: Final = 0.8  # training rows of a holdout fit, as a share of all rows; k folds make k fits on (k - 1)/k
_CLASSES: Final = frozenset({"binary", "multiclass"})
_SUFFICIENT: Final = (20, 5)  # studies and tables with the requested metric from which on no other metric is used
_ENOUGH_TO_RANK: Final = 100  # tasks that are enough to rank meta-features among themselves
_MIN_TASKS: Final = 3  # least number of tasks, of configurations, and of complete scores of a task
_GAP: Final = 0.1  # least gap from best to median, as a share of the distance from best to a constant prediction
_LONGER: Final = 1.25  # factor by which a time limit must exceed an earlier limit to count as longer
_CUT: Final = 0.8  # least share of the time limit that a fit took if the limit may have cut the fit off
_SEARCHED: Final = "own"  # source of the studies in which a search chose the configurations


class TaskQuery(NamedTuple):
    """Query for similar tasks: the description of the new task.

    Attributes:
        kind: Form of the configurations of the new search.
        sort: "binary", "multiclass" or "regression".
        metric: Name of the metric to be minimised.
        usual: Name of the fallback metric, used if few studies have `metric`.
        metafeatures: Meta-features in the order of `METAFEATURES`, shape (features,).
        fit_seconds: Time limit of the fit of one fold in seconds; None for no limit.
    """

    kind: str
    sort: str
    metric: str
    usual: str
    metafeatures: NDArray[np.float64]
    fit_seconds: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SimilarTasks:
    """Similar tasks and their results, as plain data; a resumed run reads the same data again.

    Attributes:
        configs: The n configurations, in the form of the new space.
        scores: Relative scores of the past tasks, to be minimised, NaN where not tried, shape (tasks, n).
        seconds: Estimated seconds of a fit on all rows, NaN where unknown, shape (tasks, n). Failed and stopped trials
            have the seconds until their end.
        failed: True where the configuration failed, shape (tasks, n).
        weights: Task weights, summing to 1, shape (tasks,).
        metafeatures: Meta-features of the tasks, shape (tasks, features).
        names: Names of the tasks, for display.
        about: Id of the experience, its number of studies, and the metric (both metrics if two were used).
        stopped: True where the trial was stopped early, so that the score is a lower bound, shape (tasks, n). None if
            no trial was stopped.
        gaps: Lower bounds of the gap from best to median of each task, shape (tasks,); None for no bounds.
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
        """Write the data to an npz file, atomically."""
        words = {"configs": self.configs, "names": self.names, "about": dict(self.about)}
        arrays = {name: found for name in _ARRAYS if (found := getattr(self, name)) is not None}
        data = io.BytesIO()
        np.savez_compressed(data, text=np.frombuffer(json.dumps(words).encode(), dtype=np.uint8), **arrays)
        partial = path.with_name(f".{path.name}")
        partial.write_bytes(data.getvalue())
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> SimilarTasks:
        """Read a file that `save` wrote."""
        with np.load(path, allow_pickle=False) as stored:
            words = json.loads(stored["text"].tobytes())
            arrays = {name: stored[name] for name in _ARRAYS if name in stored}
        return cls(configs=tuple(words["configs"]), names=tuple(words["names"]), about=words["about"], **arrays)


_ARRAYS: Final = ("scores", "seconds", "failed", "weights", "metafeatures", "stopped", "gaps")


def relative(score: float | NDArray[np.float64], baseline: float | None) -> Any:
    """Loss relative to the loss b of a constant prediction: (y - b) / |b|; unchanged if b is None or 0.

    Example:
        >>> relative(-0.75, -0.5), relative(8.0, 10.0), relative(3.0, None)
        (-0.5, -0.2, 3.0)
    """
    return score if not baseline else (score - baseline) / abs(baseline)


def recall(
    experience: Experience, asking: TaskQuery, adapt: Callable[[Mapping[str, Any], int], dict[str, Any] | None]
) -> SimilarTasks | None:
    """Select the past tasks and configurations for a new task; None if there is too little experience.

    Args:
        experience: All experience.
        asking: The new task.
        adapt: Maps a stored configuration and the version of its form to the new space. It returns None for a
            configuration that is not valid in the new space.
    """
    places, tables, metric = _fitting(experience, asking)
    places, tables = _newest(experience, places, tables)
    if len(places) < _MIN_TASKS:
        return None
    weights = weigh(tables, experience.metafeatures[places], asking.metafeatures, reference_meta_features(len(places)))
    if len(places) > _TASKS:  # keep some studies of each table, starting with the largest weights, and weight again
        most = np.sort(_in_turns(tables, weights)[:_TASKS])
        places, tables = places[most], tables[most]
        weights = weigh(tables, experience.metafeatures[places], asking.metafeatures)
    some = experience.chosen(places)
    pool, invalid = _adapted(some, _worth(some, tables, weights), adapt)
    if len(pool) < _MIN_TASKS:
        return None
    known = _without(some.table(np.array(list(pool), dtype=np.int64)), some, invalid)
    known = _timely(known, some, math.inf if asking.fit_seconds is None else asking.fit_seconds)
    configs, table = _merged(pool, known)
    baselines = [head.baseline for head in some.heads]
    scores = np.stack([relative(row, b) for row, b in zip(table.scores, baselines, strict=True)])
    folds = np.array([float(head.about.get("folds", 2)) for head in some.heads])
    seconds = table.seconds / np.maximum(folds - 1.0, _HELD_OUT)[:, None]
    whole = np.isfinite(scores) & ~table.stopped
    enough = whole.sum(axis=1) >= _MIN_TASKS
    seen = whole[enough].any(axis=0)
    if enough.sum() < _MIN_TASKS or seen.sum() < _MIN_TASKS:
        return None
    total = weights[enough].sum()
    best = np.where(whole[enough], scores[enough], np.inf).min(axis=1)
    searched = np.array([head.source == _SEARCHED for head in some.heads])[enough]
    return SimilarTasks(
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


def reference_meta_features(tasks: int) -> NDArray[np.float64] | None:
    """Meta-features of the shipped tasks, as a reference for ranks; None if `tasks` past tasks are enough."""
    return shipped().metafeatures if tasks < _ENOUGH_TO_RANK else None


def _fitting(experience: Experience, asking: TaskQuery) -> tuple[NDArray[np.intp], NDArray[np.str_], str]:
    """Indices of the studies that fit the new task, the table of each study, and the names of their metrics.

    Studies with the requested metric are enough if they are many and of several tables. Otherwise studies with the
    fallback metric are added for tables that lack the requested metric. So a handful of the user's own fits does not
    hide all other experience. The table of an array without column names is determined among all these studies.

    Binary and multiclass tasks count as the same sort. By the same metric, similar configurations do well on both, and
    the number of classes is a meta-feature.
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
    if asking.metric != asking.usual and (asked.sum() < _SUFFICIENT[0] or len(here) < _SUFFICIENT[1]):
        chosen = asked | ~np.isin(tables, here)
    metrics = sorted(
        {experience.heads[place].metric for place in both[chosen]}, key=[asking.metric, asking.usual].index
    )
    return both[chosen], tables[chosen], " and ".join(metrics)


def _by_age(experience: Experience, places: NDArray[np.intp]) -> list[int]:
    """Order of studies by age, the newest first."""
    created = [experience.heads[place].created for place in places]
    return sorted(range(len(created)), key=lambda place: (created[place], places[place]), reverse=True)


def _newest(
    experience: Experience, places: NDArray[np.intp], tables: NDArray[np.str_]
) -> tuple[NDArray[np.intp], NDArray[np.str_]]:
    """The newest studies of each table, at most `_NEWEST`, and the table of each study.

    The limit leaves room for other tables if one table is fitted daily.
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
    """Order of studies by the total weight of their table, then by their own weight, both falling."""
    _, table = np.unique(tables, return_inverse=True)
    return np.lexsort((-weights, -np.bincount(table, weights)[table]))


def _in_turns(tables: NDArray[np.str_], weights: NDArray[np.float64]) -> NDArray[np.intp]:
    """Order of studies in turns: up to five studies of each table, then up to five more, and so on.

    So tables that are fitted daily do not exclude other tables. Within a turn, `_by_table` gives the order.
    """
    order = _by_table(tables, weights)
    seen: Counter[str] = Counter()
    turns = np.empty(len(order), dtype=np.intp)
    for place in order:
        turns[place] = seen[str(tables[place])] // _TURN
        seen[str(tables[place])] += 1
    return order[np.argsort(turns[order], kind="stable")]


def _worth(some: Experience, tables: NDArray[np.str_], weights: NDArray[np.float64]) -> dict[int, list[int]]:
    """Selected configurations: number -> the versions of the studies that tried it, the newest first."""
    tasks = np.repeat(np.arange(len(some)), np.diff(some.starts))
    numbers, codes = np.unique(some.configurations, return_inverse=True)
    pairs = np.unique(np.stack([codes, tasks]), axis=1)
    spread = np.bincount(pairs[0], minlength=len(numbers))
    shared = np.flatnonzero(spread >= max(_MIN_TASKS, _SHARED * len(some)))
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
    """Valid configurations in the form of the new space, and (number, version) of all others.

    The others are invalid in the new space, or their meaning differs from the meaning in the newest valid version.
    """
    texts = some.configs(list(wanted))
    found: dict[int, dict[str, Any]] = {}
    invalid = set()
    for number, versions in wanted.items():
        for version in versions:
            try:
                config = adapt(texts[number], version) if number in texts else None
            except (InvalidInput, TypeError, AttributeError):  # a configuration of another tool
                config = None
            if config is None or config != found.setdefault(number, config):
                invalid.add((number, version))
    return found, invalid


def _without(table: Recorded, some: Experience, invalid: set[tuple[int, int]]) -> Recorded:
    """The table without results of studies in whose version a configuration is invalid or has another meaning."""
    if not invalid:
        return table
    numbers = table.configurations.tolist()
    return _blank(table, np.array([[(number, head.version) in invalid for number in numbers] for head in some.heads]))


def _timely(table: Recorded, some: Experience, limit: float) -> Recorded:
    """The table without results that a shorter time limit than `limit` seems to have cut off.

    Such results do not hold under a longer limit: a booster that was cut off lacks rounds, and a fit that was killed at
    its time limit has not failed because of its configuration.
    """
    limits = np.array([_limit(head) for head in some.heads])
    shorter = limits * _LONGER < limit
    fits = np.maximum([float(head.about.get("folds", 2)) for head in some.heads], 1.0)
    return _blank(table, shorter[:, None] & (table.seconds >= (_CUT * fits * limits)[:, None]))


def _limit(head: Head) -> float:
    """Time limit of the fit of one fold in a study, in seconds; infinite if there was no limit or it is unknown."""
    known = head.about.get("fit_seconds")
    return float(known) if isinstance(known, int | float) and not isinstance(known, bool) and known > 0 else math.inf


def _blank(table: Recorded, gone: NDArray[np.bool_]) -> Recorded:
    """The table without the cells where `gone` is True."""
    return table._replace(
        scores=np.where(gone, np.nan, table.scores),
        seconds=np.where(gone, np.nan, table.seconds),
        failed=table.failed & ~gone,
        stopped=table.stopped & ~gone,
    )


def _merged(pool: Mapping[int, dict[str, Any]], table: Recorded) -> tuple[list[dict[str, Any]], Recorded]:
    """Merge columns, so that each configuration of the new space has one column, in the order of the table.

    Different stored configurations may be equal in the new space: one omits a default value that another contains.
    The best score of a task counts, with its seconds. A stopped score counts only if no other column has a score. The
    configuration failed if one of the columns failed and no column has a score.
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
