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
    """The folder of a study's checkpoints.

    Args:
        folder: Where the user wants it, or None.
        url: Of the storage, if it has one: a study that is opened again finds its checkpoints.
        name: The study's name.
        seed: The study's, by which another one of the same name, made once the first was deleted, is told from it.

    Example:
        >>> Checkpoints("runs", None, "study", 0).folder.name
        'runs'
    """

    def __init__(self, folder: str | Path | None, url: str | None, name: str, seed: int) -> None:
        self._folder = folder
        self._url = url
        self._name = name
        self._seed = seed

    @cached_property
    def folder(self) -> Path:
        """The folder; without a storage's URL a temporary one that goes with this object."""
        if self._folder is not None:
            return Path(self._folder).absolute()
        if self._url is None:
            made = tempfile.mkdtemp(prefix="seasoned-checkpoints-")
            weakref.finalize(self, shutil.rmtree, made, ignore_errors=True)
            return Path(made)
        import platformdirs

        cache = os.environ.get("SEASONED_CACHE") or platformdirs.user_cache_dir("seasoned", appauthor=False)
        text = f"{_absolute(self._url)}\n{self._name}\n{self._seed}"
        key = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
        return Path(cache) / "checkpoints" / key


def _absolute(url: str) -> str:
    """A file's URL by its whole path: two folders may each have a file of that name."""
    head, mark, file = url.partition(":///")
    return f"{head}{mark}{Path(file).absolute()}" if head.startswith("sqlite") and file else url
