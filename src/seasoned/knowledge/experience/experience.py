"""Experience: a view of finished studies, each of which is a task, and all of which together form tables.

Studies are read in one go, as arrays; texts of configurations are looked up only when asked for. So a store of
ten thousand studies opens in a fraction of a second. A view never changes: what is stored later is only in later views.
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
from seasoned.storage.url import hidden

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.space import Space

__all__ = ["Experience", "Recorded", "merge"]

_log = logging.getLogger("seasoned.knowledge")

MOST: Final = 20_000
"""Studies of a store that are read, the newest: what bounds the memory of a view, at about 5 kB a study."""
_SOURCES_SHOWN: Final = 5
_MOST_CELLS: Final = 50_000_000
_NAMES: Final = tuple(feature.name for feature in METAFEATURES)

Texts: TypeAlias = Callable[[Sequence[int]], Mapping[int, str]]


class Recorded(NamedTuple):
    """Tasks x configurations; NaN where a configuration was not tried on a task, or gave no score.

    Attributes:
        studies: Indices of the tasks in the experience, shape (tasks,).
        configurations: Numbers of the configurations, shape (n,).
        scores: To be minimised, shape (tasks, n).
        seconds: Shape (tasks, n).
        failed: Whether it was tried and failed, shape (tasks, n).
        stopped: Whether it was stopped for being too poor, so that its score and seconds are lower bounds, shape
            (tasks, n).
    """

    studies: NDArray[np.intp]
    configurations: NDArray[np.int64]
    scores: NDArray[np.float64]
    seconds: NDArray[np.float64]
    failed: NDArray[np.bool_]
    stopped: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Experience:
    """Finished studies as arrays; made by `read`, `of_studies`, or `experience_file.read_file`.

    Attributes:
        keys: Of the studies.
        heads: What each was about.
        metafeatures: Shape (studies, features), in the order of `METAFEATURES`, NaN where unknown.
        starts: Where the trials of each study begin, and where the last ends, shape (studies + 1,).
        configurations: Number of each trial's configuration, shape (trials,).
        scores: Of each trial, to be minimised, NaN where there is none, shape (trials,).
        seconds: Of each trial, NaN where unknown, shape (trials,).
        failed: Whether each trial failed, shape (trials,).
        stopped: Whether each trial was stopped for being too poor, so that its score and seconds are lower bounds,
            shape (trials,).
        texts: Gives the texts of configurations by their numbers.

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
        """From a store's rows.

        Raises:
            InvalidInput: If a row does not hold what it should.
        """
        configurations = _joined([row.configurations for row in rows], "<i8")
        counts = np.array([len(row.configurations) // 8 for row in rows], dtype=np.intp)
        scores = _joined([row.scores for row in rows], "<f8")
        seconds = _joined([row.seconds for row in rows], "<f4")
        ends = _joined([row.failed for row in rows], "u1")  # `past.ends_of`
        if not len(configurations) == len(scores) == len(seconds) == len(ends):
            raise InvalidInput("trials, scores and seconds of a study differ in number; the store is damaged.")
        starts = np.concatenate([np.zeros(1, dtype=np.intp), np.cumsum(counts)])
        heads = heads_of([row.head for row in rows])
        keys = tuple(row.key for row in rows)
        ended = (ends % 2 == 1, ends == 2)
        return cls(keys, heads, _aligned(rows), starts, configurations, scores, seconds, *ended, texts)

    @classmethod
    def of_studies(cls, studies: Iterable[PastStudy]) -> Experience:
        """From studies as objects; duplicates are kept once."""
        rows: dict[str, PastRow] = {}
        texts: dict[int, str] = {}
        for study in studies:
            row, words = row_of(study)
            rows[row.key] = row
            texts.update(words)
        return cls.of_rows(list(rows.values()), texts_of(texts))

    @classmethod
    def read(cls, url: str, most: int = MOST, *, reads: bool = False, patience: float = PATIENCE) -> Experience:
        """The newest studies of a store, at most `most`; texts of configurations are read from it later, when needed.

        Studies that are damaged or foreign are skipped with a warning.

        Args:
            url: The store.
            most: Largest number of studies that are read; a view takes about 5 kB for each.
            reads: Whether the file is only read, as it is somebody else's: not even its journal mode may change then.
            patience: Seconds to wait for a program that locks it, or for a server that does not answer.

        Raises:
            InvalidInput: If the URL is not understood.
            StorageError: If there is no such store, or it cannot be read.
        """
        if not store_exists(url):
            raise StorageError(f"there is no store at {hidden(url)}; give the URL of one, or fit a model first.")
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
        """Identifies this experience: 16 hexadecimal digits, a digest of its studies' keys."""
        return hashlib.blake2b("".join(sorted(self.keys)).encode(), digest_size=8).hexdigest()

    def chosen(self, places: Sequence[int] | NDArray[np.intp]) -> Experience:
        """The studies at these indices, in this order."""
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
        """The studies whose heads have these values: `experience.where(sort="binary", metric="roc_auc")`."""
        wanted = [row for row, head in enumerate(self.heads) if all(getattr(head, k) == v for k, v in asked.items())]
        return self.chosen(wanted)

    def tasks(self) -> pd.DataFrame:
        """One row per study: what it was about, how many trials it had, its best score, and its meta-features."""
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
        """Tasks x configurations.

        Args:
            configurations: Numbers of those to include; all by default. Of several trials of one configuration on one
                task the best counts, and a stopped one only where none has ended with a score.

        Raises:
            InvalidInput: If it would have more than 50 million cells (1 GB): where every study drew its own
                configurations, nearly all of them are empty.
        """
        columns = np.unique(self.configurations) if configurations is None else np.unique(configurations)
        shape = (len(self), len(columns))
        if len(self) * len(columns) > _MOST_CELLS:
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
            order = order[np.lexsort((-np.nan_to_num(self.scores[order], nan=np.inf), scored))]  # the best last
            rows, places = tasks[order], at[order]
            scores[rows, places] = self.scores[order]
            seconds[rows, places] = self.seconds[order]
            failed[rows, places] = self.failed[order]
            stopped[rows, places] = self.stopped[order]
        return Recorded(np.arange(len(self)), columns, scores, seconds, failed, stopped)

    def configs(self, numbers: Sequence[int] | NDArray[np.int64]) -> dict[int, Any]:
        """Configurations by their numbers.

        Raises:
            InvalidInput: If a text is no JSON object.
        """
        found = self.texts([int(number) for number in numbers])
        return {number: _configuration(number, text) for number, text in found.items()}

    def studies(self) -> list[PastStudy]:
        """The studies as objects, without trials whose configurations have been forgotten since."""
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
        """The trials that are valid in a space, by task, as points of its cube: what `quantile_start` learns from.

        Flat configurations of other tools are nested as the space has them (`nested`). Tasks with fewer than three
        valid trials are left out; if no task is left, a warning says so. Each task counts as one, of whatever family.
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
    """All studies of both; one that is in both is kept once."""
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
    """Texts that are in memory; an experience that holds them so can be sent to another process."""
    return partial(_among, known)


def _among(known: Mapping[int, str], numbers: Sequence[int]) -> dict[int, str]:
    return {number: known[number] for number in numbers if number in known}


def _of_both(one: Texts, other: Texts, numbers: Sequence[int]) -> Mapping[int, str]:
    return {**other(numbers), **one(numbers)}


def _sound(rows: Sequence[PastRow]) -> list[PastRow]:
    """The rows that are intact."""
    sound = [row for row in rows if _is_sound(row)]
    if len(sound) < len(rows):
        text = "%d of %d studies of an experience are damaged or foreign, and are passed over; `seasoned experience "
        _log.warning(text + "forget` with their keys removes them.", len(rows) - len(sound), len(rows))
    return sound


def _is_sound(row: PastRow) -> bool:
    """Whether a row is intact."""
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
    """Meta-features in the order of today's registry, whatever it was when they were stored."""
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
    found[~np.isfinite(found)] = np.nan  # perhaps another tool's: ours are finite
    return found
