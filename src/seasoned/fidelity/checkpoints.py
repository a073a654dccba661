"""Folder of a study's checkpoints, with one subfolder per trial, created on first use."""

from __future__ import annotations

import hashlib
import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Checkpoints"]

# scheme, driver, user and password of a database server's URL; no match for SQLite
_LOGIN: Final = re.compile(r"^(?!sqlite)(\w+)(?:\+\w+)?://(?:([^/:@]+)(?::[^/]*)?@)?")


class Checkpoints:
    """Folder of a study's checkpoints. Each study has its own, because trial numbers repeat between studies.

    Args:
        folder: The parent folder set by the user, or None.
        url: URL of the storage, or the unique identity of a storage in memory, or None.
        name: Name of the study; a reopened study finds its checkpoints by the name.
        seed: Seed of the study; it separates the study from an earlier, deleted study of the same name.
        temporary: Function that creates the parent folder for a storage in memory, used instead of the cache.

    Example:
        >>> Checkpoints("runs", None, "study", 0).folder.parent.name
        'runs'
    """

    def __init__(
        self,
        folder: str | Path | None,
        url: str | None,
        name: str,
        seed: int,
        temporary: Callable[[], Path] | None = None,
    ) -> None:
        url = None if url is None else url.partition("?")[0]
        self._place = "" if url is None else _database(url)
        self._whole = "" if url is None else _absolute(url)  # resolved here: a later chdir must move no study
        self._folder = None if folder is None else Path(folder).absolute()
        self._name = name
        self._seed = seed
        self._temporary = temporary

    @cached_property
    def folder(self) -> Path:
        """The folder: below the user's folder if set, else below the temporary folder, else in the user's cache."""
        if self._folder is not None:
            return self._below(self._folder)
        if self._temporary is not None:
            return self._below(self._temporary())
        import platformdirs

        cache = os.environ.get("SEASONED_CACHE") or platformdirs.user_cache_dir("seasoned", appauthor=False)
        known = Path(cache).absolute() / "checkpoints" / _key(self._whole, self._name, self._seed)  # with password
        lasting = known.with_name(_key(_LOGIN.sub(r"\1://\2@", self._whole), self._name, self._seed))
        return known if known.is_dir() else lasting

    def _below(self, folder: Path) -> Path:
        """Return the study's subfolder of `folder`; its name is the same on every machine that shares the storage."""
        return folder / _key(self._place, self._name, self._seed)


def _key(*parts: object) -> str:
    return hashlib.blake2b("\n".join(map(str, parts)).encode(), digest_size=12).hexdigest()


def _database(url: str) -> str:
    """Host-independent part of a storage URL: a file's absolute path, or the name of a server's database."""
    return _absolute(url) if url.startswith("sqlite") else url.rpartition("/")[2]


def _absolute(url: str) -> str:
    """Return a file's URL with its absolute path, because two folders may each have a file of the same name."""
    head, mark, file = url.partition(":///")
    return f"{head}{mark}{Path(file).absolute()}" if head.startswith("sqlite") and file else url
