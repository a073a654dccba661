"""Maintenance of a store of experience: what is in it, how it has helped, export and import, forgetting."""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.experience import Experience, merge
from seasoned.knowledge.experience.files import read_csv, read_file, whole, write_file
from seasoned.knowledge.experience.locations import add_experience, own_store, shipped, store_at, store_exists
from seasoned.knowledge.experience.nested_configurations import value_of
from seasoned.knowledge.experience.past_study import Head, PastStudy, PastTrial, heads_of, textual
from seasoned.knowledge.experience.study_import import read_storage
from seasoned.storage.engine import file_of, url_of
from seasoned.storage.study_archive import PastStore
from seasoned.storage.summary import contents_of
from seasoned.storage.url import hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "Statistics",
    "add_experience",
    "database_of",
    "export",
    "forget",
    "heads",
    "hidden",
    "import_file",
    "import_studies",
    "merge",
    "own_store",
    "read_database",
    "shipped",
    "statistics",
    "store_at",
    "told",
]

logger = logging.getLogger("seasoned.knowledge")

_PATIENCE: Final = 10.0  # seconds that other programs may take to release a file
_ALL: Final = 2**31 - 1  # studies: statistics, exports and comparisons are of the whole store
_SQLITE: Final = b"SQLite format 3\0"
_SOURCES: Final = ("own", "shipped", "study", "optuna")  # all others are names of files
_CSV: Final = (".csv", ".csv.gz", ".csv.zst", ".csv.xz", ".csv.bz2", ".csv.zip")


class Statistics(NamedTuple):
    """What a store holds and how it has helped.

    Attributes:
        studies: Studies of the store.
        shipped: Studies that ship.
        trials: Trials of the store.
        sorts: How many studies are of each sort.
        winners: In how many studies a model family had the best trial.
        guided: Number of own fits that used experience, and recorded how it helped.
        advised: Number of those whose best trial past tasks suggested: no family's default, nor the search's own.
        ahead: Share of its gain over the baseline that the best of the other trials missed there; median.
        best_at: Median number of trials after which the best one was reached: of guided fits, and of the others.
        megabytes: Size of the store's file; None for a server.
    """

    studies: int
    shipped: int
    trials: int
    sorts: dict[str, int]
    winners: dict[str, int]
    guided: int
    advised: int
    ahead: float | None
    best_at: tuple[float | None, float | None]
    megabytes: float | None


def heads(url: str) -> list[tuple[str, Head]]:
    """Key and head of each study of a store, the oldest first; none where there is no store."""
    if not store_exists(url):
        return []
    with closing(PastStore(url)) as store:
        return [(key, _head_of(text)) for key, text in store.heads()]


def _head_of(text: str) -> Head:
    """What a study is about; of a damaged or foreign one only that it is so, so that it can be found and forgotten."""
    try:
        return heads_of([text])[0].check()
    except InvalidInput:
        return Head("damaged or foreign", "", "", source="")


def statistics(url: str) -> Statistics:
    """What a store holds, and how its experience has helped."""
    found = Experience.read(url, _ALL) if store_exists(url) else Experience.of_studies(())
    own = [head.about for head in found.heads if "guided" in head.about]
    guided = [about for about in own if about["guided"] and "advised" in about]  # older fits do not record it
    file = file_of(url)
    return Statistics(
        len(found),
        len(shipped()),
        len(found.scores),
        dict(Counter(head.sort or "other" for head in found.heads)),
        _winners(found),
        len(guided),
        sum(bool(about.get("advised")) for about in guided),
        _median(_numbers((about for about in guided if about.get("advised")), "ahead")),
        (_best_at([a for a in own if a["guided"]]), _best_at([a for a in own if not a["guided"]])),
        file.stat().st_size / 1e6 if file is not None and file.is_file() else None,
    )


def told(found: Statistics, url: str) -> list[str]:
    """The statistics as lines for people."""
    size = "" if found.megabytes is None else f", {found.megabytes:.1f} MB"
    lines = [
        f"{found.studies} fit(s) with {found.trials} trials in {hidden(url)}{size}",
        f"{found.shipped} studies come with seasoned",
    ]
    if found.sorts:
        lines.append("tasks: " + ", ".join(f"{count} {sort}" for sort, count in found.sorts.items()))
    if found.winners:
        lines.append("best trials: " + ", ".join(f"{family} {count}" for family, count in found.winners.items()))
    if found.guided:
        better = (
            "" if found.ahead is None else f"; the best of the others had {1 - found.ahead:.1%} of its gain (median)"
        )
        lines.append(
            f"{found.guided} fit(s) used experience; in {found.advised} the best trial was suggested by past tasks"
            f"{better}"
        )
    for what, median in zip(("with experience", "without"), found.best_at, strict=True):
        if median is not None:
            lines.append(f"{what}, the best trial was number {median:g} (median)")
    return lines


def _best_at(abouts: Sequence[Any]) -> float | None:
    return _median([place + 1 for place in _numbers(abouts, "best_at")])


def _numbers(abouts: Iterable[Any], name: str) -> list[float]:
    """What fits recorded under a name; an imported file may hold anything there."""
    found = (about.get(name) for about in abouts)
    return [float(one) for one in found if type(one) in {int, float} and abs(one) <= sys.float_info.max]


def _median(numbers: Sequence[float]) -> float | None:
    return float(np.median(numbers)) if numbers else None


def _winners(found: Experience) -> dict[str, int]:
    """Family of the best trial -> number of studies."""
    best = []
    for start, end in zip(found.starts[:-1], found.starts[1:], strict=True):
        scores = np.where(found.stopped[start:end], np.nan, found.scores[start:end])
        if np.isfinite(scores).any():
            best.append(int(found.configurations[start + int(np.nanargmin(scores))]))
    configs = found.configs(sorted(set(best)))
    families = [_family(configs[number]) for number in best if number in configs]
    return dict(Counter(families).most_common())


def _family(config: Mapping[str, Any]) -> str:
    """The model family of a configuration of ours; "other" for those of other spaces, whatever their `model` is."""
    model = config.get("model")
    return str(next(iter(model))) if isinstance(model, Mapping) and len(model) == 1 else "other"


def export(url: str, path: Path, *, with_shipped: bool = False) -> int:
    """Write a store's experience to one Parquet file; returns the number of studies.

    Args:
        url: The store.
        path: The file.
        with_shipped: Whether the shipped experience is included.

    Raises:
        InvalidInput: If there is none, or the file is named as a CSV, or is a database.
    """
    if path.name.lower().endswith(_CSV):
        raise InvalidInput(f"an export is a Parquet file, and {path.name!r} would be read as CSV: name it .parquet.")
    if database_of(str(path)) is not None:
        raise InvalidInput(f"{str(path)!r} is a database, which an export would replace: choose another name.")
    found = Experience.read(url, _ALL) if store_exists(url) else Experience.of_studies(())
    if with_shipped:
        found = merge(found, shipped())
    if not len(found):
        raise InvalidInput("there is no experience to export; fit a model first.")
    write_file(found, path)
    return len(found)


def import_file(url: str, path: Path, *, maximise: bool = False) -> tuple[int, int]:
    """Add an exported Parquet file, or a CSV of past runs, to a store; returns its numbers of new studies and of all.

    Raises:
        InvalidInput: If the file is neither, or damaged.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no file {str(path)!r}; give one that was exported, or a CSV of past runs.")
    with whole(path.name):
        read = read_csv(path, maximise=maximise) if path.name.lower().endswith(_CSV) else read_file(path)
        found = Experience.of_studies(read.studies())
    return import_studies(url, found), len(read)


def database_of(source: str) -> str | None:
    """The URL of a database, which is given as such or as a SQLite file; None for another file."""
    if "://" in source:
        return source
    path = Path(source)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return url_of(path) if file.read(len(_SQLITE)) == _SQLITE else None


def read_database(source: str) -> tuple[Experience, bool]:
    """What a database holds: our studies, and experience; and whether there are studies of Optuna, too.

    Raises:
        InvalidInput: If there is none, it cannot be read, or it holds nothing of these.
    """
    with whole(hidden(source)):
        there = contents_of(source)
        if not any(there):
            raise InvalidInput(
                f"{hidden(source)!r} holds no studies, neither ours nor Optuna's; give what Study(storage=...) was "
                "given, a store of experience, or an Optuna storage."
            )
        found = read_storage(source) if there.studies else Experience.of_studies(())
        if there.experience:
            found = merge(found, Experience.of_studies(Experience.read(source, _ALL, reads=True).studies()))
    return found, there.optuna


def import_studies(url: str, found: Experience) -> int:
    """Add past studies to a store; one that continues a study of the store replaces it.

    So an Optuna study, or a file of runs, can be imported again whenever it has grown: it has the same head, and all
    trials of the stored one.

    Returns:
        How many are new.
    """
    there = Experience.read(url, _ALL) if store_exists(url) else Experience.of_studies(())
    found = Experience.of_studies(_with_seconds(found.studies(), there))  # with the keys that the store would give
    known = set(_beginnings(found, there))
    found = found.chosen([place for place, key in enumerate(found.keys) if key not in known])
    outgrown = _beginnings(there, found)  # by what is added: otherwise neither of two equal ones would be left
    gone = set(outgrown)
    _warn_of_others(found, there.chosen([place for place, key in enumerate(there.keys) if key not in gone]))
    new = add_experience(url, found)
    with closing(PastStore(url)) as store:
        store.delete(outgrown)
    return new


def _with_seconds(studies: Sequence[PastStudy], there: Experience) -> list[PastStudy]:
    """The studies, with the seconds that the store has of the same trials, where they come without."""
    alike = _by(_whose, there)
    whole = []
    for study in studies:
        known: dict[Any, float] = {}
        if any(trial.seconds is None for trial in study.trials):
            for place in alike.get(_whose(study.head), ()):
                known |= {_which(trial): trial.seconds for trial in _study(there, place).trials if trial.seconds}
        trials = study.trials
        if known:
            trials = [t if t.seconds is not None else t._replace(seconds=known.get(_which(t))) for t in trials]
        whole.append(replace(study, trials=trials))
    return whole


def _study(experience: Experience, place: int) -> PastStudy:
    return experience.chosen([place]).studies()[0]


def _which(trial: PastTrial) -> tuple[str, float | None]:
    """What tells a trial from the others of its study."""
    return repr(_plain(json.loads(textual(trial.config)))), trial.score


def _beginnings(some: Experience, others: Experience) -> list[str]:
    """Keys of studies whose trials are all in another study of the same head, and that are not among the others."""
    alike = _by(_whose, others)
    theirs = cache(partial(_trials, others))  # of those alone that have the head of one of `some`
    new, found = set(others.keys), []
    for place, key in enumerate(some.keys):
        longer = () if key in new else alike.get(_whose(some.heads[place]), ())
        own = _trials(some, place) if longer else None
        if own is not None and any(_begins(own, theirs(other)) for other in longer):
            found.append(key)
    return found


def _begins(own: tuple[Counter[Any], Counter[Any]], longer: tuple[Counter[Any], Counter[Any]]) -> bool:
    """Whether all trials are in another study; where it has the same, whether it also has all their seconds."""
    (trials, timed), (more, more_timed) = own, longer
    return not trials - more and (trials != more or not timed - more_timed)


def _warn_of_others(found: Experience, there: Experience) -> None:
    """Warn of studies that the store has from the same file and task, with other scores of the same configurations."""
    files, left = _by(_file, found), []
    for place, head in enumerate(there.heads):
        new = () if head.source in _SOURCES else files.get(_file(head), ())
        old = set(_trials(there, place)[0]) if new else set()
        for other in new:
            given = set(_trials(found, other)[0])
            if {config for config, _ in old - given} & {config for config, _ in given - old}:
                left.append(there.keys[place])
                break
    if left:
        text = (
            "%d stored studies are of the same file and tasks as some of these, with other scores of the same "
            "configurations, and both count; if the new ones are right, call: seasoned experience forget %s"
        )
        logger.warning(text, len(left), " ".join(left))


def _by(key: Callable[[Head], tuple[Any, ...]], experience: Experience) -> dict[tuple[Any, ...], list[int]]:
    """Places of the studies with the same key."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for place, head in enumerate(experience.heads):
        found.setdefault(key(head), []).append(place)
    return found


def _file(head: Head) -> tuple[str, str, str]:
    return head.source, _kind(head), head.name


def _kind(head: Head) -> str:
    return head.kind.removesuffix(".csv")  # as packed files of runs were called


def _whose(head: Head) -> tuple[Any, ...]:
    return head.source, _kind(head), head.version, head.name, head.family, head.sort, head.metric, head.created


def _trials(experience: Experience, place: int) -> tuple[Counter[Any], Counter[Any]]:
    """Configurations with their scores, counted; and those of them that have seconds, which may come later.

    Numbers that a file of runs may write as words are the same.
    """
    span = slice(experience.starts[place], experience.starts[place + 1])
    numbers = experience.configurations[span].tolist()
    texts = experience.texts(sorted(set(numbers)))
    plain = {number: repr(_plain(json.loads(text))) for number, text in texts.items()}
    scores = [repr(score) for score in experience.scores[span].tolist()]
    pairs = list(zip((plain.get(number, number) for number in numbers), scores, strict=True))
    timed = np.isfinite(experience.seconds[span]).tolist()
    return Counter(pairs), Counter(pair for pair, known in zip(pairs, timed, strict=True) if known)


def _plain(value: Any) -> Any:
    """A stored value in one form: 1.0 as 1, and "0.5" as 0.5."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        return value_of(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def forget(url: str, patterns: Sequence[str] = (), *, everything: bool = False, keep: int | None = None) -> int:
    """Remove studies whose key, name or source fits a pattern (`*` for any part), or all, or all but the newest.

    A SQLite file is rewritten afterwards, because what is deleted stays in its free pages. If another program holds
    the file, a warning says so. When a server overwrites deleted data is up to the server.

    Args:
        url: The store.
        patterns: Of the studies' keys, names or sources.
        everything: Whether all go.
        keep: How many of the newest stay, while all others go.

    Returns:
        How many were removed.

    Raises:
        InvalidInput: Unless exactly one of patterns, `everything` and `keep` is given, and `keep` is at least 1.
    """
    given = sum((bool(patterns), everything, keep is not None))
    if given != 1:
        said = "two ways of choosing are given" if given else "no studies are selected"
        raise InvalidInput(f"{said}; give keys or name patterns, or --keep and a number, or --all.")
    if keep is not None and keep < 1:
        raise InvalidInput(f"{keep} studies are to be kept; give a number from 1 up, or --all.")
    if not store_exists(url):
        return 0
    plain = [pattern.replace("[", "[[]").replace("?", "[?]") for pattern in patterns]  # only the star is special
    with closing(PastStore(url)) as store:
        known = store.heads()  # the oldest first
        keys = [
            key
            for place, (key, text) in enumerate(known)
            if (place < len(known) - keep if keep is not None else everything)
            or any(fnmatchcase(word, one) for one in plain for word in _words(key, text))
        ]
        gone = store.delete(keys)
    file = file_of(url)
    if file is not None:
        _write_anew(file)
    return gone


def _write_anew(file: Path) -> None:
    """Rewrite a SQLite file, so that it, and the journal beside it, hold nothing that is not in its tables."""
    try:
        with closing(sqlite3.connect(file, timeout=_PATIENCE, isolation_level=None)) as connection:
            connection.execute("VACUUM")
            (held, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        held = str(error)
    if held:
        text = "deleted studies are in no table of %s any more, but may still be in the file (%s); run forget again."
        logger.warning(text, file.name, "another program reads it" if held == 1 else held)


def _words(key: str, text: str) -> list[str]:
    """The words by which a study can be selected; a damaged one only by its key."""
    head = _head_of(text)
    return [key, head.name, head.source] if head.source else [key]
