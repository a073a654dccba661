"""Database URLs without passwords, for messages. The module imports no database library, for commands without one."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["mask_password"]

_SECRETS: Final = re.compile(
    r"(?P<user>:(?://[^/@:]*:)?)(?!//)[^@]*@(?:[^/@?#]*@)*|(?P<name>[?&][a-z_]*(?:password|pwd)=)[^&#]*", re.IGNORECASE
)


def mask_password(url: str) -> str:
    """Return a database URL with its password masked, before the host and in the query.

    Example:
        >>> mask_password("postgresql://me:secret@server/team")
        'postgresql://me:***@server/team'
        >>> mask_password("postgresql://server/team?user=me&password=secret")
        'postgresql://server/team?user=me&password=***'
    """
    return _SECRETS.sub(lambda found: f"{found['name']}***" if found["name"] else f"{found['user']}***@", str(url))
