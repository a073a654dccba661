"""Where a study's checkpoints are stored: one folder per trial, made on first use."""

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

# a server's driver, user and password
_LOGIN: Final = re.compile(r"^(?!sqlite)(\w+)(?:\+\w+)?://(?:([^/:@]+)(?::[^/]*)?@)?")


class Checkpoints:
    """The folder of a study's checkpoints. No two studies share one, because their trials have the same numbers.

    Args:
        folder: The user's folder, below which it is made; or None.
        url: The storage's URL, if it has one; of a storage in memory, what tells it from others.
        name: The study's name, by which its checkpoints are found when it is reopened.
        seed: The study's seed, which tells it from an earlier, deleted study of the same name.
        temporary: Makes the folder of a storage in memory, in the place of one in the cache.

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
        self._whole = "" if url is None else _absolute(url)  # resolved now, so that a later chdir moves no study
        self._folder = None if folder is None else Path(folder).absolute()
        self._name = name
        self._seed = seed
        self._temporary = temporary

    @cached_property
    def folder(self) -> Path:
        """The folder: below the given one, if any; else in the cache or, for a study in memory, a temporary one."""
        if self._folder is not None:
            return self._below(self._folder)
        if self._temporary is not None:
            return self._below(self._temporary())
        import platformdirs

        cache = os.environ.get("SEASONED_CACHE") or platformdirs.user_cache_dir("seasoned", appauthor=False)
        known = Path(cache).absolute() / "checkpoints" / _key(self._whole, self._name, self._seed)  # its first name
        lasting = known.with_name(_key(_LOGIN.sub(r"\1://\2@", self._whole), self._name, self._seed))
        return known if known.is_dir() else lasting

    def _below(self, folder: Path) -> Path:
        """This study's subfolder of a folder, the same on every machine, however each of them reaches the storage."""
        return folder / _key(self._place, self._name, self._seed)


def _key(*parts: object) -> str:
    return hashlib.blake2b("\n".join(map(str, parts)).encode(), digest_size=12).hexdigest()


def _database(url: str) -> str:
    """What identifies a storage apart from its host: a file's absolute path, or the name of a server's database."""
    return _absolute(url) if url.startswith("sqlite") else url.rpartition("/")[2]


def _absolute(url: str) -> str:
    """A file's URL with its absolute path, because two folders may each have a file of that name."""
    head, mark, file = url.partition(":///")
    return f"{head}{mark}{Path(file).absolute()}" if head.startswith("sqlite") and file else url
