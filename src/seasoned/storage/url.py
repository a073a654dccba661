"""Addresses of databases as they may be shown; without any database library, for commands that need none."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["hidden"]

_SECRETS: Final = re.compile(
    r"(?P<user>:(?://[^/@:]*:)?)(?!//)[^@]*@(?:[^/@?#]*@)*|(?P<name>[?&][a-z_]*(?:password|pwd)=)[^&#]*", re.IGNORECASE
)


def hidden(url: str) -> str:
    """A database URL as it may be shown: without its password, be it before the host or in the query.

    Example:
        >>> hidden("postgresql://me:secret@server/team"), hidden("postgresql://server/team?user=me&password=secret")
        ('postgresql://me:***@server/team', 'postgresql://server/team?user=me&password=***')
    """
    return _SECRETS.sub(lambda found: f"{found['name']}***" if found["name"] else f"{found['user']}***@", str(url))
