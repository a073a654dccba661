"""Where the checkpoints of a study lie: one folder a trial, made when it is asked for."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import weakref
from functools import cached_property
from pathlib import Path

__all__ = ["Checkpoints"]


class Checkpoints:
    """The folder of a study's checkpoints. No two studies share one: trial 0 of each has the same number.

    Args:
        folder: Below which the user wants it, or None.
        url: Of the storage, if it has one.
        name: The study's name, by which it finds its checkpoints when it is opened again; None if nobody does.
        seed: The study's, by which another one of the same name, made once the first was deleted, is told from it.

    Example:
        >>> Checkpoints("runs", None, "study", 0).folder.parent.name
        'runs'
    """

    def __init__(self, folder: str | Path | None, url: str | None, name: str | None, seed: int) -> None:
        url = None if url is None else url.partition("?")[0]
        self._place = "" if url is None else _database(url)
        self._whole = "" if url is None else _absolute(url)  # now: a later chdir moves no study
        self._folder = None if folder is None else Path(folder).absolute()
        self._name = name
        self._seed = seed

    @cached_property
    def folder(self) -> Path:
        """The folder: below one that is given, else in the cache, or for a study in memory a temporary one."""
        if self._folder is not None:
            return self._below(self._folder)
        if self._name is None:
            made = tempfile.mkdtemp(prefix="seasoned-checkpoints-")
            weakref.finalize(self, shutil.rmtree, made, ignore_errors=True)
            return Path(made)
        import platformdirs

        cache = os.environ.get("SEASONED_CACHE") or platformdirs.user_cache_dir("seasoned", appauthor=False)
        return Path(cache) / "checkpoints" / _key(self._whole, self._name, self._seed)

    def _below(self, folder: Path) -> Path:
        """This study's part of a folder, the same on every machine, however each of them reaches the storage."""
        if self._name is not None:
            return folder / _key(self._place, self._name, self._seed)
        folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="study-", dir=folder))


def _key(*parts: object) -> str:
    return hashlib.blake2b("\n".join(map(str, parts)).encode(), digest_size=12).hexdigest()


def _database(url: str) -> str:
    """A storage without its host: a file by its whole path, a server's database by its name."""
    return _absolute(url) if url.startswith("sqlite") else url.rpartition("/")[2]


def _absolute(url: str) -> str:
    """A file's URL by its whole path: two folders may each have a file of that name."""
    head, mark, file = url.partition(":///")
    return f"{head}{mark}{Path(file).absolute()}" if head.startswith("sqlite") and file else url
