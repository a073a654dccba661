"""Tables of a store, with one layout for SQLite and PostgreSQL.

The study's row contains the counters of events, trial numbers and finished trials. Every write locks this row first, so
writers of one study wait for each other. So positions have no gaps and become visible in order, on both systems.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text

__all__ = ["SCHEMA_VERSION", "claims", "drivers", "events", "metadata", "schema", "studies"]

SCHEMA_VERSION: Final = 1

metadata = MetaData()

schema = Table("seasoned_schema", metadata, Column("version", Integer, primary_key=True))

studies = Table(
    "seasoned_studies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("length", BigInteger, nullable=False),  # events in the log
    Column("numbers", BigInteger, nullable=False),  # assigned trial numbers
    Column("finished", BigInteger, nullable=False),
    sqlite_autoincrement=True,  # no id is reused: a deleted study's drivers could write into a new study
)


def _study_column() -> Column[int]:
    return Column("study", ForeignKey("seasoned_studies.id", ondelete="CASCADE"), primary_key=True)


events = Table(
    "seasoned_events",
    metadata,
    _study_column(),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("number", BigInteger),  # trial number; NULL for events about the study
    Column("content", Text, nullable=False),
    sqlite_with_rowid=False,
)

_once = events.c.kind.in_(["asked", "finished"])
Index(
    "seasoned_once_per_trial",
    events.c.study,
    events.c.number,
    events.c.kind,
    unique=True,
    sqlite_where=_once,
    postgresql_where=_once,
)

claims = Table(
    "seasoned_claims",
    metadata,
    _study_column(),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("driver", String(255)),  # NULL: released
    Column("attempt", Integer, nullable=False),
    sqlite_with_rowid=False,
)

drivers = Table(
    "seasoned_drivers",
    metadata,
    _study_column(),
    Column("driver", String(255), primary_key=True),
    Column("beat", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
