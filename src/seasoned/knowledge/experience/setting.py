"""Setting `experience`: the parts of its meaning that need no store."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["NOTHING", "PLACES", "VARIABLE", "grows"]

VARIABLE: Final = "SEASONED_EXPERIENCE"
"""Environment variable that sets the meaning of "default"."""

NOTHING: Final = frozenset({"none", "off", "0"})
"""Values of the variable that switch experience off."""

PLACES: Final = (None, "default", "shipped")
"""Settings that are not URLs."""


def grows(setting: str | None) -> bool:
    """Return True if fits with this setting add their results to a store.

    Example:
        >>> grows("shipped"), grows(None), grows("sqlite:///team.db")
        (False, False, True)
    """
    if setting == "default":
        return os.environ.get(VARIABLE, "").lower() not in NOTHING | {"shipped"}
    return setting not in {None, "shipped"}
