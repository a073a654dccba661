"""Storage of studies: event logs and leases on trial numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seasoned._util.lazy_imports import lazy_names
from seasoned.storage.base import DETACHED, Claim, EventLog, Storage
from seasoned.storage.memory import MemoryStorage

if TYPE_CHECKING:
    from seasoned.storage.engine import store_exists, url_of
    from seasoned.storage.sql import SqlStorage
    from seasoned.storage.summary import may_hold_studies

__all__ = [
    "DETACHED",
    "Claim",
    "EventLog",
    "MemoryStorage",
    "SqlStorage",
    "Storage",
    "may_hold_studies",
    "store_exists",
    "url_of",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "SqlStorage": "seasoned.storage.sql",
        "may_hold_studies": "seasoned.storage.summary",
        "store_exists": "seasoned.storage.engine",
        "url_of": "seasoned.storage.engine",
    },
)
