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

    Example:
        >>> Checkpoints("runs", None, "study").folder.name
        'runs'
    """

    def __init__(self, folder: str | Path | None, url: str | None, name: str) -> None:
        self._folder = folder
        self._url = url
        self._name = name

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
        key = hashlib.blake2b(f"{self._url}\n{self._name}".encode(), digest_size=12).hexdigest()
        return Path(cache) / "checkpoints" / key
