"""Maintenance of a store of experience: statistics, export, import, and deletion of studies."""

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
from seasoned.storage.url import mask_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "Statistics",
    "add_experience",
    "database_of",
    "export",
    "forget",
    "format_statistics",
    "heads",
    "import_file",
    "import_studies",
    "mask_password",
    "merge",
    "own_store",
    "read_database",
    "shipped",
    "statistics",
    "store_at",
]

logger = logging.getLogger("seasoned.knowledge")

LOCK_SECONDS: Final = 10.0  # seconds to wait for a lock of another program
_ALL: Final = 2**31 - 1  # number of studies to read: statistics, exports and comparisons use the whole store
_SQLITE: Final = b"SQLite format 3\0"
_SOURCES: Final = ("own", "shipped", "study", "optuna")  # any other source is the name of a file
_CSV: Final = (".csv", ".csv.gz", ".csv.zst", ".csv.xz", ".csv.bz2", ".csv.zip")


class Statistics(NamedTuple):
    """Statistics of a store, and of the benefit of experience in fits.

    Attributes:
        studies: Number of studies in the store.
        shipped: Number of shipped studies.
        trials: Number of trials in the store.
        sorts: Sort of task -> number of studies.
        winners: Model family -> number of studies whose best trial is of this family.
        guided: Number of own fits that used experience and recorded its benefit.
        advised: Number of guided fits whose best trial was an advised one, not a default or a free trial.
        ahead: Share of the gain over the baseline that the best other trial missed in advised fits; median.
        best_at: Median number of the best trial, in guided fits and in all other own fits.
        megabytes: Size of the file of the store in MB; None for a server.
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
    """Key and head of each study of a store, the oldest first; empty if the store does not exist."""
    if not store_exists(url):
        return []
    with closing(PastStore(url)) as store:
        return [(key, _head_of(text)) for key, text in store.heads()]


def _head_of(text: str) -> Head:
    """Head of a study. A damaged or foreign study has a placeholder, so that users can list and delete it."""
    try:
        return heads_of([text])[0].check()
    except InvalidInput:
        return Head("damaged or foreign", "", "", source="")


def statistics(url: str) -> Statistics:
    """Compute the statistics of a store."""
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


def format_statistics(found: Statistics, url: str) -> list[str]:
    """Format statistics as lines of text."""
    size = "" if found.megabytes is None else f", {found.megabytes:.1f} MB"
    lines = [
        f"{found.studies} fit(s) with {found.trials} trials in {mask_password(url)}{size}",
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
    """Recorded values of a name that are finite numbers; an imported file may contain any value."""
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
    """Model family of a configuration of the AutoML search; "other" for configurations of other spaces."""
    model = config.get("model")
    return str(next(iter(model))) if isinstance(model, Mapping) and len(model) == 1 else "other"


def export(url: str, path: Path, *, with_shipped: bool = False) -> int:
    """Export the experience of a store to a Parquet file; return the number of studies.

    Args:
        url: URL of the store.
        path: Path of the file.
        with_shipped: True includes the shipped experience.

    Raises:
        InvalidInput: If there is no experience, the file name ends like a CSV file, or the file is a database.
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
    """Import an exported Parquet file or a CSV file of past runs into a store.

    Returns:
        The number of new studies, and the number of studies in the file.

    Raises:
        InvalidInput: If the file is missing, damaged, or neither of both.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no file {str(path)!r}; give one that was exported, or a CSV of past runs.")
    with whole(path.name):
        read = read_csv(path, maximise=maximise) if path.name.lower().endswith(_CSV) else read_file(path)
        found = Experience.of_studies(read.studies())
    return import_studies(url, found), len(read)


def database_of(source: str) -> str | None:
    """URL of a database from a URL or the path of a SQLite file; None for any other file."""
    if "://" in source:
        return source
    path = Path(source)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return url_of(path) if file.read(len(_SQLITE)) == _SQLITE else None


def read_database(source: str) -> tuple[Experience, bool]:
    """Read the studies and the experience of a database; the second value is True if it also has Optuna studies.

    Raises:
        InvalidInput: If the database does not exist, cannot be read, or contains no studies and no experience.
    """
    with whole(mask_password(source)):
        there = contents_of(source)
        if not any(there):
            raise InvalidInput(
                f"{mask_password(source)!r} holds no studies, neither ours nor Optuna's; give what Study(storage=...) "
                "was given, a store of experience, or an Optuna storage."
            )
        found = read_storage(source) if there.studies else Experience.of_studies(())
        if there.experience:
            found = merge(found, Experience.of_studies(Experience.read(source, _ALL, reads=True).studies()))
    return found, there.optuna


def import_studies(url: str, found: Experience) -> int:
    """Add past studies to a store. A study that continues a stored study replaces it.

    A study continues a stored study if both have the same head and it contains all trials of the stored study. So a
    growing Optuna study or file of runs can be imported repeatedly.

    Returns:
        Number of new studies.
    """
    there = Experience.read(url, _ALL) if store_exists(url) else Experience.of_studies(())
    found = Experience.of_studies(_with_seconds(found.studies(), there))  # with the same keys as in the store
    known = set(_beginnings(found, there))
    found = found.chosen([place for place, key in enumerate(found.keys) if key not in known])
    outgrown = _beginnings(there, found)  # compared to added studies only, so that one of two equal studies stays
    gone = set(outgrown)
    _warn_of_others(found, there.chosen([place for place, key in enumerate(there.keys) if key not in gone]))
    new = add_experience(url, found)
    with closing(PastStore(url)) as store:
        store.delete(outgrown)
    return new


def _with_seconds(studies: Sequence[PastStudy], there: Experience) -> list[PastStudy]:
    """Fill in missing seconds of trials from the same trials in the store."""
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
    """Identity of a trial within its study: normalised configuration and score."""
    return repr(_plain(json.loads(textual(trial.config)))), trial.score


def _beginnings(some: Experience, others: Experience) -> list[str]:
    """Keys of studies in `some` that a study in `others` with the same head continues; common keys are excluded."""
    alike = _by(_whose, others)
    theirs = cache(partial(_trials, others))  # computed on demand, only for heads in `some`
    new, found = set(others.keys), []
    for place, key in enumerate(some.keys):
        longer = () if key in new else alike.get(_whose(some.heads[place]), ())
        own = _trials(some, place) if longer else None
        if own is not None and any(_begins(own, theirs(other)) for other in longer):
            found.append(key)
    return found


def _begins(own: tuple[Counter[Any], Counter[Any]], longer: tuple[Counter[Any], Counter[Any]]) -> bool:
    """Return True if the study `longer` has all trials of `own`, and, for equal trials, also all their seconds."""
    (trials, timed), (more, more_timed) = own, longer
    return not trials - more and (trials != more or not timed - more_timed)


def _warn_of_others(found: Experience, there: Experience) -> None:
    """Warn of stored studies from the same file and task that have other scores of the same configurations."""
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
    """Group the indices of the studies by a key."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for place, head in enumerate(experience.heads):
        found.setdefault(key(head), []).append(place)
    return found


def _file(head: Head) -> tuple[str, str, str]:
    return head.source, _kind(head), head.name


def _kind(head: Head) -> str:
    return head.kind.removesuffix(".csv")  # a suffix in studies of earlier versions, from compressed files


def _whose(head: Head) -> tuple[Any, ...]:
    return head.source, _kind(head), head.version, head.name, head.family, head.sort, head.metric, head.created


def _trials(experience: Experience, place: int) -> tuple[Counter[Any], Counter[Any]]:
    """Counts of (configuration, score) pairs of a study, and counts of the pairs that have seconds.

    Numbers and their spelling as text count as the same value. Seconds may be added by a later import.
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
    """Normalise a stored value: 1.0 becomes 1, and "0.5" becomes 0.5."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        return value_of(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def forget(url: str, patterns: Sequence[str] = (), *, everything: bool = False, keep: int | None = None) -> int:
    """Delete studies of a store: by pattern, all studies, or all except the newest.

    A SQLite file is rewritten afterwards, because deleted data remain in its free pages. A warning is logged if another
    program holds the file. A database server may keep deleted data for longer.

    Args:
        url: URL of the store.
        patterns: Patterns of keys, names or sources of studies; `*` matches any text.
        everything: True deletes all studies.
        keep: Number of newest studies to keep; all others are deleted.

    Returns:
        Number of deleted studies.

    Raises:
        InvalidInput: Unless exactly one of `patterns`, `everything` and `keep` is set, and `keep` is at least 1.
    """
    given = sum((bool(patterns), everything, keep is not None))
    if given != 1:
        said = "two ways of choosing are given" if given else "no studies are selected"
        raise InvalidInput(f"{said}; give keys or name patterns, or --keep and a number, or --all.")
    if keep is not None and keep < 1:
        raise InvalidInput(f"{keep} studies are to be kept; give a number from 1 up, or --all.")
    if not store_exists(url):
        return 0
    plain = [pattern.replace("[", "[[]").replace("?", "[?]") for pattern in patterns]  # only `*` is a wildcard
    with closing(PastStore(url)) as store:
        known = store.heads()  # sorted from oldest to newest
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
    """Rewrite a SQLite file, so that the file and its journal contain no deleted data."""
    try:
        with closing(sqlite3.connect(file, timeout=LOCK_SECONDS, isolation_level=None)) as connection:
            connection.execute("VACUUM")
            (held, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        held = str(error)
    if held:
        text = "deleted studies are in no table of %s any more, but may still be in the file (%s); run forget again."
        logger.warning(text, file.name, "another program reads it" if held == 1 else held)


def _words(key: str, text: str) -> list[str]:
    """Texts that patterns are matched against: key, name and source; only the key for a damaged study."""
    head = _head_of(text)
    return [key, head.name, head.source] if head.source else [key]
