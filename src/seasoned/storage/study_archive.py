"""Archive of finished studies in SQLite or PostgreSQL, one row per study, for learning across studies.

The event log (`sql.py`) is written trial by trial. An archived study never changes, and all studies are read together.
So the trials of a study are four packed arrays in its row. The text of a configuration is stored once, under its hash
(`digest`), so that studies are read without any texts.

Layout of the arrays, shape (trials,), little-endian: `configurations` int64, `scores` float64, `seconds` float32,
`failed` uint8.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite

from seasoned.errors import StorageError
from seasoned.storage.engine import Connections

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

__all__ = ["EXPERIENCE", "PastRow", "PastStore", "digest"]

EXPERIENCE: Final = "seasoned_past_studies"
"""Name of the table that identifies a store of experience."""

_LAYOUT: Final = 1
PATIENCE: Final = 10.0  # seconds to wait for a lock; short, because a fit also works without experience
_AT_ONCE: Final = 500  # bound values per statement
_LOCK: Final = 7326776834  # key of an advisory lock: in PostgreSQL, "create if absent" is not atomic

_metadata = MetaData()
_layouts = Table("seasoned_past_layout", _metadata, Column("version", Integer, primary_key=True))
_studies = Table(
    EXPERIENCE,
    _metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("head", Text, nullable=False),
    Column("names", Text, nullable=False),
    Column("numbers", LargeBinary, nullable=False),
    Column("configurations", LargeBinary, nullable=False),
    Column("scores", LargeBinary, nullable=False),
    Column("seconds", LargeBinary, nullable=False),
    Column("failed", LargeBinary, nullable=False),
)
_texts = Table(
    "seasoned_past_configurations",
    _metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("content", Text, nullable=False),
    sqlite_with_rowid=True,
)


class PastRow(NamedTuple):
    """Row of one finished study.

    Attributes:
        key: Unique key; the same study has the same key in every store.
        head: Description of the study's task, as JSON.
        names: Names of the meta-features, joined by commas.
        numbers: Meta-features, float64.
        configurations: Hash of each trial's configuration (`digest`), int64.
        scores: Score of each trial, minimised, float64; NaN without a score.
        seconds: Seconds of each trial, float32; NaN if unknown.
        failed: State of each trial, uint8: 1 failed, 2 stopped, else 0.
    """

    key: str
    head: str
    names: str
    numbers: bytes
    configurations: bytes
    scores: bytes
    seconds: bytes
    failed: bytes


def digest(content: str) -> int:
    """Return the hash of a configuration's text, in the range of int64.

    Example:
        >>> digest("{}") == digest("{}"), digest("{}") == digest("[]")
        (True, False)
    """
    return int.from_bytes(hashlib.blake2b(content.encode(), digest_size=8).digest(), "little", signed=True)


class PastStore:
    """Archive of finished studies in a database.

    Args:
        url: `sqlite:///file.db` (`add` creates the file if absent), or `postgresql+psycopg://user@host/name` with the
            extra `postgres`.
        patience: Seconds to wait for locks of other programs.
        reads: True to open the database read-only, for files of other users.

    Raises:
        InvalidInput: If the URL is invalid.
        StorageError: If the database cannot be opened, or was written by a newer version.
    """

    def __init__(self, url: str, patience: float = PATIENCE, *, reads: bool = False) -> None:
        self._connections = Connections(url, patience, reads=reads)
        with self._connections.transaction(write=False) as connection:
            self._there(connection)

    def _there(self, connection: Connection) -> bool:
        """Return True if the tables exist; reading does not create them, so it needs no write permission."""
        if not inspect(connection).has_table(_layouts.name):
            return False
        found = connection.execute(select(_layouts.c.version)).scalar()
        if found is not None and found > _LAYOUT:
            raise StorageError(
                f"the experience in {self.url} has layout {found}, and this version of seasoned knows up to "
                f"{_LAYOUT}; upgrade seasoned."
            )
        return True

    def _lock(self, connection: Connection) -> None:
        """Allow one writer at a time; SQLite's transactions already do."""
        if not self._connections.is_sqlite:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))

    @property
    def url(self) -> str:
        """URL of the database, without its password."""
        return self._connections.url.render_as_string()

    def add(self, rows: Iterable[PastRow], texts: Mapping[int, str]) -> int:
        """Add studies and the texts of their configurations, all or none; return the number of new studies."""
        spell: Any = sqlite.insert if self._connections.is_sqlite else postgresql.insert
        new = [{"number": number, "content": content} for number, content in texts.items()]
        added = 0
        with self._connections.transaction() as connection:
            self._lock(connection)
            if not self._there(connection):
                _metadata.create_all(connection)
                connection.execute(insert(_layouts).values(version=_LAYOUT))
            for start in range(0, len(new), _AT_ONCE):
                connection.execute(spell(_texts).on_conflict_do_nothing(), new[start : start + _AT_ONCE])
            for row in rows:
                once = spell(_studies).on_conflict_do_nothing().values(**row._asdict()).returning(_studies.c.id)
                added += len(connection.execute(once).all())  # a server's driver does not count the rows
        return added

    def read(self, most: int) -> list[PastRow]:
        """Return the newest studies, at most `most`, oldest first."""
        columns = [_studies.c[name] for name in PastRow._fields]
        with self._connections.transaction(write=False) as connection:
            if not self._there(connection):
                return []
            found = connection.execute(select(*columns).order_by(_studies.c.id.desc()).limit(most)).all()
        return [PastRow(*row) for row in reversed(found)]

    def texts(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return the texts of configurations, by hash."""
        found: dict[int, str] = {}
        with self._connections.transaction(write=False) as connection:
            if not self._there(connection):
                return found
            for start in range(0, len(numbers), _AT_ONCE):
                some = [int(number) for number in numbers[start : start + _AT_ONCE]]
                rows = connection.execute(select(_texts.c.number, _texts.c.content).where(_texts.c.number.in_(some)))
                found.update((row.number, row.content) for row in rows)
        return found

    def heads(self) -> list[tuple[str, str]]:
        """Return key and head of every study, oldest first."""
        with self._connections.transaction(write=False) as connection:
            if not self._there(connection):
                return []
            found = connection.execute(select(_studies.c.key, _studies.c.head).order_by(_studies.c.id)).all()
        return [(row.key, row.head) for row in found]

    def count(self) -> int:
        """Return the number of studies."""
        with self._connections.transaction(write=False) as connection:
            if not self._there(connection):
                return 0
            return int(connection.execute(select(func.count()).select_from(_studies)).scalar_one())

    def delete(self, keys: Sequence[str]) -> int:
        """Remove studies, and texts that no other study uses; return the number of removed studies."""
        gone = 0
        with self._connections.transaction() as connection:
            self._lock(connection)
            if not self._there(connection):
                return 0
            for some in _portions(list(keys)):
                gone += connection.execute(delete(_studies).where(_studies.c.key.in_(some))).rowcount
            unused = set(connection.execute(select(_texts.c.number)).scalars())
            for packed in connection.execute(select(_studies.c.configurations)).scalars():
                whole = packed[: len(packed) // 8 * 8]  # whole numbers of a damaged row
                unused.difference_update(number for (number,) in struct.iter_unpack("<q", whole))
            for some in _portions(sorted(unused)):
                connection.execute(delete(_texts).where(_texts.c.number.in_(some)))
        return gone

    def close(self) -> None:
        """Close this process's connections."""
        self._connections.close()


def _portions(values: list[Any]) -> list[list[Any]]:
    return [values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE)]
