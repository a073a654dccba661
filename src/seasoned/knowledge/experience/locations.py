"""Where experience is kept: what ships, and the user's own store; and what the setting `experience` means.

    "default"   what ships and the user's own store, which is read and written
    "shipped"   what ships; nothing is written
    None        neither
    a URL       what ships and the store of that URL, which is read and written, as for a team

`SEASONED_EXPERIENCE` says what "default" is: "shipped", "none", a URL, or the path of a SQLite file.
"""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from seasoned.errors import InvalidInput, SeasonedError
from seasoned.knowledge.experience.experience import Experience, merge
from seasoned.knowledge.experience.files import read_file
from seasoned.knowledge.experience.past_study import row_of
from seasoned.knowledge.experience.setting import NOTHING, VARIABLE
from seasoned.storage.engine import file_of, store_exists, url_of
from seasoned.storage.study_archive import PATIENCE, PastRow, PastStore
from seasoned.storage.url import hidden

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seasoned.knowledge.experience.past_study import PastStudy

__all__ = [
    "Places",
    "add_experience",
    "add_studies",
    "own_store",
    "places",
    "read_places",
    "shipped",
    "store_exists",
]

logger = logging.getLogger("seasoned.knowledge")

_FILE: Final = "experience.parquet"


class Places(NamedTuple):
    """Where to read experience, and where to add to it.

    Attributes:
        ships: Whether the shipped experience is read.
        store: URL of the store that is read and written; None for none.
    """

    ships: bool
    store: str | None


def own_store() -> str:
    """URL of the user's own store: a file in the user's data folder, or what `SEASONED_EXPERIENCE` names."""
    import platformdirs

    named = os.environ.get(VARIABLE, "")
    if named and named.lower() not in NOTHING | {"shipped", "default"}:
        return _url(named)
    return _url(str(Path(platformdirs.user_data_dir("seasoned", appauthor=False)) / "experience.db"))


def store_at(named: str | None) -> str:
    """URL of the store given by URL or file; of the user's own store if none is given."""
    return _url(named) if named else own_store()


def _url(named: str) -> str:
    return named if "://" in named else url_of(Path(named).expanduser().absolute())


def places(setting: str | None) -> Places:
    """What the setting means.

    Raises:
        InvalidInput: If it is no such setting.

    Example:
        >>> places("shipped"), places(None), places("sqlite:///team.db")
        (Places(ships=True, store=None), Places(ships=False, store=None), Places(ships=True, store='sqlite:///team.db'))
    """
    if setting == "default":
        named = os.environ.get(VARIABLE, "").lower()
        setting = "shipped" if named == "shipped" else None if named in NOTHING else own_store()
    if setting is None or setting == "shipped":
        return Places(setting == "shipped", None)
    if not isinstance(setting, str) or "://" not in setting:
        raise InvalidInput(
            f"experience is {setting!r}; use 'default', 'shipped', None, or a database URL such as 'sqlite:///team.db'."
        )
    return Places(True, setting)


@lru_cache(maxsize=1)
def shipped() -> Experience:
    """The experience that comes with this package; empty if it comes with none."""
    with as_file(files("seasoned.knowledge") / "data" / _FILE) as path:
        return read_file(path) if path.is_file() else Experience.of_studies(())


def read_places(found: Places, patience: float = PATIENCE) -> Experience:
    """All experience there; a store that cannot be read is skipped with a warning, as a fit can do without it.

    Args:
        found: Where to read.
        patience: Seconds to wait for a store that others hold, or a server that does not answer.
    """
    experience = shipped() if found.ships else Experience.of_studies(())
    if found.store is None or not store_exists(found.store):
        return experience
    try:
        return merge(experience, Experience.read(found.store, patience=patience))
    except (SeasonedError, ValueError) as error:
        logger.warning("the experience in %s is not used: %s", hidden(found.store), error)
        return experience


def add_studies(
    url: str, studies: Iterable[PastStudy], patience: float = PATIENCE, *, instead: Iterable[str] = ()
) -> int:
    """Add finished studies to a store, which is created if there is none; returns how many were new.

    Args:
        url: The store's.
        studies: What to add.
        patience: Seconds to wait for other programs that lock the store.
        instead: Keys of the studies that they replace.

    Raises:
        InvalidInput: If the URL is not understood.
        StorageError: If the store cannot be written.
    """
    rows: list[PastRow] = []
    texts: dict[int, str] = {}
    for study in studies:
        row, words = row_of(study)
        rows.append(row)
        texts.update(words)
    file = file_of(url)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = PastStore(url, patience)
    try:
        added = store.add(rows, texts)
        if gone := set(instead) - {row.key for row in rows}:
            store.delete(sorted(gone))
        return added
    finally:
        store.close()


def add_experience(url: str, experience: Experience) -> int:
    """Add all of an experience to a store; returns how many studies were new."""
    return add_studies(url, experience.studies())
