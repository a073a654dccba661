"""Networks that are part of the package."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import as_file, files
from typing import Literal

from seasoned.incontext.network import Network

__all__ = ["shipped_network"]


@lru_cache(maxsize=2)
def shipped_network(kind: Literal["tables"] = "tables") -> Network:
    """Return the network for rows of tables; its attribute `card` says how it was trained.

    Example:
        >>> shipped_network().card["never saw"]
        'any real table or recorded study'
    """
    with as_file(files("seasoned.incontext") / "weights" / f"{kind}.npz") as path:
        return Network.load(path)
