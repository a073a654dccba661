"""What the setting `experience` means, as far as that can be said without a store."""

from __future__ import annotations

import os
from typing import Final

__all__ = ["NOTHING", "PLACES", "VARIABLE", "grows"]

VARIABLE: Final = "SEASONED_EXPERIENCE"
"""The environment variable that "default" obeys."""

NOTHING: Final = frozenset({"none", "off", "0"})
"""What it may hold for no experience."""

PLACES: Final = (None, "default", "shipped")
"""Settings that name no address."""


def grows(setting: str | None) -> bool:
    """Whether fits with this setting add to a store, so that later ones know more.

    Example:
        >>> grows("shipped"), grows(None), grows("sqlite:///team.db")
        (False, False, True)
    """
    if setting == "default":
        return os.environ.get(VARIABLE, "").lower() not in NOTHING | {"shipped"}
    return setting not in {None, "shipped"}
