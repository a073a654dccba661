"""Experience: an immutable view of finished studies. Each study is a task; all studies form a table.

All studies are read at once, as arrays. Texts of configurations are read on demand, so that a large store opens fast.
Studies that are stored later appear only in later views.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np

from seasoned.errors import InvalidInput, StorageError
from seasoned.knowledge.experience.evaluations import Evaluations
from seasoned.knowledge.experience.nested_configurations import nested
from seasoned.knowledge.experience.past_study import Head, PastStudy, PastTrial, heads_of, row_of
from seasoned.knowledge.meta_features.meta_features import METAFEATURES
from seasoned.storage.engine import store_exists
from seasoned.storage.study_archive import PATIENCE, PastRow, PastStore
from seasoned.storage.url import mask_password

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.space import Space

__all__ = ["Experience", "Recorded", "merge"]

_log = logging.getLogger("seasoned.knowledge")

MOST: Final = 20_000
"""Largest number of studies that are read from a store, the newest first; limits memory, at about 5 kB a study."""
_SOURCES_SHOWN: Final = 5
MAX_CELLS: Final = 50_000_000
_NAMES: Final = tuple(feature.name for feature in METAFEATURES)

Texts: TypeAlias = Callable[[Sequence[int]], Mapping[int, str]]


class Recorded(NamedTuple):
    """Table of results, tasks x configurations; NaN where a configuration was not tried or has no score.

    Attributes:
        studies: Indices of the tasks in the experience, shape (tasks,).
        configurations: Numbers of the configurations, shape (n,).
        scores: Scores to be minimised, shape (tasks, n).
        seconds: Seconds of the trials, shape (tasks, n).
        failed: True where the configuration failed, shape (tasks, n).
        stopped: True where the trial was stopped early for a poor score, so that score and seconds are lower bounds,
            shape (tasks, n).
    """

    studies: NDArray[np.intp]
    configurations: NDArray[np.int64]
    scores: NDArray[np.float64]
    seconds: NDArray[np.float64]
    failed: NDArray[np.bool_]
    stopped: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Experience:
    """Finished studies as arrays; built by `Experience.read`, `Experience.of_studies` or `read_file`.

    Attributes:
        keys: Keys of the studies.
        heads: Descriptions of the studies.
        metafeatures: Meta-features in the order of `METAFEATURES`, NaN where unknown, shape (studies, features).
        starts: Index of the first trial of each study, then the number of trials, shape (studies + 1,).
        configurations: Configuration numbers of the trials, shape (trials,).
        scores: Scores of the trials, to be minimised, NaN where missing, shape (trials,).
        seconds: Seconds of the trials, NaN where unknown, shape (trials,).
        failed: True for failed trials, shape (trials,).
        stopped: True for trials that were stopped early for a poor score, so that score and seconds are lower bounds,
            shape (trials,).
        texts: Function from configuration numbers to their texts.

    Example:
        >>> trials = [PastTrial({"x": x}, (x - 0.3) ** 2) for x in (0.1, 0.3, 0.9)]
        >>> experience = Experience.of_studies([PastStudy(Head("a", "a"), {}, trials)])
        >>> len(experience), sorted(experience.table().scores.round(2).tolist()[0])
        (1, [0.0, 0.04, 0.36])
    """

    keys: tuple[str, ...]
    heads: tuple[Head, ...]
    metafeatures: NDArray[np.float64]
    starts: NDArray[np.intp]
    configurations: NDArray[np.int64]
    scores: NDArray[np.float64]
    seconds: NDArray[np.float32]
    failed: NDArray[np.bool_]
    stopped: NDArray[np.bool_]
    texts: Texts

    # ----------------------------------------------------------------------------------- construction

    @classmethod
    def of_rows(cls, rows: Sequence[PastRow], texts: Texts) -> Experience:
        """Build an experience from the rows of a store.

        Raises:
            InvalidInput: If the content of a row is invalid.
        """
        configurations = _joined([row.configurations for row in rows], "<i8")
        counts = np.array([len(row.configurations) // 8 for row in rows], dtype=np.intp)
        scores = _joined([row.scores for row in rows], "<f8")
        seconds = _joined([row.seconds for row in rows], "<f4")
        ends = _joined([row.failed for row in rows], "u1")  # coded as in `past_study.ends_of`
        if not len(configurations) == len(scores) == len(seconds) == len(ends):
            raise InvalidInput("trials, scores and seconds of a study differ in number; the store is damaged.")
        starts = np.concatenate([np.zeros(1, dtype=np.intp), np.cumsum(counts)])
        heads = heads_of([row.head for row in rows])
        keys = tuple(row.key for row in rows)
        ended = (ends % 2 == 1, ends == 2)
        return cls(keys, heads, _aligned(rows), starts, configurations, scores, seconds, *ended, texts)

    @classmethod
    def of_studies(cls, studies: Iterable[PastStudy]) -> Experience:
        """Build an experience from study objects; duplicates are stored once."""
        rows: dict[str, PastRow] = {}
        texts: dict[int, str] = {}
        for study in studies:
            row, words = row_of(study)
            rows[row.key] = row
            texts.update(words)
        return cls.of_rows(list(rows.values()), texts_of(texts))

    @classmethod
    def read(cls, url: str, most: int = MOST, *, reads: bool = False, patience: float = PATIENCE) -> Experience:
        """Read the newest studies of a store. Texts of configurations are read later, on demand.

        Damaged and foreign studies are skipped with a warning.

        Args:
            url: URL of the store.
            most: Largest number of studies; each takes about 5 kB of memory.
            reads: True opens the store read-only, for a file of another program: even its journal mode is unchanged.
            patience: Seconds to wait for a lock, or for a server that does not answer.

        Raises:
            InvalidInput: If the URL is invalid.
            StorageError: If the store does not exist or cannot be read.
        """
        if not store_exists(url):
            raise StorageError(f"there is no store at {mask_password(url)}; give the URL of one, or fit a model first.")
        store = PastStore(url, patience, reads=reads)

        def texts(numbers: Sequence[int]) -> dict[int, str]:
            try:
                return store.texts(numbers)
            finally:
                store.close()

        try:
            return cls.of_rows(_sound(store.read(most)), texts)
        finally:
            store.close()

    # ----------------------------------------------------------------------------------- access

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        sources = Counter(head.source for head in self.heads).most_common()
        told = ", ".join(f"{count} from {source!r}" for source, count in sources[:_SOURCES_SHOWN])
        more = ", ..." if len(sources) > _SOURCES_SHOWN else ""
        return f"Experience({len(self)} studies, {len(self.scores)} trials{told and ': '}{told}{more})"

    @property
    def id(self) -> str:
        """Identifier of the experience: a digest of the study keys, as 16 hexadecimal digits."""
        return hashlib.blake2b("".join(sorted(self.keys)).encode(), digest_size=8).hexdigest()

    def chosen(self, places: Sequence[int] | NDArray[np.intp]) -> Experience:
        """Return the experience of the studies at `places`, in this order."""
        rows = np.asarray(places, dtype=np.intp)
        spans = [np.arange(self.starts[row], self.starts[row + 1]) for row in rows]
        trials = np.concatenate([np.zeros(0, dtype=np.intp), *spans])
        return Experience(
            tuple(self.keys[row] for row in rows),
            tuple(self.heads[row] for row in rows),
            self.metafeatures[rows],
            np.concatenate([np.zeros(1, dtype=np.intp), np.cumsum([len(span) for span in spans], dtype=np.intp)]),
            self.configurations[trials],
            self.scores[trials],
            self.seconds[trials],
            self.failed[trials],
            self.stopped[trials],
            self.texts,
        )

    def where(self, **asked: Any) -> Experience:
        """Select studies by attributes of their heads, such as `experience.where(sort="binary", metric="roc_auc")`."""
        wanted = [row for row, head in enumerate(self.heads) if all(getattr(head, k) == v for k, v in asked.items())]
        return self.chosen(wanted)

    def tasks(self) -> pd.DataFrame:
        """Data frame with one row per study: description, number of trials, best score and meta-features."""
        import pandas as pd

        names = ("name", "family", "kind", "sort", "metric", "source", "created")
        rows = []
        for place, head in enumerate(self.heads):
            span = slice(self.starts[place], self.starts[place + 1])
            scores = self.scores[span]
            known = scores[np.isfinite(scores) & ~self.stopped[span]]
            best = float(known.min()) if len(known) else None
            about = {"rows": head.about.get("rows"), "columns": head.about.get("columns")}
            told = {name: getattr(head, name) for name in names}
            rows.append({"key": self.keys[place], **told, **about, "trials": len(scores), "best": best})
        columns = ["key", *names, "rows", "columns", "trials", "best"]
        return pd.concat(
            [pd.DataFrame(rows, columns=columns), pd.DataFrame(self.metafeatures, columns=list(_NAMES))], axis=1
        )

    def table(self, configurations: NDArray[np.int64] | None = None) -> Recorded:
        """Table of results, tasks x configurations.

        If a task has several trials of a configuration, the best trial counts. A stopped trial counts only if no other
        trial has a score.

        Args:
            configurations: Numbers of the configurations to include; all if None.

        Raises:
            InvalidInput: If the table has more than 50 million cells (1 GB). If every study drew its own
                configurations, nearly all cells are empty.
        """
        columns = np.unique(self.configurations) if configurations is None else np.unique(configurations)
        shape = (len(self), len(columns))
        if len(self) * len(columns) > MAX_CELLS:
            raise InvalidInput(
                f"a table of {len(self):,} tasks x {len(columns):,} configurations is too large for memory; choose "
                "tasks with where(), or pass the configurations that several of them share."
            )
        scores, seconds = np.full(shape, np.nan), np.full(shape, np.nan)
        failed, stopped = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        if len(columns):
            tasks = np.repeat(np.arange(len(self)), np.diff(self.starts))
            at = np.minimum(np.searchsorted(columns, self.configurations), len(columns) - 1)
            order = np.flatnonzero(columns[at] == self.configurations)
            scored = np.isfinite(self.scores[order]) * (2 - self.stopped[order])
            order = order[np.lexsort((-np.nan_to_num(self.scores[order], nan=np.inf), scored))]  # the best is last
            rows, places = tasks[order], at[order]
            scores[rows, places] = self.scores[order]
            seconds[rows, places] = self.seconds[order]
            failed[rows, places] = self.failed[order]
            stopped[rows, places] = self.stopped[order]
        return Recorded(np.arange(len(self)), columns, scores, seconds, failed, stopped)

    def configs(self, numbers: Sequence[int] | NDArray[np.int64]) -> dict[int, Any]:
        """Configurations by number; numbers whose texts were deleted are absent.

        Raises:
            InvalidInput: If a text is not a JSON object.
        """
        found = self.texts([int(number) for number in numbers])
        return {number: _configuration(number, text) for number, text in found.items()}

    def studies(self) -> list[PastStudy]:
        """Return the studies as objects, without trials whose configurations were deleted from the store."""
        configs = self.configs(np.unique(self.configurations))
        found = []
        for place, head in enumerate(self.heads):
            span = range(self.starts[place], self.starts[place + 1])
            trials = [self._trial(row, configs) for row in span if int(self.configurations[row]) in configs]
            if not trials:
                continue
            features = {n: float(v) for n, v in zip(_NAMES, self.metafeatures[place], strict=True) if np.isfinite(v)}
            found.append(PastStudy(head, features, trials))
        return found

    def _trial(self, row: int, configs: Mapping[int, Any]) -> PastTrial:
        score, seconds = float(self.scores[row]), float(self.seconds[row])
        return PastTrial(
            configs[int(self.configurations[row])],
            score if np.isfinite(score) else None,
            seconds if np.isfinite(seconds) else None,
            bool(self.failed[row]),
            bool(self.stopped[row]),
        )

    def evaluations(self, space: Space) -> list[Evaluations]:
        """Trials of each task that are valid in a space, as points of the unit cube: the input of `quantile_start`.

        Flat configurations of other tools are nested to match the space (`nested`). Tasks with fewer than three valid
        trials are excluded; a warning is logged if no task is left. Each study is one task, whatever its family.
        """
        found, passed_over = [], []
        for study in self.studies():
            scored = [trial for trial in study.trials if trial.score is not None and not trial.stopped]
            there = [(_within(trial.config, space), trial) for trial in scored]
            valid = [(config, trial.score) for config, trial in there if config is not None]
            passed_over += [trial.config for config, trial in there if config is None]
            if len(valid) >= 3:
                points = np.stack([space.encode(config).unit for config, _ in valid])
                found.append(Evaluations(points, np.array([score for _, score in valid], dtype=np.float64)))
        if len(self) and not found:
            other = f"; one that is not: {passed_over[0]}" if passed_over else ""
            _log.warning("experience: no task has three trials with a score that are valid in the space%s.", other)
        return found


def _configuration(number: int, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise TypeError("it is no JSON object")
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidInput(f"configuration {number} cannot be read ({error}); the store is damaged.") from error
    return found


def _within(config: Mapping[str, Any], space: Space) -> Mapping[str, Any] | None:
    return config if space.contains(config) else nested(config, space)


def merge(one: Experience, other: Experience) -> Experience:
    """Merge two experiences; a study in both is stored once."""
    known = set(one.keys)
    new = other.chosen([place for place, key in enumerate(other.keys) if key not in known])
    return Experience(
        one.keys + new.keys,
        one.heads + new.heads,
        np.concatenate([one.metafeatures, new.metafeatures]),
        np.concatenate([one.starts, one.starts[-1] + new.starts[1:]]),
        np.concatenate([one.configurations, new.configurations]),
        np.concatenate([one.scores, new.scores]),
        np.concatenate([one.seconds, new.seconds]),
        np.concatenate([one.failed, new.failed]),
        np.concatenate([one.stopped, new.stopped]),
        partial(_of_both, one.texts, new.texts),
    )


def texts_of(known: Mapping[int, str]) -> Texts:
    """Look up texts in memory. An experience with such a function can be pickled to another process."""
    return partial(_among, known)


def _among(known: Mapping[int, str], numbers: Sequence[int]) -> dict[int, str]:
    return {number: known[number] for number in numbers if number in known}


def _of_both(one: Texts, other: Texts, numbers: Sequence[int]) -> Mapping[int, str]:
    return {**other(numbers), **one(numbers)}


def _sound(rows: Sequence[PastRow]) -> list[PastRow]:
    """Filter out damaged and foreign rows, with a warning."""
    sound = [row for row in rows if _is_sound(row)]
    if len(sound) < len(rows):
        text = "%d of %d studies of an experience are damaged or foreign, and are passed over; `seasoned experience "
        _log.warning(text + "forget` with their keys removes them.", len(rows) - len(sound), len(rows))
    return sound


def _is_sound(row: PastRow) -> bool:
    """Return True if the row is intact."""
    trials = len(row.configurations) / 8
    sizes = {len(row.scores) / 8, len(row.seconds) / 4, len(row.failed), math.floor(trials)}
    named = len(row.names.split(",")) if row.names else 0
    if sizes != {trials} or len(row.numbers) != 8 * named:
        return False
    try:
        heads_of([row.head])[0].check()
    except InvalidInput:
        return False
    return True


def _joined(parts: Sequence[bytes], dtype: str) -> NDArray[Any]:
    return np.frombuffer(b"".join(parts), dtype=dtype)


def _aligned(rows: Sequence[PastRow]) -> NDArray[np.float64]:
    """Meta-features in the current order of the registry, whatever the order of the stored rows."""
    found = np.full((len(rows), len(_NAMES)), np.nan)
    by_names: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        by_names.setdefault(row.names, []).append(place)
    for names, places in by_names.items():
        own = names.split(",") if names else []
        values = _joined([rows[place].numbers for place in places], "<f8").reshape(len(places), len(own))
        kept = [(at, _NAMES.index(name)) for at, name in enumerate(own) if name in _NAMES]
        if kept:
            found[np.ix_(places, [to for _, to in kept])] = values[:, [at for at, _ in kept]]
    found[~np.isfinite(found)] = np.nan  # values of another tool may be infinite
    return found
