"""Locations of experience: the shipped file, the user's own store, and the meaning of the setting `experience`.

    "default"   the shipped experience and the user's own store, which is read and written
    "shipped"   the shipped experience; nothing is written
    None        no experience
    a URL       the shipped experience and the store at the URL, which is read and written, such as a team's store

The environment variable `SEASONED_EXPERIENCE` sets the meaning of "default": "shipped", "none", a URL, or the path of a
SQLite file.
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
from seasoned.storage.url import mask_password

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
    """Locations of the experience of a fit.

    Attributes:
        ships: True if the shipped experience is read.
        store: URL of the store that is read and written; None for no store.
    """

    ships: bool
    store: str | None


def own_store() -> str:
    """URL of the user's own store: a file in the user's data folder, or the store in `SEASONED_EXPERIENCE`."""
    import platformdirs

    named = os.environ.get(VARIABLE, "")
    if named and named.lower() not in NOTHING | {"shipped", "default"}:
        return _url(named)
    return _url(str(Path(platformdirs.user_data_dir("seasoned", appauthor=False)) / "experience.db"))


def store_at(named: str | None) -> str:
    """URL of a store from a URL or a file path; the user's own store if None or empty."""
    return _url(named) if named else own_store()


def _url(named: str) -> str:
    return named if "://" in named else url_of(Path(named).expanduser().absolute())


def places(setting: str | None) -> Places:
    """Resolve the setting `experience`.

    Raises:
        InvalidInput: If the setting is invalid.

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
    """Read the experience that ships with this package; empty if the file is absent."""
    with as_file(files("seasoned.knowledge") / "data" / _FILE) as path:
        return read_file(path) if path.is_file() else Experience.of_studies(())


def read_places(found: Places, patience: float = PATIENCE) -> Experience:
    """Read all experience of the locations. A store that cannot be read is skipped with a warning.

    Args:
        found: The locations.
        patience: Seconds to wait for a locked store, or for a server that does not answer.
    """
    experience = shipped() if found.ships else Experience.of_studies(())
    if found.store is None or not store_exists(found.store):
        return experience
    try:
        return merge(experience, Experience.read(found.store, patience=patience))
    except (SeasonedError, ValueError) as error:
        logger.warning("the experience in %s is not used: %s", mask_password(found.store), error)
        return experience


def add_studies(
    url: str, studies: Iterable[PastStudy], patience: float = PATIENCE, *, instead: Iterable[str] = ()
) -> int:
    """Add finished studies to a store, and return the number of new studies. A missing store is created.

    Args:
        url: URL of the store.
        studies: Studies to add.
        patience: Seconds to wait for a lock of another program.
        instead: Keys of stored studies that the new studies replace.

    Raises:
        InvalidInput: If the URL is invalid.
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
    """Add all studies of an experience to a store; return the number of new studies."""
    return add_studies(url, experience.studies())
